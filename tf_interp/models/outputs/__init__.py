"""What comes out of a network: the logits behind its end, what its numbers are, and what is asked of them."""
