"""Set-up: what a make needs to be told, a try of it before it goes into the settings, and the text of the settings."""
