"""`tcav`: does a decision depend on a human concept? Three questions, three numbers, honest statistics."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.capture import read_activations
from tf_interp.concepts.examples.concept import as_concept
from tf_interp.concepts.examples.sets import Sets, gather_sets
from tf_interp.concepts.examples.target_images import TargetImages
from tf_interp.concepts.result.flags import Circumstances, raise_flags
from tf_interp.concepts.result.result import ConceptTest, correct_rows
from tf_interp.concepts.statistics.cav import get_fit
from tf_interp.concepts.statistics.cav_quality import NULLS
from tf_interp.concepts.statistics.specificity import PATTERNS, SMALLEST, Patterns
from tf_interp.concepts.tcav.arguments import Request, check_options, check_reference, describe
from tf_interp.concepts.tcav.comparisons import Contrast, declare_contrasts
from tf_interp.concepts.tcav.kim2018 import NOTE, run_reference
from tf_interp.concepts.tcav.rows import Compared, Options, compare, leave_blank
from tf_interp.concepts.tcav.sensitivity import Sensitivity, goes_otherwise, sensitivities
from tf_interp.models import Model
from tf_interp.models.batches import check_model, count_rows, learn
from tf_interp.models.batching.padding import tell_means
from tf_interp.models.layer_names import take_names
from tf_interp.probe import pick_rows

HELD = 2**26  # bytes of activations and gradients that a result holds at most, for `add_concepts`: 64 MB
_ESTIMATOR_REFITS = 50  # a scikit-learn classifier is fitted one labeling at a time
_ESTIMATOR_NULLS = 19
_ESTIMATOR_PATTERNS = 59


def tcav(
    model: Model,
    concepts: Mapping[str, Any],
    random: Any,
    targets: Mapping[Any, Any],
    layers: str | Sequence[str],
    *,
    paired: Mapping[str, Any] | None = None,
    groups: Mapping[str, Sequence[Any]] | None = None,
    relative: str = "union",
    hierarchy: Mapping[str, Sequence[str]] | None = None,
    method: str = "displacement",
    cav: Any = "mean",
    pooling: str = "mean",
    permutations: int = 10_000,
    bootstraps: int = 1000,
    runs: int = 20,
    seed: int = 0,
    batch_size: int = 32,
    alpha: float = 0.05,
    family: int | None = None,
    fixed: Mapping[str, Any] | None = None,
) -> ConceptTest:
    """Test which concepts the decisions of a network depend on.

    For each layer, target and concept there is a row for each contrast: "random" (concept images against the random
    pool), "relative" (against the union of the other concepts, with two or more) and "paired" (against the same images
    without the concept). Each row answers whether the target's logit moves between contrast and concept images
    (`displacement`, with an exact permutation test), how well gradient and concept vector agree (`effect`, `score`),
    and whether that is more than arbitrary patterns of the pool would show (`specificity`).

    Args:
        model: the network.
        concepts: name -> images float [N,H,W,C] in [0,1], or what else the network takes, for several inputs a dict of
            arrays; or `Concept`; 5 or more of each, better 50.
        random: images or `Concept` of a random pool, 60 or more for specificity; None if every concept is paired.
        targets: class name or index -> images of the class; or any name -> (class name, index or function
            outputs -> [N], images). Rows have the class's name, where the model knows names; see `Model.target`.
        layers: layer names, or one name.
        paired: concept name -> the same images without the concept, in the same order.
        groups: concept name or "random" -> N labels, equal where images share a source (crops of one photograph, one
            patient); these are permuted together, and a side needs 2 or more sources. The same label in two sets is
            the same source: `[f"{name} {n}" for n in ...]` keeps them apart.
        relative: "union" compares each concept with the union of its siblings, "pairs" with each of them, "none" not.
        hierarchy: parent -> names of concepts or parents; a parent is tested as the union of these, and siblings are
            the children of one parent.
        method: "displacement", or "kim2018" for the published test, whose p values are optimistic; it was published
            with pooling="flat".
        cav: kind of the concept vector, for `effect`, `score` and accuracy: "mean", "ridge", "logistic", "hinge", or a
            scikit-learn linear classifier. `displacement` and its p do not depend on it.
        pooling: "mean" over positions (a vector of channels), or "flat". The mean forgets places: take "flat" for what
            sits in one place, such as a caption, in a network that does not average over positions itself. Positions
            that the network's own mask leaves out, as padding of tokens, do not count in the mean; a note says so.
        permutations: number of relabelings.
        bootstraps: number of resamples for the intervals.
        runs: number of random sets of method "kim2018".
        seed: for all draws; the same seed gives the same numbers.
        batch_size: images at a time; changes nothing but memory and speed.
        alpha: level of the claims.
        family: number of tests to correct for, where this call is one of several (over training steps, say); None for
            the tests of this call.
        fixed: of a network with several inputs, name of an input -> what it gets (one row), wherever images are one
            array and not a dict of arrays [N,...].

    Returns:
        The test.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if a name is unknown, images do not fit, or too few remain without duplicates.

    Source: Kim et al., Interpretability Beyond Feature Attribution (TCAV), 2018; the tests are permutation tests of
    the displacement, because the paper's t-test over runs with one concept set is not calibrated.

    Example:
        >>> test = tcav(model, {"striped": stripes}, photos, {"zebra": zebras}, "conv3")
        >>> test.rows[0]["concept"], test.rows[0]["n_target"]
        ('striped', 30)
    """
    check_model(model, "tcav")
    names = [layers] if isinstance(layers, str) else take_names(layers)
    if model.input_shape is None and isinstance(concepts, Mapping) and concepts:
        name, first = next(iter(concepts.items()))
        learn(model, as_concept(first, f"concept {name!r}").images)
    paths = list(dict.fromkeys(model.resolve(name, channels=pooling != "flat") for name in names))
    request = Request(
        concepts, random, targets, paths, paired, groups, relative, hierarchy,
        method, cav, pooling, permutations, bootstraps, runs, seed, batch_size, alpha, family, fixed,
    )  # fmt: skip
    return _run(model, request, None)


def add_concepts(
    test: ConceptTest,
    model: Model,
    concepts: Mapping[str, Any],
    *,
    paired: Mapping[str, Any] | None = None,
    groups: Mapping[str, Sequence[Any]] | None = None,
) -> ConceptTest:
    """Return a test with more concepts; only their images run through the network.

    All tests are declared anew, so corrections count the larger family, and relative contrasts have more siblings: the
    rows are those of one call with all concepts. Everything runs anew where the test does not hold its activations (see
    `ConceptTest.state`), and all images run once more for the first concept that has counterparts.

    Args:
        test: what `tcav` returned.
        model: the same network with the same weights.
        concepts: name -> images, with new names.
        paired: as in `tcav`, of the new concepts.
        groups: as in `tcav`, of the new concepts.

    Returns:
        The larger test.

    Raises:
        ValueError: if a name is taken, or the network's weights have changed.
    """
    check_model(model, "add_concepts")
    if not isinstance(test, ConceptTest) or not isinstance(concepts, Mapping):
        raise TypeError(
            "add_concepts needs what tcav returned, the model, and a dictionary name -> images; got "
            f"{type(test).__name__}, {type(model).__name__} and {type(concepts).__name__}"
        )
    if test.state is None:
        raise ValueError("this test holds nothing to continue from (its state is None): run tcav with all concepts")
    known: _Known = test.state
    if taken := sorted(set(concepts) & set(known.request.concepts)):
        raise ValueError(f"concepts {taken} were tested already: choose other names")
    if known.weights != model.digest():
        raise ValueError(
            "the network's weights have changed since the test, so its numbers do not hold: run tcav again"
        )
    request = dataclasses.replace(
        known.request,
        concepts={**known.request.concepts, **concepts},
        paired={**(known.request.paired or {}), **(paired or {})},
        groups={**(known.request.groups or {}), **(groups or {})},
    )
    return _run(model, request, known if known.holds else None)


@dataclasses.dataclass(frozen=True, eq=False)
class _Known:
    """What a later test of the same network need not compute again: activations and gradients, unless they are large.

    The pictures themselves are the caller's own, which `request` only refers to.
    """

    request: Request
    weights: str
    digests: list[str]
    values: dict[str, tf.Tensor]
    slopes: list[Sensitivity]
    holds: bool = True

    def lighten(self) -> "_Known":
        """Return what a result may hold on to."""
        tensors = [*self.values.values(), *(value for slope in self.slopes for value in slope.gradients.values())]
        if sum(int(value.shape.num_elements()) * value.dtype.size for value in tensors) <= HELD:
            return self
        return dataclasses.replace(self, digests=[], values={}, slopes=[], holds=False)


def _run(model: Model, request: Request, known: _Known | None) -> ConceptTest:
    check_options(request)
    fit = get_fit(request.cav, request.seed)
    asked = request.concepts, request.random, request.targets, request.paired, request.groups, request.fixed
    sets = gather_sets(model, *asked)
    if request.method == "kim2018":
        check_reference(sets, request)
    contrasts = declare_contrasts(sets, request.relative, request.hierarchy)
    if request.pooling == "mean":
        sets = dataclasses.replace(sets, notes=[*sets.notes, *tell_means(model, sets.blocks, request.paths)])

    values = _activate(model, request, sets, known)
    if known is None:
        scores = [(item.target, item.images) for item in sets.targets]
        slopes = sensitivities(model, request.paths, scores, request.pooling, request.batch_size)
    else:
        slopes = known.slopes
    known = _Known(request, model.digest() if known is None else known.weights, sets.digests, values, slopes)
    settings = describe(request, sets)
    if request.method == "kim2018":
        return _run_reference(request, sets, known, settings)

    fitted = isinstance(request.cav, str)
    options = Options(
        request.permutations,
        request.bootstraps,
        request.bootstraps if fitted else min(request.bootstraps, _ESTIMATOR_REFITS),
        NULLS if fitted else _ESTIMATOR_NULLS,
        PATTERNS if fitted else _ESTIMATOR_PATTERNS,
        request.seed,
        fit,
    )
    rows: list[dict[str, Any]] = []
    vectors, projections = {}, {}
    for path in request.paths:
        answers = _test_layer(values[path], [slope.gradients[path] for slope in slopes], sets, contrasts, options)
        for contrast, answer in zip(contrasts, answers, strict=True):
            vectors[(path, *contrast.key)] = answer.vector
            projections[(path, *contrast.key)] = answer.projections
        alike = _entangle(contrasts, answers)
        for number, (target, slope) in enumerate(zip(sets.targets, slopes, strict=True)):
            for contrast, answer in zip(contrasts, answers, strict=True):
                head = {"layer": path, "target": target.name, "concept": contrast.concept, "contrast": contrast.kind}
                against = {"against": list(contrast.names) or None}
                row = {**head, **against, **answer.numbers[number], **alike[contrast.key]}
                turned = False
                if contrast.kind == "paired" and len(model.layers[target.target.output]) < 2:
                    outputs = values[target.target.output]
                    own, bare = (tf.gather(outputs, side) for side in (contrast.rows, contrast.against))
                    turned = goes_otherwise(own, bare, target.target, row["displacement"])
                circumstances = Circumstances(
                    alpha=request.alpha,
                    overlap=contrast.overlap or contrast.concept in target.overlap,
                    shares_sources=contrast.shares_sources,
                    disordered=contrast.disordered,
                    goes_otherwise=turned,
                    dimensions=int(values[path].shape[1]),
                    examples=len(contrast.all_rows),
                )
                rows.append(_finish(row, target, slope, circumstances))
    family = correct_rows(rows, request.family)
    designs = {contrast.key: contrast.design for contrast in contrasts}
    notes = [*sets.notes, *_note_family(rows, family, request)]
    return ConceptTest(rows, family, settings, request.alpha, vectors, notes, designs, projections, known.lighten())


def _test_layer(
    values: tf.Tensor, gradients: list[tf.Tensor], sets: Sets, contrasts: Sequence[Contrast], options: Options
) -> list[Compared]:
    """Return what each comparison finds in one layer."""
    if not all(bool(tf.reduce_all(tf.math.is_finite(item))) for item in [values, *gradients]):
        return [leave_blank(contrast, gradients, int(values.shape[1])) for contrast in contrasts]
    patterns = None
    if sets.pool is not None and len(sets.pool) >= SMALLEST:
        patterns = Patterns(tf.gather(values, sets.pool), options.fit, options.seed, options.patterns)
    return [compare(contrast, values, gradients, patterns, options) for contrast in contrasts]


def _entangle(contrasts: Sequence[Contrast], answers: Sequence[Compared]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return, for each comparison that is not relative, which other concept's vector is most alike, and how much."""
    found: dict[tuple[str, str], dict[str, Any]] = {contrast.key: {} for contrast in contrasts}
    alone = [(item, answer) for item, answer in zip(contrasts, answers, strict=True) if not item.siblings]
    for contrast, answer in alone:
        cosines = {
            other.concept: float(answer.vector @ own.vector)
            for other, own in alone
            if other.kind == contrast.kind and other.concept != contrast.concept
        }
        if cosines and np.isfinite(list(cosines.values())).all():
            name = max(cosines, key=lambda key: abs(cosines[key]))
            found[contrast.key] = {"entanglement": cosines[name], "entangled_with": name}
    return found


