"""tf-interp: see what a Keras network has learned, while it trains and afterwards.

Everything public is here; each name is imported when it is first used, so `import tf_interp` costs next to nothing.
"""

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tf_interp.analysis import Analysis as Analysis
    from tf_interp.analysis import Attributions as Attributions
    from tf_interp.analysis import ConceptTests as ConceptTests
    from tf_interp.analysis import Decisions as Decisions
    from tf_interp.analysis import Features as Features
    from tf_interp.analysis import NeuronGroups as NeuronGroups
    from tf_interp.analysis import Part as Part
    from tf_interp.analysis import SemanticDictionary as SemanticDictionary
    from tf_interp.analysis import analyze as analyze
    from tf_interp.attribution import Attribution as Attribution
    from tf_interp.attribution import Faithfulness as Faithfulness
    from tf_interp.attribution import LayerTarget as LayerTarget
    from tf_interp.attribution import WeightRandomization as WeightRandomization
    from tf_interp.attribution import attribute as attribute
    from tf_interp.attribution import faithfulness as faithfulness
    from tf_interp.attribution import weight_randomization as weight_randomization
    from tf_interp.callback import InterpCallback as InterpCallback
    from tf_interp.capture import read_activations as read_activations
    from tf_interp.concepts import Concept as Concept
    from tf_interp.concepts import ConceptTest as ConceptTest
    from tf_interp.concepts import ConceptWatch as ConceptWatch
    from tf_interp.concepts import ablate_concepts as ablate_concepts
    from tf_interp.concepts import add_concepts as add_concepts
    from tf_interp.concepts import concept_maps as concept_maps
    from tf_interp.concepts import concept_scores as concept_scores
    from tf_interp.concepts import load_directions as load_directions
    from tf_interp.concepts import save_directions as save_directions
    from tf_interp.concepts import sort_by_concept as sort_by_concept
    from tf_interp.concepts import tcav as tcav
    from tf_interp.directions import Directions as Directions
    from tf_interp.discovery import FoundConcepts as FoundConcepts
    from tf_interp.discovery import find_concepts as find_concepts
    from tf_interp.evolution import save_evolution as save_evolution
    from tf_interp.features import SGD as SGD
    from tf_interp.features import Adam as Adam
    from tf_interp.features import CloseTo as CloseTo
    from tf_interp.features import CollapseAlpha as CollapseAlpha
    from tf_interp.features import Cppn as Cppn
    from tf_interp.features import Fourier as Fourier
    from tf_interp.features import Interaction as Interaction
    from tf_interp.features import Lookup as Lookup
    from tf_interp.features import Maco as Maco
    from tf_interp.features import Objective as Objective
    from tf_interp.features import PathCheck as PathCheck
    from tf_interp.features import PicturePrior as PicturePrior
    from tf_interp.features import Pixel as Pixel
    from tf_interp.features import Pyramid as Pyramid
    from tf_interp.features import RenderedUnit as RenderedUnit
    from tf_interp.features import Rendering as Rendering
    from tf_interp.features import Shared as Shared
    from tf_interp.features import Spritemap as Spritemap
    from tf_interp.features import State as State
    from tf_interp.features import accentuate as accentuate
    from tf_interp.features import activation_difference as activation_difference
    from tf_interp.features import alignment as alignment
    from tf_interp.features import as_objective as as_objective
    from tf_interp.features import blur_alpha as blur_alpha
    from tf_interp.features import blur_input as blur_input
    from tf_interp.features import boundary_complexity as boundary_complexity
    from tf_interp.features import caricature as caricature
    from tf_interp.features import channel as channel
    from tf_interp.features import channel_interpolate as channel_interpolate
    from tf_interp.features import check_path as check_path
    from tf_interp.features import class_logit as class_logit
    from tf_interp.features import decay as decay
    from tf_interp.features import deepdream as deepdream
    from tf_interp.features import direction as direction
    from tf_interp.features import direction_neuron as direction_neuron
    from tf_interp.features import diversity as diversity
    from tf_interp.features import dot_compare as dot_compare
    from tf_interp.features import dream as dream
    from tf_interp.features import facets as facets
    from tf_interp.features import from_directions as from_directions
    from tf_interp.features import input_diff as input_diff
    from tf_interp.features import interaction as interaction
    from tf_interp.features import interaction_grid as interaction_grid
    from tf_interp.features import interpolate as interpolate
    from tf_interp.features import l1 as l1
    from tf_interp.features import l2 as l2
    from tf_interp.features import mean_alpha as mean_alpha
    from tf_interp.features import neuron as neuron
    from tf_interp.features import objective as objective
    from tf_interp.features import only_after as only_after
    from tf_interp.features import positive_negative as positive_negative
    from tf_interp.features import render as render
    from tf_interp.features import render_many as render_many
    from tf_interp.features import saturation as saturation
    from tf_interp.features import spritemap as spritemap
    from tf_interp.features import tensor_direction as tensor_direction
    from tf_interp.features import total_variation as total_variation
    from tf_interp.features import transfer_style as transfer_style
    from tf_interp.findings import RunFinding as RunFinding
    from tf_interp.findings import read_findings as read_findings
    from tf_interp.graph import AttributionGraph as AttributionGraph
    from tf_interp.graph import attribution_graph as attribution_graph
    from tf_interp.groups import GroupAblation as GroupAblation
    from tf_interp.groups import GroupClarity as GroupClarity
    from tf_interp.groups import GroupFactorization as GroupFactorization
    from tf_interp.groups import GroupHistory as GroupHistory
    from tf_interp.groups import GroupingCard as GroupingCard
    from tf_interp.groups import GroupingComparison as GroupingComparison
    from tf_interp.groups import GroupMatch as GroupMatch
    from tf_interp.groups import GroupNames as GroupNames
    from tf_interp.groups import GroupPrediction as GroupPrediction
    from tf_interp.groups import GroupProfiles as GroupProfiles
    from tf_interp.groups import Groups as Groups
    from tf_interp.groups import GroupScan as GroupScan
    from tf_interp.groups import GroupTracks as GroupTracks
    from tf_interp.groups import KeptGroups as KeptGroups
    from tf_interp.groups import SobolImportance as SobolImportance
    from tf_interp.groups import Strategies as Strategies
    from tf_interp.groups import ablate_groups as ablate_groups
    from tf_interp.groups import compare_groupings as compare_groupings
    from tf_interp.groups import describe_groups as describe_groups
    from tf_interp.groups import find_groups as find_groups
    from tf_interp.groups import find_strategies as find_strategies
    from tf_interp.groups import group_clarity as group_clarity
    from tf_interp.groups import judge_groups as judge_groups
    from tf_interp.groups import keep_group_names as keep_group_names
    from tf_interp.groups import match_groups as match_groups
    from tf_interp.groups import name_groups as name_groups
    from tf_interp.groups import predict_from_groups as predict_from_groups
    from tf_interp.groups import read_group_names as read_group_names
    from tf_interp.groups import recall_group_names as recall_group_names
    from tf_interp.groups import scan_groups as scan_groups
    from tf_interp.groups import sobol_importance as sobol_importance
    from tf_interp.groups import stream_groups as stream_groups
    from tf_interp.groups import track_groups as track_groups
    from tf_interp.interfaces import ActivationGrid as ActivationGrid
    from tf_interp.interfaces import Dictionary as Dictionary
    from tf_interp.interfaces import activation_grid as activation_grid
    from tf_interp.interfaces import semantic_dictionary as semantic_dictionary
    from tf_interp.models import Head as Head
    from tf_interp.models import Model as Model
    from tf_interp.models import Target as Target
    from tf_interp.models import open_model as open_model
    from tf_interp.models import zoo as zoo
    from tf_interp.notebook import show as show
    from tf_interp.probe import Probe as Probe
    from tf_interp.records import Record as Record
    from tf_interp.records import Writer as Writer
    from tf_interp.records import read as read
    from tf_interp.records import write as write
    from tf_interp.report import write_report as write_report

