"""The API that programs read."""
