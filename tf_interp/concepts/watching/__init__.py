"""Concept tests that are read at many steps of a training, with one error rate for all of them."""
