"""The web door: clicks in, the API, the agent's page."""
