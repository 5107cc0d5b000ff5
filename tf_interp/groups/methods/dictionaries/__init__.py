"""Overcomplete dictionaries: more groups than channels, few at a position."""
