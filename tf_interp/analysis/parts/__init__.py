"""A file a part of an analysis."""
