"""What to look at, and what it will cost, before anything is computed."""
