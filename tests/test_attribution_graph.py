"""`attribution_graph`: sums that must hold, effects that are known by hand, and proofs by the network itself."""

import dataclasses
import sys

import keras
import numpy as np
import pytest

from tf_interp import Directions, attribute, attribution_graph, find_groups, open_model
from tf_interp.graph.influence import find_influence, prune_graph, score_graph

L = keras.layers
IMAGES = np.random.default_rng(0).uniform(0, 1, (4, 8, 8, 3)).astype(np.float32)


def build(skip: bool, bias: bool = False):
    keras.utils.set_random_seed(2)
    inputs = keras.Input((8, 8, 3))
    one = L.Conv2D(6, 3, padding="same", activation="relu", use_bias=bias, name="one")(inputs)
    two = L.Conv2D(6, 3, padding="same", activation="relu", use_bias=bias, name="two")(one)
    x = L.Add()([one, two]) if skip else two
    x = L.GlobalAveragePooling2D()(x)
    model = open_model(keras.Model(inputs, L.Dense(4, use_bias=bias, name="end")(x)))
    for weight in model.model.weights:
        if bias and "bias" in weight.path:
            weight.assign(np.random.default_rng(1).uniform(0.1, 0.3, weight.shape))
    return model


@pytest.fixture(scope="module")
def chain():
    return build(skip=False)


@pytest.fixture(scope="module")
def graph(chain):
    return attribution_graph(chain, IMAGES, ["two", "one"], target=1, k=3, cells=2)


def test_nodes_and_edges_are_in_the_order_of_the_network(graph):
    kinds = [node.kind for node in graph.nodes]
    assert kinds == ["input"] * 4 + (["group"] * 3 + ["rest"]) * 2 + ["output"]
    assert [node.layer for node in graph.nodes[4:12]] == ["one"] * 4 + ["two"] * 4
    pairs = {(edge.source.split(":")[0], edge.target.split(":")[0]) for edge in graph.edges}
    assert pairs == {("input", "one"), ("one", "two"), ("two", "output")}  # a chain has no way past a layer


def test_what_goes_into_a_node_is_what_it_is(chain, graph):
    """Without biases a ReLU network is homogeneous: the linear effects add up to the whole value."""
    for node in graph.nodes:
        into = sum((edge.value for edge in graph.edges if edge.target == node.name), np.zeros(4))
        if node.kind in ("group", "output"):
            np.testing.assert_allclose(into, node.value, rtol=1e-3, atol=1e-4)
            np.testing.assert_allclose(node.bias, 0, atol=1e-3 * np.abs(node.value).max() + 1e-4)
    logits = np.asarray(chain.model(IMAGES))[:, 1]
    np.testing.assert_allclose(graph.nodes[-1].value, logits, atol=1e-5)


def test_biases_are_told_and_complete_the_sum():
    model = build(skip=False, bias=True)
    graph = attribution_graph(model, IMAGES, ["two"], target=2, k=3, cells=1)
    output = graph.nodes[-1]
    into = sum(edge.value for edge in graph.edges if edge.target == output.name)
    np.testing.assert_allclose(into + output.bias, output.value, atol=1e-5)
    np.testing.assert_allclose(output.bias, np.asarray(model.model.get_layer("end").bias)[2], atol=1e-5)


def test_values_and_proofs_agree_where_all_is_linear(graph):
    """Behind "two" there are only a mean and a dense layer."""
    last = [edge for edge in graph.edges if edge.target == "output: 1"]
    assert len(last) == 4
    for edge in last:
        np.testing.assert_allclose(edge.value, edge.proof, atol=1e-5)


def test_edges_into_an_output_are_attribution_along_groups(chain, graph):
    found = attribute(chain, IMAGES, 1, along=graph.groups["two"])
    edges = {edge.source: edge.value for edge in graph.edges if edge.target == "output: 1"}
    for row, name in enumerate(graph.groups["two"].names):
        np.testing.assert_allclose(edges[f"two: {name}"], found.values[:, row], atol=1e-5)
    np.testing.assert_allclose(edges["two: rest"], found.residual, atol=1e-5)


