"""Concepts without names: found, judged by what they do, ready to be named and tested."""

from tf_interp.discovery.discover import find_concepts as find_concepts
from tf_interp.discovery.found_concepts import FoundConcepts as FoundConcepts
