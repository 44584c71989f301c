"""Deliveries in Redis: their records, the claim to attempt one, the results, the ledger of what is due."""
