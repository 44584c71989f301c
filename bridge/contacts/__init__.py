"""Who is calling: which records of a CRM have the number."""
