"""What the program says of itself: logs, traces, signs of life."""
