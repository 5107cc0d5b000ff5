"""Results say in one line what they are, whatever their size and names, and show themselves in a notebook."""

import dataclasses
import html.parser
import inspect
import types

import keras
import networks
import numpy as np
import pytest

import tf_interp as ti
from tf_interp import display

L = keras.layers
MARKUP = "</td><script>alert(1)</script>&\u2028"
LONG = MARKUP + 100 * "long name "


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One tiny network, and what several results are made of."""
    keras.utils.set_random_seed(0)
    layers = [L.Conv2D(6, 3, activation="relu", name="conv"), L.GlobalAveragePooling2D(name="pool"), L.Dense(3)]
    model = ti.open_model(keras.Sequential([keras.Input((8, 8, 3)), *layers]), class_names=["a", "b", "c"])
    images = networks.pictures(12, size=(8, 8, 3))
    probe = ti.Probe.from_arrays(images, np.arange(12) % 3, ["a", "b", "c"])
    groups = ti.find_groups(model, images, "conv", 3, iterations=10)
    short = {"steps": 1, "size": 8, "transforms": (), "retries": 0}
    ablation = ti.ablate_groups(model, images, groups, [0, 1], draws=2)
    more = networks.pictures(12, seed=1, size=(8, 8, 3))
    test = ti.tcav(model, {"red": more[:6]}, more[6:], {"a": images}, "conv", permutations=99, bootstraps=20)
    return types.SimpleNamespace(
        **{"model": model, "images": images, "probe": probe, "groups": groups, "short": short, "test": test},
        **{
            "rendering": ti.render(model, ["conv:0", "conv:1"], **short),
            "ablation": ablation,
            "folder": tmp_path_factory.mktemp("logs"),
            "parts": [ti.NeuronGroups(2, icons=False)],
        },
    )


def _history(w):
    history = ti.GroupHistory()
    history.add(0, w.groups)
    return history


MAKE = {
    "ActivationGrid": lambda w: ti.activation_grid(w.model, w.images, ["conv"]),
    "Analysis": lambda w: ti.Analysis(w.model, w.probe, ["conv"], w.parts),
    "Attribution": lambda w: ti.attribute(w.model, w.images, target=0),
    "AttributionGraph": lambda w: ti.attribution_graph(w.model, w.images, ["conv"], k=2),
    "Concept": lambda w: ti.Concept.from_arrays(w.images),
    "ConceptTest": lambda w: w.test,
    "ConceptWatch": lambda w: ti.ConceptWatch(looks=3),
    "Dictionary": lambda w: ti.semantic_dictionary(w.model, w.images, "conv"),
    "Directions": lambda w: ti.Directions("conv", np.ones((400, 900))),
    "Faithfulness": lambda w: ti.faithfulness(
        w.model, w.images, 0, methods=["gradient"], baselines=["mean"], steps=2, cells=2, draws=4, orders=2
    ),
    "FoundConcepts": lambda w: ti.find_concepts(w.model, w.images, "conv", target=0, k=2, crops=(0.5,), designs=2),
    "GroupAblation": lambda w: w.ablation,
    "GroupClarity": lambda w: ti.group_clarity(w.model, w.images, w.groups, top=4),
    "GroupFactorization": lambda w: ti.GroupFactorization(3),
    "GroupHistory": _history,
    "GroupMatch": lambda w: ti.match_groups(w.groups, w.groups),
    "GroupNames": lambda w: ti.name_groups(w.groups, w.probe),
    "GroupPrediction": lambda w: ti.predict_from_groups(w.model, w.images, w.groups, draws=1),
    "GroupProfiles": lambda w: ti.describe_groups(w.model, w.images, w.groups),
    "GroupScan": lambda w: ti.scan_groups(w.model, w.images, "conv", [1, 2], resamples=1, iterations=5),
    "GroupTracks": lambda w: ti.track_groups([(0, w.groups), (1, w.groups)]),
    "PathCheck": lambda w: ti.check_path(w.model, w.images[:1], np.tile(w.images, (3, 1, 1, 1)), [[0, 1]], ["conv"]),
    "GroupingCard": lambda w: ti.judge_groups(w.model, w.images, w.groups, refits=2, iterations=5),
    "GroupingComparison": lambda w: ti.compare_groupings(
        w.model, w.images, "conv", 2, methods=["nmf", "semi_nmf"], refits=2, iterations=5
    ),
    "Groups": lambda w: w.groups,
    "Head": lambda w: w.model.head(),
    "Interaction": lambda w: ti.Interaction(w.rendering, w.rendering),
    "InterpCallback": lambda w: ti.InterpCallback(w.folder, w.probe, layers=["conv"]),
    "KeptGroups": lambda w: w.ablation.keep([0]),
    "LayerTarget": lambda w: ti.LayerTarget("conv", vector=np.ones(6)),
    "Model": lambda w: w.model,
    "Objective": lambda w: sum((ti.channel("conv", unit) for unit in range(1, 60)), ti.channel("conv", 0)),
    "Probe": lambda w: w.probe,
    "Record": lambda w: next(ti.analyze(w.model, w.probe, ["conv"], w.parts)),
    "RenderedUnit": lambda w: next(ti.render_many(w.model, ["conv:0"], **w.short)),
    "Rendering": lambda w: w.rendering,
    "RunFinding": lambda w: ti.RunFinding("relies", "It relies.", 3, 0, {}, "", None, {"p": 0.01}),
    "SobolImportance": lambda w: ti.sobol_importance(w.model, w.images, w.groups, designs=4, bootstraps=20),
    "Spritemap": lambda w: ti.spritemap(w.model, "conv", channels=[0, 1], side=8, **{**w.short, "size": 8}),
    "State": lambda w: w.rendering.state,
    "Strategies": lambda w: ti.find_strategies(w.model, w.images, w.groups, 0, draws=19),
    "Target": lambda w: w.model.target("b"),
    "WeightRandomization": lambda w: ti.weight_randomization(w.model, w.images[:3], 0, methods=["gradient"]),
    "Writer": lambda w: ti.Writer(w.folder),
}
SETTINGS = {  # what a person writes down and no function returns
    "Adam", "Attributions", "CloseTo", "CollapseAlpha", "ConceptTests", "Cppn", "Decisions", "Features", "Fourier",
    "Lookup", "Maco", "NeuronGroups", "Part", "PicturePrior", "Pixel", "Pyramid", "SGD", "SemanticDictionary", "Shared",
}  # fmt: skip
IN_NOTEBOOKS = ("Attribution", "ConceptTest", "Groups", "Interaction", "Rendering", "Spritemap")


@pytest.fixture(scope="module")
def made(world):
    kept = {}

    def make(name):
        if name not in kept:
            kept[name] = MAKE[name](world)
        return kept[name]

    return make


def rename(value):
    """Return a result with all its names 1,000 characters long and full of markup."""
    if isinstance(value, str) and value:
        return LONG
    if isinstance(value, tuple | list) and value and all(isinstance(item, str) for item in value):
        return type(value)(LONG for _ in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        values = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        fixed = {"kind", "origin", "method" if isinstance(value, ti.AttributionGraph) else ""}
        return dataclasses.replace(value, **{name: rename(item) for name, item in values.items() if name not in fixed})
    return value


def test_every_public_class_is_a_result_with_a_line_or_a_setting():
    classes = {name for name in ti.__all__ if inspect.isclass(getattr(ti, name))}
    assert classes == {*MAKE, *SETTINGS}, "give a new result a short __repr__ (tf_interp/display.py), and MAKE one here"


@pytest.mark.parametrize("name", MAKE)
def test_a_result_says_in_one_short_line_what_it_is(made, name):
    result = made(name)
    for line in (repr(result), repr(rename(result)) if dataclasses.is_dataclass(result) else repr(result)):
        assert 10 < len(line) <= display.LONGEST
        assert "\n" not in line
        assert not any(word in line for word in ("array(", "dtype", " object at 0x", "tf.Tensor", "<function"))


def test_parts_say_how_they_are_set():
    assert (
        repr(ti.Attributions("cat", pictures=3)) == "Attributions(target='cat', pictures=3, method='gradient_x_input')"
    )


class Reader(html.parser.HTMLParser):
    """Collects the tags of a piece of HTML, and checks that each one is closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        assert all(value.startswith("data:") for name, value in attrs if name in ("src", "href"))
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("name", IN_NOTEBOOKS)
def test_a_notebook_gets_static_escaped_html(made, name):
    result = made(name)
    for one in (result, rename(result)):
        page = Reader(one._repr_html_())
        assert not {"script", "style", "iframe", "object"} & set(page.tags)
        assert {"img", "table"} & set(page.tags)
    assert repr(result) in Reader(result._repr_html_()).text or name == "Interaction"


