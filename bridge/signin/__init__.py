"""Signing in by OpenID Connect: what the identity provider says, whom that makes of a person, and for how long."""
