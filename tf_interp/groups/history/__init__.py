"""The same groups through time."""
