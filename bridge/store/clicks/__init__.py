"""Clicks in Redis: accepted once, or refused."""
