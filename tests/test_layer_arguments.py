"""A layer that is not there, or is named by something else than its name, is refused alike at every door, at once."""

import dataclasses
import pathlib

import keras
import numpy as np
import pytest
from networks import fill, pictures

import tf_interp as ti
from tf_interp.cli import main

L = keras.layers
NETWORK = keras.Sequential(
    [
        keras.Input((8, 8, 3)),
        L.Conv2D(4, 3, activation="relu", name="conv"),
        L.GlobalAveragePooling2D(name="pool"),
        L.Dense(3, name="head"),
    ],
    name="small",
)
fill(NETWORK)
X = pictures(12, 1)
PROBE = ti.Probe.from_arrays(X[:4], [0, 1, 2, 0])
MODEL = ti.open_model(NETWORK)
GROUPS = ti.find_groups(MODEL, X, "conv", 2)
PARTS = [ti.NeuronGroups(2, icons=False)]


def directions(layer):
    return ti.Directions(layer, np.eye(4)[:2])


def watch(layers, folder=pathlib.Path("nowhere")):
    NETWORK.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callback = ti.InterpCallback(folder, PROBE, layers=layers, parts=PARTS)
    try:
        NETWORK.fit(X, np.zeros(12), verbose=0, callbacks=[callback])
    finally:
        assert NETWORK.optimizer.iterations == 0


def examine(layers):
    return ti.tcav(MODEL, {"a": X[:6]}, X[6:], {0: X[:4]}, layers, permutations=99, bootstraps=20)


def analyze(layers):
    return list(ti.analyze(MODEL, PROBE, layers, PARTS))


SINGLE = {  # one layer
    "resolve": lambda layer: MODEL.resolve(layer),
    "given": lambda layer: MODEL.run(X, ["output"], {layer: np.zeros((12, 6, 6, 4), np.float32)}),
    "attribute": lambda layer: ti.attribute(MODEL, X[:2], 0, layer=layer),
    "along": lambda layer: ti.attribute(MODEL, X[:2], 0, along=directions(layer)),
    "through": lambda layer: ti.attribute(MODEL, X[:2], 0, through=directions(layer)),
    "find_groups": lambda layer: ti.find_groups(MODEL, X, layer, 2),
    "scan_groups": lambda layer: ti.scan_groups(MODEL, X, layer, [2, 3]),
    "ablate_groups": lambda layer: ti.ablate_groups(MODEL, X, dataclasses.replace(GROUPS, layer=layer)),
    "find_concepts": lambda layer: ti.find_concepts(MODEL, X, layer, target=0, k=2, designs=2),
    "render": lambda layer: ti.render(MODEL, ti.channel(layer, 0), size=8, steps=1),
    "concept_maps": lambda layer: ti.concept_maps(MODEL, X, directions(layer)),
    "ablate_concepts": lambda layer: ti.ablate_concepts(MODEL, X, directions(layer)),
    "semantic_dictionary": lambda layer: ti.semantic_dictionary(MODEL, X, layer),
}
SEVERAL = {  # a list of layers
    "run": lambda layers: MODEL.run(X, layers),
    "read_activations": lambda layers: ti.read_activations(MODEL, X, layers),
    "analyze": analyze,
    "callback": watch,
    "decisions": lambda layers: list(ti.analyze(MODEL, PROBE, ["conv"], [ti.Decisions(layers=layers)])),
    "tcav": examine,
    "activation_grid": lambda layers: ti.activation_grid(MODEL, X[:2], layers),
    "attribution_graph": lambda layers: ti.attribution_graph(MODEL, X[:2], layers, k=2),
}
NEAR = {"cnov": "did you mean .*'conv'", "conv@0": "did you mean .*'conv'", "Conv": "'conv'", "": "has no layer ''"}
NO_NAMES = {
    "a number": (1, "named by a string, got 1 of type int"),
    "bytes": (b"conv", "named by a string, got b'conv' of type bytes"),
    "a layer of keras": (NETWORK.layers[0], "named by a string, got <Conv2D .*: write 'conv'"),
    "a path": (pathlib.PurePosixPath("block/conv"), "named by a string, got Pure.*: write 'block/conv'"),
}


@pytest.fixture(autouse=True)
def nothing_is_run(monkeypatch):
    """A mistake in a name must be found before the network is run."""

    def run(*_):
        raise AssertionError("the network was run")

    monkeypatch.setattr(type(MODEL), "_build", run)


@pytest.mark.parametrize("name", NEAR)
@pytest.mark.parametrize("door", [*SINGLE, *SEVERAL])
def test_a_name_that_is_not_there_is_refused_with_near_ones(door, name):
    with pytest.raises(ValueError, match=NEAR[name]):
        SINGLE[door](name) if door in SINGLE else SEVERAL[door]([name])


@pytest.mark.parametrize("what", NO_NAMES)
@pytest.mark.parametrize("door", [*SINGLE, *SEVERAL])
def test_what_is_no_name_is_refused_with_what_to_write(door, what):
    value, message = NO_NAMES[what]
    with pytest.raises(TypeError, match=message):
        SINGLE[door](value) if door in SINGLE else SEVERAL[door]([value])


@pytest.mark.parametrize("door", [door for door in SINGLE if door != "attribute"])  # there None is the input
def test_none_is_no_layer(door):
    with pytest.raises(TypeError, match="named by a string, got None"):
        SINGLE[door](None)


@pytest.mark.parametrize("door", [door for door in SEVERAL if door != "decisions"])  # there None is all layers
@pytest.mark.parametrize(
    ("value", "hint"),
    [(3, "got 3"), (NETWORK.layers[0], r"write \['conv'\]"), (b"conv", "got b'conv'"), (None, "None")],
)
def test_what_is_no_list_is_refused(door, value, hint):
    with pytest.raises(TypeError, match=f"must be a list of layer names, .*{hint}"):
        SEVERAL[door](value)


@pytest.mark.parametrize("door", [door for door in SEVERAL if door != "tcav"])  # which takes one name, too
@pytest.mark.parametrize("name", ["conv", ""])
def test_one_string_is_no_list_of_layers(door, name):
    with pytest.raises(TypeError, match=rf"must be a list of layer names, got the string '{name}': write \['{name}'\]"):
        SEVERAL[door](name)


@pytest.mark.parametrize("command", ["analyze", "render"])
def test_the_command_line_names_near_ones(command, tmp_path, capsys):
    NETWORK.save(tmp_path / "small.keras")
    np.savez(tmp_path / "probe.npz", images=X[:2])
    asked = {
        "analyze": ["--probe", tmp_path / "probe.npz", "--layer", "cnov", "--logdir", tmp_path / "log"],
        "render": ["cnov:0", "-o", tmp_path / "unit.png"],
    }[command]
    assert main([command, str(tmp_path / "small.keras"), *map(str, asked)]) == 2
    assert "did you mean ['conv']" in capsys.readouterr().err