def test_a_notebook_shows_names_status_and_pictures(made):
    rendering = dataclasses.replace(made("Rendering"), names=(MARKUP, "second"), status=("ok", "did not activate"))
    page = Reader(rendering._repr_html_())
    assert page.tags.count("img") == 1
    assert MARKUP in page.text
    assert "did not activate" in page.text
    text = Reader(made("ConceptTest")._repr_html_()).text
    assert all(word in text for word in ("red", "conv", "random", made("ConceptTest").findings()[0][0].claim))


def test_renderings_of_series_with_alpha_and_many_show_too(made):
    rendering, state = made("Rendering"), made("State")
    alpha = dataclasses.replace(state, param=dataclasses.replace(state.param, alpha=True))
    series, many = np.zeros((2, 20, 3), np.float32), dataclasses.replace(rendering, images=np.zeros((30, 4, 4, 1)))
    many = dataclasses.replace(many, names=("x",) * 30, status=("ok",) * 30, activations=np.full(30, np.nan))
    for one in (
        dataclasses.replace(rendering, images=series),
        dataclasses.replace(rendering, images=np.zeros((2, 8, 8, 4)), state=alpha),
        dataclasses.replace(rendering, images=np.full((2, 8, 8, 5), 3.0)),
        many,
    ):
        assert Reader(one._repr_html_()).tags.count("img") == 1
    assert "6 more" in Reader(many._repr_html_()).text
    assert "activation unknown" in repr(many)


def test_signs_are_blue_and_red():
    blue, red, white = display.color_signs(np.array([[[2.0, -2.0, 0.0]]]))[0, 0]
    assert blue[2] > 0.6 > blue[0]
    assert red[0] > 0.6 > red[2]
    assert white.tolist() == [1, 1, 1]


def test_large_pictures_are_made_smaller():
    assert 'width="960"' in display.write_picture(np.zeros((100, 4000), np.uint8), "large")
    assert 'width="120" height="60"' in display.write_picture(np.zeros((10, 20), np.uint8), "small", 110)
