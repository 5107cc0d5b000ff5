"""What a record says of groups: what they are, and what becomes of decisions without them."""
