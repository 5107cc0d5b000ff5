"""What each command of `tf-interp` does."""