def _note_family(rows: Sequence[Mapping[str, Any]], family: int, request: Request) -> list[str]:
    """Say if the number of permutations is too small for anything to survive the correction."""
    least = family / (1 + request.permutations)
    if least <= request.alpha or all(row["p"] is None for row in rows):
        return []
    return [
        f"with {request.permutations:,} permutations and {family} tests no corrected p can be below {least:.2g}: ask "
        f"for at least permutations={int(np.ceil(family / request.alpha)):_}, or test less"
    ]


def _activate(model: Model, request: Request, sets: Sets, known: _Known | None) -> dict[str, tf.Tensor]:
    """Return layer -> activations of all rows; images that were run before are not run again.

    With pairs there is the output too: what really happens to the logit, beside what the layer says.
    """
    outputs = [item.target.output for item in sets.targets] if sets.paired else []
    paths = list(dict.fromkeys([*request.paths, *(path for path in outputs if len(model.layers[path]) < 2)]))
    if known is None:
        return _read(model, request, sets.blocks, paths)
    place = {digest: number for number, digest in enumerate(known.digests)}
    fresh = np.array([digest not in place for digest in sets.digests])
    blocks, start = [], 0
    for block in sets.blocks:
        chosen = fresh[start : start + count_rows(block)]
        start += count_rows(block)
        if chosen.any():
            blocks.append(pick_rows(block, chosen))
    new = _read(model, request, blocks, list(known.values)) if blocks else {}
    numbers = np.cumsum(fresh) - 1 + len(known.digests)
    order = [int(numbers[row]) if fresh[row] else place[digest] for row, digest in enumerate(sets.digests)]
    values = {
        path: tf.gather(tf.concat([value, new[path]], 0) if new else value, order)
        for path, value in known.values.items()
    }
    missing = [path for path in paths if path not in values]  # the output, where there were no pairs before
    return values | (_read(model, request, sets.blocks, missing) if missing else {})


