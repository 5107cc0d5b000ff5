"""The answer of a concept test: rows, flags, sentences, bars."""
