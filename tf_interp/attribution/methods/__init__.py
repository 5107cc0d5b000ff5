"""A file a method; `method.py` says what all of them promise."""
