"""One target means one thing: the same class, sign and value at every door, or the same refusal."""

import functools

import heads
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_interp import (
    Attributions,
    ConceptTests,
    NeuronGroups,
    Probe,
    analyze,
    attribute,
    find_concepts,
    open_model,
    read,
    render,
    tcav,
)
from tf_interp.cli import main
from tf_interp.features import SGD, class_logit

rng = np.random.default_rng(5)
IMAGES = (rng.integers(0, 256, (12, *heads.SIZE)) / 255).astype(np.float32)
CONCEPT, POOL = IMAGES[:6] ** 0.5, rng.random((20, *heads.SIZE), np.float32)
FAST = {"permutations": 99, "relative": "none"}
FORMS = ("keras", "saved")


@functools.cache
def opened(name, form, folder):
    headed = heads.build(name)
    if form == "keras":
        return headed, open_model(headed.model)
    path = folder / name.replace(" ", "_")
    headed.model.export(path, verbose=False)
    return headed, open_model(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("heads")


def rename(name, form, target):
    """A list's outputs have no names in a SavedModel but their numbers."""
    if form == "saved" and name == "two heads, list" and isinstance(target, str):
        return target.replace("breed", "output_0").replace("species", "output_1")
    return target


def expect(headed, target):
    """Return scores [N], and gradient times activation of the convolution [N,6,6], by plain Keras."""
    conv, pool = headed.model.get_layer("conv"), headed.model.get_layer("pool")
    activation = conv(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(activation)
        score = headed.targets[target](pool(activation))
    return score.numpy(), tf.reduce_sum(activation * tape.gradient(score, activation), -1).numpy()


CASES = [(name, target) for name in heads.HEADS for target in heads.build(name).targets]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "target"), CASES, ids=str)
def test_every_door_gives_the_same_value(name, target, form, folder):
    headed, model = opened(name, form, folder)
    score, maps = expect(headed, target)
    asked = rename(name, form, target)
    found = attribute(model, IMAGES, asked, layer="conv")
    # of a softmax that is written out, of log-softmax likewise, logits are known but for a number that all share
    np.testing.assert_allclose(found.scores, score, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.positions(), maps, rtol=1e-3, atol=1e-5)

    drawn = render(model, class_logit(asked), steps=0, init=IMAGES[:1], transforms=(), retries=0)
    np.testing.assert_allclose(drawn.activations, score[:1], rtol=1e-3, atol=1e-4)

    row = tcav(model, {"bright": CONCEPT}, POOL, {asked: IMAGES}, "conv", **FAST).rows[0]
    parts = [
        Attributions(asked, pictures=12),
        NeuronGroups(2, targets=[asked], icons=False),
        ConceptTests({"bright": CONCEPT}, POOL, {"t": (asked, IMAGES)}, **FAST),
    ]
    records = {record.kind: record.data for record in analyze(model, Probe.from_arrays(IMAGES), ["conv"], parts)}
    pictures = records["attribution"]["pictures"]
    np.testing.assert_allclose([picture["logit"] for picture in pictures], score, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose([picture["total"] for picture in pictures], maps.sum((1, 2)), rtol=1e-3, atol=1e-4)
    (effects,) = {name: group["effects"] for name, group in enumerate(records["groups"]["groups"])}[0].items()
    total = sum(group["effects"][effects[0]] for group in records["groups"]["groups"])
    total += records["groups"]["residual_effects"][effects[0]]
    assert total == pytest.approx(maps.sum((1, 2)).mean(), rel=1e-3, abs=1e-4)
    assert records["concepts"]["tests"][0]["displacement"] == pytest.approx(row["displacement"], rel=1e-5)


@pytest.mark.parametrize("name", heads.HEADS)
def test_the_first_order_change_is_that_of_the_score(name, folder):
    headed, model = opened(name, "keras", folder)
    pool = headed.model.get_layer("pool")
    pooled = [pool(headed.model.get_layer("conv")(images)) for images in (IMAGES, CONCEPT, POOL)]
    for target, score in headed.targets.items():
        with tf.GradientTape() as tape:
            tape.watch(pooled[0])
            value = score(pooled[0])
        slope = tf.reduce_mean(tape.gradient(value, pooled[0]), 0)
        delta = tf.reduce_mean(pooled[1], 0) - tf.reduce_mean(pooled[2], 0)
        row = tcav(model, {"bright": CONCEPT}, POOL, {target: IMAGES}, "conv", **FAST).rows[0]
        assert row["displacement"] == pytest.approx(float(tf.reduce_sum(slope * delta)), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", heads.HEADS)
def test_every_door_refuses_with_the_same_sentence(name, form, folder):
    headed, model = opened(name, form, folder)
    asked, probe = rename(name, form, headed.refused), Probe.from_arrays(IMAGES)
    doors = [
        lambda: model.target(asked),
        lambda: attribute(model, IMAGES, asked),
        lambda: render(model, class_logit(asked), steps=1),
        lambda: tcav(model, {"bright": CONCEPT}, POOL, {asked: IMAGES}, "conv", **FAST),
        lambda: find_concepts(model, IMAGES, "conv", target=asked),
        lambda: analyze(model, probe, ["conv"], [Attributions(asked)]),
        lambda: analyze(model, probe, ["conv"], [NeuronGroups(2, targets=[asked])]),
        lambda: analyze(model, probe, ["conv"], [ConceptTests({"bright": CONCEPT}, POOL, [asked])]),
    ]
    sentences = set()
    for door in doors:
        with pytest.raises(ValueError, match="class index") as error:
            door()
        sentences.add(str(error.value))
    assert len(sentences) == 1


@pytest.mark.parametrize("name", heads.HEADS)
def test_the_command_line_means_the_same(name, folder, tmp_path, monkeypatch):
    headed, _ = opened(name, "keras", folder)
    headed.model.save(tmp_path / "model.keras")
    for kind, images in (("probe", IMAGES), ("concepts/bright", CONCEPT), ("random", POOL)):
        (tmp_path / kind).mkdir(parents=True)
        for number, image in enumerate(images):
            Image.fromarray((image * 255 + 0.5).astype(np.uint8)).save(tmp_path / kind / f"{number:02}.png")
    target = list(headed.targets)[-1]
    command = ["analyze", "model.keras", "--probe", "probe", "--layer", "conv", "--logdir", "logs"]
    command += ["--concepts", "concepts", "--random", "random"]
    if name == "two heads, dict":  # what the other parts make of each head is tested above and by `test_decisions`
        command += ["--units", "1", "--groups", "2", "--steps", "1"]
    else:
        command += ["--part", "concepts"]
    command += ["--target", str(target)]
    monkeypatch.chdir(tmp_path)
    assert main(command) == 0
    test = next(record for record in read("logs") if record.kind == "concepts").data["tests"][0]
    read_back = [np.stack([np.asarray(Image.open(f), np.float32) / 255 for f in sorted((tmp_path / kind).iterdir())])
                 for kind in ("probe", "concepts/bright", "random")]  # fmt: skip
    model = open_model(headed.model)
    row = tcav(model, {"bright": read_back[1]}, read_back[2], {target: read_back[0]}, "conv", relative="none").rows[0]
    assert test["displacement"] == pytest.approx(row["displacement"], rel=1e-4)
    assert main([*command[:-1], str(headed.refused), "--logdir", "other"]) == 2


# --- what a target is


def test_names_of_several_outputs():
    names = {"breed": ["pug", "beagle", "siamese"], "species": ["dog", "cat"]}
    model = open_model(heads.build("two heads, dict").model, class_names=names)
    assert (model.target("cat").output, model.target("cat").index) == ("output:1", 1)
    assert (model.target("pug").output, model.target("pug").index) == ("output", 0)
    assert model.target("species:dog").name == "species:dog"
    with pytest.raises(ValueError, match=r"no class 'dgo'; did you mean \['dog'\]"):
        model.target("species:dgo")
    note = "the network has 2 outputs; 1 was asked of 'breed', the first. For another, write 'species:1', or"
    assert model.target(1).note.startswith(note)
    asked = model.target(lambda y: y[:, 0])
    assert asked.note.startswith("the network has 2 outputs; a function was asked of 'breed', the first. For another,")
    assert "open_model(..., output='species')" in asked.note
    assert model.target("cat").note is None
    chosen = open_model(heads.build("two heads, dict").model, output="species").target(lambda y: y[:, 0])
    assert (chosen.output, chosen.note) == ("output:1", None)
    with pytest.raises(ValueError, match=r"class_names names the outputs \['colour'\]"):
        open_model(heads.build("two heads, dict").model, class_names={"colour": ["a"]}).heads  # noqa: B018
    names = {"breed": ["a", "b", "c"], "species": ["a", "d"]}
    assert open_model(model.model, class_names=names).target("a").output == "output"  # the first output's own


def test_a_class_of_another_output_is_made_large_beside_a_map():
    x = keras.Input(heads.SIZE)
    maps = keras.layers.Conv2D(3, 1, name="area")(x)
    classes = keras.layers.Dense(2, name="cls")(keras.layers.GlobalAveragePooling2D()(maps))
    model = open_model(keras.Model(x, {"area": maps, "cls": classes}), class_names={"cls": ["cat", "dog"]})
    given = {"size": 8, "steps": 2, "seed": 1, "optimizer": SGD(), "learning_rate": 9.0}
    by_name, by_label, by_index = (
        render(model, class_logit(asked), **given).images for asked in ("dog", "cls:dog", "cls:1")
    )
    np.testing.assert_array_equal(by_name, by_label)
    np.testing.assert_array_equal(by_name, by_index)
    assert not np.array_equal(by_name, render(model, class_logit(1), **given).images)  # a channel of the map
    with pytest.raises(ValueError, match="class index 3 is outside the 3"):
        render(model, class_logit(3), **given)


def test_plain_names_belong_to_the_output_of_as_many_numbers():
    model = open_model(heads.build("two heads, dict").model, class_names=["dog", "cat"])
    assert model.target("cat").output == "output:1"
    assert model.target("cat").index == 1


def test_the_output_that_is_meant_is_chosen_once():
    headed = heads.build("two heads, list")
    model = open_model(headed.model, output="species")
    assert model.target(1).output == "output:1"
    assert model.target(1).note is None
    score, _ = expect(headed, "species:1")
    np.testing.assert_allclose(attribute(model, IMAGES, 1, layer="conv").scores, score, rtol=1e-4)
    parts = [Attributions(), NeuronGroups(2, icons=False)]
    probe = Probe.from_arrays(IMAGES, np.arange(12) % 2)
    attribution, groups = analyze(model, probe, ["conv"], parts)
    expected = headed.model(IMAGES)[1].numpy().argmax(-1)
    assert attribution.data["probe"]["predictions"] == expected.tolist()
    assert attribution.data["output"]["label"] == "species"
    assert set(groups.data["groups"][0]["effects"]) == {"class 0", "class 1"}
    with pytest.raises(ValueError, match=r"no output 'spices'; did you mean \['species'\]"):
        open_model(headed.model, output="spices").head()


def test_a_plain_target_of_several_outputs_is_told(folder):
    _, model = opened("two heads, dict", "keras", folder)
    assert any("asked of 'breed', the first" in note for note in attribute(model, IMAGES, 1).notes)
    assert not attribute(model, IMAGES, "species:1").notes
    test = tcav(model, {"bright": CONCEPT}, POOL, {1: IMAGES}, "conv", **FAST)
    assert any("asked of 'breed', the first" in note for note in test.notes)
    (record,) = analyze(model, Probe.from_arrays(IMAGES), ["conv"], [Attributions()])
    assert any("looks at 'breed'; others are ['species']" in note for note in record.data["notes"])


def test_a_target_can_be_made_once_and_used_everywhere(folder):
    _, model = opened("two heads, dict", "keras", folder)
    target = model.target(lambda y: y[:, 1] - y[:, 0], output="species")
    found = attribute(model, IMAGES, target, layer="conv")
    one, zero = (attribute(model, IMAGES, f"species:{index}", layer="conv") for index in (1, 0))
    np.testing.assert_allclose(found.values, one.values - zero.values, rtol=1e-3, atol=1e-6)
    row = tcav(model, {"bright": CONCEPT}, POOL, {"cat, not dog": (target, IMAGES)}, "conv", **FAST).rows[0]
    rows = [
        tcav(model, {"bright": CONCEPT}, POOL, {f"species:{index}": IMAGES}, "conv", **FAST).rows[0] for index in (1, 0)
    ]
    assert row["displacement"] == pytest.approx(rows[0]["displacement"] - rows[1]["displacement"], rel=1e-3)
    with pytest.raises(ValueError, match="targets of one call must be of one output"):
        attribute(model, IMAGES[:2], ["breed:1", "species:1"])


def test_two_classes_of_one_name_are_refused_everywhere():
    model = open_model(heads.build("softmax").model, class_names=["crane", "crane", "owl"])
    probe = Probe.from_arrays(IMAGES)
    for door in (
        lambda: attribute(model, IMAGES, "crane"),
        lambda: analyze(model, probe, ["conv"], [Attributions("crane")]),
        lambda: render(model, class_logit("crane"), steps=1),
        lambda: analyze(model, Probe.from_arrays(IMAGES, [0] * 12, ["crane"]), ["conv"], [Attributions()]),
    ):
        with pytest.raises(ValueError, match="classes are called"):
            door()
