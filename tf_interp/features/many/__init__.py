"""Thousands of units: resumable rendering, its cache, and the sheet of a whole layer."""
