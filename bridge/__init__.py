"""popbridge: a webhook-driven CRM popup bridge. The program; `workers` is its second door."""

__version__ = "0.1.0"
