"""Interfaces of the article: what fires at a position, and what each position stands for."""

from tf_interp.interfaces.activation_grid import ActivationGrid as ActivationGrid
from tf_interp.interfaces.activation_grid import activation_grid as activation_grid
from tf_interp.interfaces.semantic_dictionary import Dictionary as Dictionary
from tf_interp.interfaces.semantic_dictionary import semantic_dictionary as semantic_dictionary
