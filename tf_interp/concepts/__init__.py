"""Concepts: which human ideas a decision depends on, with statistics one can trust."""

from tf_interp.concepts.apply import ablate_concepts as ablate_concepts
from tf_interp.concepts.apply import concept_maps as concept_maps
from tf_interp.concepts.apply import concept_scores as concept_scores
from tf_interp.concepts.apply import sort_by_concept as sort_by_concept
from tf_interp.concepts.examples.concept import Concept as Concept
from tf_interp.concepts.result.explain import Finding as Finding
from tf_interp.concepts.result.flags import FLAGS as FLAGS
from tf_interp.concepts.result.result import ConceptTest as ConceptTest
from tf_interp.concepts.store import load_directions as load_directions
from tf_interp.concepts.store import save_directions as save_directions
from tf_interp.concepts.tcav.tcav import add_concepts as add_concepts
from tf_interp.concepts.tcav.tcav import tcav as tcav
from tf_interp.concepts.watching.concept_watch import ConceptWatch as ConceptWatch