def test_a_proof_is_a_run_without_the_source(chain, graph):
    groups = graph.groups["one"]
    activation = np.asarray(chain.run(IMAGES, ["one"])["one"])
    off = activation - groups.weights[..., [1]] * groups.vectors[1]
    two = [np.asarray(chain.run(IMAGES, ["two"], {"one": value})["two"]) for value in (activation, off)]
    target = graph.groups["two"]
    pattern = target.weights[..., [0]] * target.vectors[0]
    pattern /= np.linalg.norm(pattern.reshape(4, -1), axis=1)[:, None, None, None]
    fall = ((two[0] - two[1]) * pattern).sum((1, 2, 3))
    (edge,) = [edge for edge in graph.edges if (edge.source, edge.target) == ("one: group 1", "two: group 0")]
    np.testing.assert_allclose(edge.proof, fall, atol=1e-4)
    logits = [np.asarray(chain.run(IMAGES, ["output"], {"one": value})["output"])[:, 1] for value in (activation, off)]
    node = next(node for node in graph.nodes if node.name == "one: group 1")
    np.testing.assert_allclose(node.total["1"], logits[0] - logits[1], atol=1e-4)


def test_a_way_past_a_layer_is_an_edge_of_its_own():
    model = build(skip=True)
    graph = attribution_graph(model, IMAGES, ["one", "two"], target=1, k=2, cells=1)
    past = [edge for edge in graph.edges if edge.source.startswith("one:") and edge.target.startswith("output")]
    assert len(past) == 3
    kernel = np.asarray(model.model.get_layer("end").kernel)[:, 1]
    direct = np.asarray(model.run(IMAGES, ["one"])["one"]).mean((1, 2)) @ kernel  # by the addition alone
    np.testing.assert_allclose(sum(edge.value for edge in past), direct, atol=1e-4)
    np.testing.assert_allclose(sum(edge.proof for edge in past), direct, atol=1e-4)
    whole = sum(edge.value for edge in graph.edges if edge.target == "output: 1")
    np.testing.assert_allclose(whole, graph.nodes[-1].value, rtol=1e-3, atol=1e-4)


def test_interventions_are_measured_and_foretold(graph):
    for factors in ({"two: group 0": 0.0}, {"two: group 0": 2.0, "two: rest": 0.5}):
        found = graph.intervene(factors)
        np.testing.assert_allclose(found.measured["output: 1"], found.predicted["output: 1"], atol=1e-4)
        assert np.abs(found.measured["output: 1"]).max() > 1e-3
    every = {node.name: 0.0 for node in graph.nodes if node.layer == "one"}
    found = graph.intervene(every)
    np.testing.assert_allclose(found.measured["output: 1"], -graph.nodes[-1].value, atol=1e-4)  # no bias: nothing left
    np.testing.assert_allclose(found.predicted["output: 1"], found.measured["output: 1"], rtol=0.2, atol=0.05)
    with pytest.raises(ValueError, match=r"no node 'two: grup 0'.*two: group 0"):
        graph.intervene({"two: grup 0": 0})
    with pytest.raises(ValueError, match="is an output"):
        graph.intervene({"output: 1": 0})


def test_default_targets_are_the_decision_and_what_sets_it_apart(chain):
    graph = attribution_graph(chain, IMAGES, ["two"], k=2, cells=1)
    logits = np.sort(np.asarray(chain.model(IMAGES)), axis=1)
    assert graph.outputs == ("output: what it is taken for", "output: that minus the next class")
    values = {node.name: node.value for node in graph.nodes}
    np.testing.assert_allclose(values[graph.outputs[0]], logits[:, -1], atol=1e-5)
    np.testing.assert_allclose(values[graph.outputs[1]], logits[:, -1] - logits[:, -2], atol=1e-5)
    named = attribution_graph(chain, IMAGES, ["two"], target={"a": 0, "b": lambda y: y[:, 1]}, k=2)
    assert named.outputs == ("output: a", "output: b")


