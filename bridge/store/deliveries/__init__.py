"""Deliveries in Redis: their records, the claim to attempt one, the ledger of what is due."""