__version__ = "0.1.0"

_HOMES = {
    "tf_interp.analysis": (
        "Analysis", "Attributions", "ConceptTests", "Decisions", "Features", "NeuronGroups", "Part",
        "SemanticDictionary", "analyze",
    ),
    "tf_interp.attribution": (
        "Attribution", "Faithfulness", "LayerTarget", "WeightRandomization", "attribute", "faithfulness",
        "weight_randomization",
    ),
    "tf_interp.callback": ("InterpCallback",),
    "tf_interp.capture": ("read_activations",),
    "tf_interp.concepts": (
        "Concept", "ConceptTest", "ConceptWatch", "ablate_concepts", "add_concepts", "concept_maps",
        "concept_scores", "load_directions", "save_directions", "sort_by_concept", "tcav",
    ),
    "tf_interp.directions": ("Directions",),
    "tf_interp.discovery": ("FoundConcepts", "find_concepts"),
    "tf_interp.evolution": ("save_evolution",),
    "tf_interp.features": (
        "Adam", "CloseTo", "CollapseAlpha", "Cppn", "Fourier", "Interaction", "Lookup", "Maco", "Objective",
        "PathCheck", "PicturePrior", "Pixel", "Pyramid", "RenderedUnit", "Rendering", "SGD", "Shared", "Spritemap",
        "State", "accentuate", "activation_difference", "alignment", "as_objective", "blur_alpha", "blur_input",
        "boundary_complexity", "caricature", "channel", "channel_interpolate", "check_path", "class_logit", "decay",
        "deepdream",
        "direction", "direction_neuron", "diversity", "dot_compare", "dream", "facets", "from_directions", "input_diff",
        "interaction", "interaction_grid", "interpolate", "l1", "l2", "mean_alpha", "neuron", "objective", "only_after",
        "positive_negative", "render", "render_many", "saturation", "spritemap", "tensor_direction", "total_variation",
        "transfer_style",
    ),
    "tf_interp.findings": ("RunFinding", "read_findings"),
    "tf_interp.graph": ("AttributionGraph", "attribution_graph"),
    "tf_interp.groups": (
        "GroupAblation", "GroupClarity", "GroupFactorization", "GroupHistory", "GroupMatch", "GroupNames",
        "GroupPrediction", "GroupProfiles", "GroupScan", "GroupTracks", "GroupingCard", "GroupingComparison", "Groups",
        "KeptGroups", "SobolImportance", "Strategies", "ablate_groups", "compare_groupings", "describe_groups",
        "find_groups", "find_strategies", "group_clarity", "judge_groups", "keep_group_names", "match_groups",
        "name_groups", "predict_from_groups", "read_group_names", "recall_group_names", "scan_groups",
        "sobol_importance", "stream_groups", "track_groups",
    ),
    "tf_interp.interfaces": ("ActivationGrid", "Dictionary", "activation_grid", "semantic_dictionary"),
    "tf_interp.models": ("Head", "Model", "Target", "open_model", "zoo"),
    "tf_interp.notebook": ("show",),
    "tf_interp.probe": ("Probe",),
    "tf_interp.records": ("Record", "Writer", "read", "write"),
    "tf_interp.report": ("write_report",),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}
_NEEDS_TENSORFLOW = frozenset(_HOMES) - {
    "tf_interp.directions",
    "tf_interp.evolution",
    "tf_interp.findings",
    "tf_interp.notebook",
    "tf_interp.probe",
    "tf_interp.records",
    "tf_interp.report",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'tf_interp' has no attribute {name!r}")
    if _HOME[name] in _NEEDS_TENSORFLOW and importlib.util.find_spec("tensorflow") is None:
        raise ImportError(
            "tf-interp needs TensorFlow 2.20 or newer, which is not installed: "
            "pip install 'tf-interp[cpu]' (no GPU) or 'tf-interp[gpu]', or bring your own"
        )
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
