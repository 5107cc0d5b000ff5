"""Pictures that run together: how many a network takes, and whether each is computed for itself."""