def _read(model: Model, request: Request, blocks: list[Any], paths: list[str]) -> dict[str, tf.Tensor]:
    values = read_activations(model, blocks, paths, pooling=request.pooling, batch_size=request.batch_size)
    return {path: tf.constant(value) for path, value in values.items()}


def _run_reference(request: Request, sets: Sets, known: _Known, settings: dict[str, Any]) -> ConceptTest:
    rows: list[dict[str, Any]] = []
    vectors = {}
    for path in request.paths:
        table, found = run_reference(path, known.values[path], known.slopes, sets, request.runs, request.seed)
        vectors.update({(path, name, "random"): vector for name, vector in found.items()})
        for target, slope, answers in zip(sets.targets, known.slopes, table, strict=True):
            for name, answer in zip(sets.concepts, answers, strict=True):
                head = {"layer": path, "target": target.name, "concept": name, "contrast": "random", "against": None}
                overlap, reused = name in target.overlap, answer.pop("pool_reused")
                circumstances = Circumstances(alpha=request.alpha, overlap=overlap, pool_reused=reused)
                rows.append(_finish({**head, **answer}, target, slope, circumstances))
    family = correct_rows(rows, request.family)
    unused = {"paired": sets.paired, "hierarchy": request.hierarchy, "groups": sets.groups is not None}
    notes = [f"method kim2018 knows no {name}, so it was left out" for name, given in unused.items() if given]
    if request.relative != "none" and len(sets.concepts) > 1:
        notes.append(
            "method kim2018 compares concepts with random images only, not with each other: relative was left out"
        )
    return ConceptTest(
        rows, family, settings, request.alpha, vectors, [*sets.notes, *notes, NOTE], state=known.lighten()
    )


def _finish(
    row: dict[str, Any], target: TargetImages, slope: Sensitivity, circumstances: Circumstances
) -> dict[str, Any]:
    """Add what belongs to the target, and put the flags last."""
    row = {**row, "predicted": slope.predicted, "quantity": target.target.quantity}
    return {**row, "flags": raise_flags(row, circumstances)}