def test_given_groups_are_used_on_other_images_too(chain):
    groups = find_groups(chain, IMAGES, "two", 2)
    other = IMAGES[::-1, ::-1].copy()
    graph = attribution_graph(chain, other, ["two"], target=1, groups={"two": groups}, cells=1)
    assert graph.groups["two"] is groups
    into = sum(edge.value for edge in graph.edges if edge.target == "output: 1")
    np.testing.assert_allclose(into, graph.nodes[-1].value, rtol=1e-3, atol=1e-4)


def test_saved_models_give_the_same(chain, graph, tmp_path):
    chain.model.export(tmp_path / "saved", verbose=False)
    saved = attribution_graph(open_model(tmp_path / "saved"), IMAGES, ["one", "two"], target=1, k=3, cells=2)
    for one, other in zip(saved.edges, graph.edges, strict=True):
        assert one[:2] == other[:2]
        np.testing.assert_allclose(one.value, other.value, rtol=1e-2, atol=1e-3)


# --- scores of a graph, by hand ---------------------------------------------------------------------------------------

# 0, 1 inputs; 2 group, 3 rest; 4 output
EDGES = np.array([[0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [3, -1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 6, 2, 0]], float)
START = np.array([0, 0, 0, 0, 1.0])
INPUTS, ERRORS = np.array([1, 1, 0, 0, 0], bool), np.array([0, 0, 0, 1, 0], bool)


def test_influence_and_scores_by_hand():
    np.testing.assert_allclose(find_influence(EDGES, START), [0.75 * 0.75, 0.75 * 0.25, 0.75, 0.25, 0])
    found = score_graph(EDGES, START, INPUTS, ERRORS)
    assert found.replacement == pytest.approx(0.75 / (0.75 + 0.25))
    assert found.completeness == pytest.approx((0.75 * 1 + 1 * 0.75) / 1.75)


def test_pruning_keeps_the_least_that_carries_the_share():
    keep, links = prune_graph(EDGES, START, INPUTS | (START > 0), ERRORS, 0.7, 0.999)
    assert keep.tolist() == [True, True, True, False, True]  # .75 + .5625 of 1.75 + ...
    assert links.sum() == 3
    every, links = prune_graph(EDGES, START, INPUTS | (START > 0), ERRORS, 1.0, 1.0)
    assert every.all()
    assert links.sum() == 4


def test_a_pruned_graph_and_a_pinned_one(graph):
    small = graph.prune(0.6, 0.8)
    assert 0 < len(small.edges) < len(graph.edges)
    assert f"{len(small.edges)} of {len(graph.edges)} edges" in small.notes[-1]
    whole, none = graph.score(), graph.score(pinned=[])
    part = graph.score(pinned=["two: group 0", "one: group 0"])
    assert none.replacement == 0 < part.replacement < whole.replacement
    with pytest.raises(ValueError, match="no node"):
        graph.score(pinned=["nobody"])
    kept = next(node.name for node in small.nodes if node.kind == "group")
    without = dataclasses.replace(small, nodes=tuple(node for node in small.nodes if node.kind != "rest"))
    with pytest.raises(ValueError, match="was pruned: ask the whole graph"):
        without.score(pinned=[kept])


def test_table_words_and_picture(graph):
    table = graph.to_dataframe()
    assert list(table)[:4] == ["source", "target", "value", "proof"]
    assert len(table) == len(graph.edges)
    shares = table.groupby("target")["share"].sum()
    np.testing.assert_allclose(shares, 1)
    assert graph.explain().startswith("output: 1:")
    assert "named nodes carry" in graph.explain()
    figure = graph.plot(IMAGES, picture=2)
    assert len(figure.axes) == 1
    assert repr(graph).startswith("AttributionGraph(13 nodes")


def test_an_edge_that_its_proof_contradicts_is_told(graph):
    numbers = {"group 0": (1.0, 1.0), "group 1": (1.0, -0.5), "group 2": (0.02, -0.02)}  # the last one is small
    edges = tuple(
        graph.edges[0]._replace(
            source=f"two: {name}", target="output: 1", value=np.full(4, value), proof=np.full(4, proof)
        )
        for name, (value, proof) in numbers.items()
    )
    found = dataclasses.replace(graph, edges=edges)
    table = found.to_dataframe()
    assert table["contradicted"].tolist() == [False, True, False]
    np.testing.assert_allclose(table["share"], np.array([1, 1, 0.02]) / 2.02)
    lines = found.explain().splitlines()
    assert "  two: group 0: +1.00; taken out: -1.00" in lines
    assert "  two: group 1: +1.00; taken out: +0.50  (contradicted)" in lines


def test_layers_of_volumes_are_refused():
    layers = [L.Conv3D(3, 3, activation="relu", name="deep"), L.Flatten(), L.Dense(3)]
    model = open_model(keras.Sequential([keras.Input((5, 6, 7, 2)), *layers]))
    with pytest.raises(ValueError, match="'deep' is a layer of a volume"):
        attribution_graph(model, np.ones((2, 5, 6, 7, 2), np.float32), ["deep"], target=1, k=2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layers": "one"}, TypeError, r"write \['one'\]"),
        ({"layers": []}, ValueError, "one or more different layers"),
        ({"layers": ["one", "one"]}, ValueError, "one or more different layers"),
        ({"layers": ["oen"]}, ValueError, "no layer 'oen'"),
        ({"layers": ["output"]}, ValueError, "is an output"),
        ({"cells": 0}, ValueError, "cells must be at least 1"),
        ({"images": np.zeros((65, 8, 8, 3))}, ValueError, "at most 64"),
        ({"target": {}}, ValueError, "target is empty"),
        ({"target": {"in": Directions("one", np.eye(6))[0]}}, ValueError, "inside of the network"),
    ],
)
def test_impossible_requests_are_refused(chain, arguments, error, message):
    with pytest.raises(error, match=message):
        attribution_graph(chain, **{"images": IMAGES, "layers": ["one"], "target": 1, **arguments})


