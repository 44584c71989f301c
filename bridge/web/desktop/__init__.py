"""The agent's desktop page: its event stream and what it asks of the server."""
