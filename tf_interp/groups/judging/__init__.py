"""How good a grouping is: one card a grouping, methods beside each other, and how many groups."""