@pytest.mark.parametrize("picture", [4, -1, [], [0, 4], 0.5])
def test_pictures_that_a_graph_lacks_are_refused(graph, picture):
    for ask in (graph.to_dataframe, lambda rows: graph.influence(picture=rows), lambda rows: graph.plot(picture=rows)):
        with pytest.raises(ValueError, match=r"pictures 0\.\.3, got"):
            ask(picture)


def test_a_factor_that_is_no_number_is_refused(graph):
    """A ReLU turns NaN into 0: what is measured would look like an answer."""
    with pytest.raises(ValueError, match="must be a finite number, got nan"):
        graph.intervene({"one: group 0": float("nan")})


def test_a_node_as_in_another_picture_is_measured_and_foretold(chain, graph):
    """Behind "two" all is linear, so a node of it as in another picture puts that picture's part into the output."""
    found = graph.intervene(like={"two: rest": 3})
    parts = graph.network.places[-1].parts[-1]
    kernel = np.asarray(chain.model.get_layer("end").kernel)[:, 1]
    expected = (parts[3] - parts).mean((1, 2)) @ kernel
    np.testing.assert_allclose(found.measured["output: 1"], expected, atol=1e-4)
    assert found.measured["output: 1"][3] == pytest.approx(0, abs=1e-5)
    (edge,) = [edge for edge in graph.edges if (edge.source, edge.target) == ("two: rest", "output: 1")]
    square = (parts**2).sum((1, 2, 3))
    change = (parts * parts[3]).sum((1, 2, 3)) / square - 1  # of how much of the node's own pattern is there
    np.testing.assert_allclose(found.predicted["output: 1"], change * edge.value, atol=1e-4)
    assert found.predicted["output: 1"][3] == pytest.approx(0, abs=1e-5)
    both = graph.intervene({"two: group 0": 0.0}, like={"two: rest": [1, 0, 3, 2]})
    assert both.measured["output: 1"].shape == (4,)
    with pytest.raises(ValueError, match=r"pictures 0\.\.3, got 4"):
        graph.intervene(like={"two: rest": 4})


