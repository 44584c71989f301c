"""What it costs, measured side by side with what else could be taken. See README.md here."""
