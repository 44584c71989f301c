"""The line of a click: `answer` reads it from top to bottom."""