def test_nodes_of_two_layers_are_changed_one_after_the_other(chain, graph):
    """What is taken from the later layer is the part that its node had; all else of it follows from the earlier one."""
    one, two = graph.network.places[1:]
    first = one.point - one.parts[0]
    second = np.asarray(chain.run(IMAGES, ["two"], {"one": first})["two"]) - two.parts[0]
    after = np.asarray(chain.run(IMAGES, ["output"], {"two": second})["output"])[:, 1]
    found = graph.intervene({"one: group 0": 0.0, "two: group 0": 0.0})
    np.testing.assert_allclose(found.measured["output: 1"], after - graph.nodes[-1].value, atol=1e-4)


def test_means_over_some_pictures(graph):
    table, one, two = (graph.to_dataframe(rows) for rows in ([0, 2], 0, 2))
    np.testing.assert_allclose(table["value"], (one["value"] + two["value"]) / 2, atol=1e-6)
    np.testing.assert_allclose(table["proof"], (one["proof"] + two["proof"]) / 2, atol=1e-6)


def test_two_graphs_laid_over_each_other(chain, graph):
    table = graph.compare(graph, 0, 1)
    assert len(table) == len(graph.edges)
    edge = {(e.source, e.target): e for e in graph.edges}
    for row in table.itertuples():
        value = edge[row.source, row.target].value
        assert row.difference == pytest.approx(value[1] - value[0], abs=1e-6)
    assert table["difference"].abs().is_monotonic_decreasing
    pruned = graph.compare(graph.prune(0.6, 0.8))
    assert pruned["value_other"].isna().any()  # an edge that one of them lacks
    other = attribution_graph(chain, IMAGES, ["one"], target=2, k=2, cells=2)
    with pytest.raises(ValueError, match="no edge in common"):
        graph.prune(0.5, 0.5).compare(other.prune(0.5, 0.5))


def test_runs_are_shared_between_what_is_read_from_them(chain, monkeypatch):
    """k targets of a layer, or several classes, cost one run without each source, not one each."""
    module = sys.modules["tf_interp.graph.attribution_graph"]  # its function has the same name
    calls, run = [], module.run_direct
    monkeypatch.setattr(module, "run_direct", lambda *arguments: calls.append(arguments[1]) or run(*arguments))
    attribution_graph(chain, IMAGES, ["one", "two"], target={str(c): c for c in range(4)}, k=3, cells=1)
    assert calls.count("two") == 1 + 4  # itself, then without each node of "one", which the region cannot pass
    assert calls.count("output") == 1 + 4  # of "two" alone: no way leads past it


def test_without_parts_of_the_input_the_first_layer_is_where_all_begins():
    tokens = np.random.default_rng(0).integers(0, 20, (3, 9)).astype(np.int32)
    layers = [L.Embedding(20, 6, name="one"), L.Conv1D(5, 3, activation="relu", name="two"), L.GlobalMaxPooling1D()]
    model = open_model(keras.Sequential([keras.Input((9,), dtype="int32"), *layers, L.Dense(3)]))
    graph = attribution_graph(model, tokens, ["one", "two"], target=1, k=2)
    assert {node.kind for node in graph.nodes} == {"group", "rest", "output"}
    assert 0 < graph.score().replacement < 1
    kept = {node.name for node in graph.prune(0.999, 0.999).nodes}
    assert {"one: group 0", "one: group 1"} & kept


def test_features_of_a_table_are_nodes():
    keras.utils.set_random_seed(0)
    end = L.Dense(1, use_bias=False)
    layers = [L.Dense(6, "relu", use_bias=False, name="one"), end]
    model = open_model(keras.Sequential([keras.Input((4,)), *layers]), head="regression")
    rows = np.random.default_rng(0).normal(0, 1, (5, 4)).astype(np.float32)
    graph = attribution_graph(model, rows, ["one"], target=0, k=2)
    names = [node.name for node in graph.nodes[:4]]
    assert names == [f"input: feature {number}" for number in range(4)]
    for row in range(4):
        without = rows.copy()
        without[:, row] = 0
        fall = np.asarray(model.model(rows) - model.model(without))[:, 0]
        np.testing.assert_allclose(graph.nodes[row].total["0"], fall, atol=1e-5)
