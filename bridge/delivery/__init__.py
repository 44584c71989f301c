"""The line of a delivery: `deliver` reads it from top to bottom."""
