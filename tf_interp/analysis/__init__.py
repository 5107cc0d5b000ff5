"""The one pipeline from a model to records, and its parts."""

from tf_interp.analysis.analyze import Analysis as Analysis
from tf_interp.analysis.analyze import analyze as analyze
from tf_interp.analysis.part import Album as Album
from tf_interp.analysis.part import Draft as Draft
from tf_interp.analysis.part import Part as Part
from tf_interp.analysis.part import View as View
from tf_interp.analysis.parts.attributions import Attributions as Attributions
from tf_interp.analysis.parts.concept_tests import ConceptTests as ConceptTests
from tf_interp.analysis.parts.decisions import Decisions as Decisions
from tf_interp.analysis.parts.features import Features as Features
from tf_interp.analysis.parts.neuron_groups import NeuronGroups as NeuronGroups
from tf_interp.analysis.parts.semantic_dictionaries import SemanticDictionary as SemanticDictionary
