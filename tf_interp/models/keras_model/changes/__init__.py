"""What becomes of a live network after it was made: changed in place, and filled by its first call."""
