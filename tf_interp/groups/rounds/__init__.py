"""A factorization in rounds over shards: for data sets that do not fit into memory, and for engines."""
