"""What an output is, what right and wrong mean for it, and which labels it takes."""

import heads
import keras
import numpy as np
import pytest

from tf_interp import (
    Attributions,
    ConceptTests,
    InterpCallback,
    NeuronGroups,
    Probe,
    analyze,
    attribute,
    open_model,
    read,
    tcav,
)
from tf_interp.models import Head

L = keras.layers
IMAGES = np.random.default_rng(5).random((12, *heads.SIZE), np.float32)


@pytest.mark.parametrize("name", heads.HEADS)
def test_every_head_is_recognized(name, tmp_path):
    headed = heads.build(name)
    headed.model.export(tmp_path, verbose=False)
    for source in (headed.model, tmp_path):
        head = open_model(source).head()
        assert head.kind == headed.kind
        assert (head.caution is None) == (name not in ("ensemble", "regression"))


@pytest.mark.parametrize(
    ("units", "loss", "kind"),
    [
        (1, keras.losses.BinaryCrossentropy(from_logits=True), "binary"),
        (3, keras.losses.BinaryCrossentropy(from_logits=True), "multilabel"),
        (3, keras.losses.SparseCategoricalCrossentropy(from_logits=True), "multiclass"),
        (3, "mse", "regression"),
        (1, "mean_absolute_error", "regression"),
        (1, keras.losses.huber, "regression"),
        (1, "hinge", "binary"),
        (3, None, "multiclass"),
        (1, None, "regression"),
    ],
)
def test_numbers_are_what_the_loss_says(units, loss, kind):
    model = keras.Sequential([keras.Input((4,)), L.Dense(units)])
    if loss is not None:
        model.compile("sgd", loss)
    assert open_model(model).head().kind == kind


def test_losses_of_several_outputs():
    x = keras.Input((4,))
    model = keras.Model(x, {"age": L.Dense(1, name="age")(x), "sick": L.Dense(1, name="sick")(x)})
    model.compile("sgd", {"age": "mse", "sick": keras.losses.BinaryCrossentropy(from_logits=True)})
    assert {head.label: head.kind for head in open_model(model).heads.values()} == {
        "age": "regression",
        "sick": "binary",
    }


def test_names_say_that_numbers_are_classes():
    model = keras.Sequential([keras.Input((4,)), L.Dense(1)])
    assert open_model(model, class_names=["no", "yes"]).head().kind == "binary"
    model = keras.Sequential([keras.Input((4,)), L.Dense(3)])
    model.compile("sgd", "mse")
    named = open_model(model, class_names=["age", "weight", "size"])  # trained as numbers: names of numbers
    assert (named.head().kind, named.target("weight").index) == ("regression", 1)
    assert open_model(model, class_names=["a", "b", "c"], head="multiclass").head().kind == "multiclass"


def test_probabilities_that_are_not_recognized_are_told():
    x = keras.Input((4,))
    p = L.Dense(3, activation="softmax")(x)
    head = open_model(keras.Model(x, p**2 / keras.ops.sum(p**2, -1, keepdims=True))).head()
    assert (head.kind, head.quantity) == ("multiclass", "probability")
    assert "sum to one, so they are probabilities, but how RealDiv makes them is not recognized" in head.caution
    head = open_model(keras.Model(x, p * 0.5)).head()
    assert "all outputs lie in [0,1]" in head.caution
    one = L.Dense(1, activation="sigmoid")(x)
    head = open_model(keras.Model(x, L.Concatenate()([1 - one, one]))).head()
    assert (head.kind, head.quantity) == ("multiclass", "probability")


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_shares_of_a_softmax_that_a_mask_cuts_are_no_probabilities_though_the_loss_makes_some_of_them(loss):
    x = keras.Input((4,))
    network = keras.Model(x, L.Dense(3, activation="softmax")(x) * np.array([1, 0.5, 0.2], "float32"))
    network.compile("sgd", loss)
    head = open_model(network).head()
    assert (head.kind, head.quantity) == ("multiclass", "number")
    assert "on noise the outputs do not sum to one, so they are none" in head.caution
    given, labels = np.random.default_rng(0).normal(size=(6, 4)).astype("float32"), np.arange(6) % 3
    shares = network.predict(given, verbose=0)
    made = shares / shares.sum(-1, keepdims=True)  # what the caution says of Keras
    wanted = labels if loss.startswith("sparse") else np.eye(3)[labels]
    assert network.evaluate(given, wanted, verbose=0) == pytest.approx(-np.log(made[range(6), labels]).mean(), rel=1e-5)


def test_probabilities_are_seen_where_loud_noise_gives_one_class_everywhere():
    x = keras.Input((4,))
    p = L.Dense(3, activation="softmax", name="dense")(keras.ops.abs(x))
    network = keras.Model(x, p**2 / keras.ops.sum(p**2, -1, keepdims=True))
    network.get_layer("dense").set_weights([np.eye(1, 3) * np.ones((4, 1)), np.zeros(3)])
    assert open_model(network).head().quantity == "probability"


def test_classes_behind_a_choice_are_classes():
    x = keras.Input((4,))
    chosen = keras.ops.one_hot(keras.ops.argmax(L.Dense(5)(x), -1), 5)
    model = open_model(keras.Model(x, L.Dense(3)(L.Dense(4, name="hidden")(chosen))))
    assert model.head().kind == "multiclass"
    assert attribute(model, np.ones((2, 4)), 1, layer="hidden").values.any()
    assert open_model(keras.Model(x, keras.ops.round(L.Dense(3)(x)))).head().kind == "other"


@pytest.mark.filterwarnings("ignore:.*softmax over axis")
def test_one_number_is_told_by_its_bounds():
    x = keras.Input((4,))
    head = open_model(keras.Model(x, 1 + 4 * L.Dense(1, activation="sigmoid")(x))).head()
    assert (head.kind, head.evidence) == ("regression", "one number between 1 and 5")
    head = open_model(keras.Model(x, L.Dense(1, activation="softmax")(x))).head()
    assert "a sigmoid was meant" in head.caution


def _lengths(y):
    """Return the lengths of three capsules of four numbers."""
    s = keras.ops.reshape(y, (-1, 3, 4))
    square = keras.ops.sum(s**2, -1, keepdims=True)
    return keras.ops.norm(s * keras.ops.sqrt(square) / (1 + square), axis=-1)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (_lengths, "none of its numbers is ever negative"),
        (lambda y: keras.ops.exp(y), "none of its numbers is ever negative"),
        (
            lambda y: keras.ops.exp(-keras.ops.sum((y[:, None] - keras.ops.eye(3, 12)) ** 2, -1)),
            "all outputs lie in [0,1]",
        ),
        (
            lambda y: L.Concatenate()([keras.ops.sigmoid(y[:, :2]), y[:, 2:3]]),
            "it joins sigmoid and other numbers",
        ),
    ],
    ids=["capsules", "rates", "kernels", "join"],
)
def test_numbers_that_are_no_logits_are_not_taken_for_such(end, words, tmp_path):
    x = keras.Input((5,))
    network = keras.Model(x, end(L.Dense(12)(x)))
    network.export(tmp_path, verbose=False)
    for source in (network, tmp_path):
        head = open_model(source).head()
        assert head.quantity == "number"
        assert words in head.caution
    network.compile("sgd", "mse")
    assert open_model(network).head().caution is None


FROM_LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    ("units", "loss", "head", "quantity"),
    [
        (1, "binary_crossentropy", None, "probability"),
        (3, keras.losses.BinaryCrossentropy(), None, "probability"),
        (3, None, "multilabel", "probability"),
        (1, None, "binary", "probability"),
        (1, None, None, "number"),
        (1, FROM_LOGITS, None, "logit"),
        (3, FROM_LOGITS, None, "logit"),
    ],
)
@pytest.mark.parametrize("write", [lambda y: 1 - keras.ops.sigmoid(-y), lambda y: 0.5 * (1 + keras.ops.tanh(y / 2))])
def test_sigmoids_that_are_not_recognized_are_decided_at_one_half(write, units, loss, head, quantity):
    x = keras.Input(heads.SIZE)
    dense = L.Dense(units)
    model = keras.Model(x, write(dense(L.Flatten()(x))))
    dense.bias.assign(-np.median(IMAGES.reshape(len(IMAGES), -1) @ np.array(dense.kernel), 0))
    if loss is not None:
        model.compile("sgd", loss)
    found = open_model(model, head=head).head()
    assert found.quantity == quantity
    if quantity == "probability":
        outputs = np.array(model(IMAGES))
        assert 0 < (outputs > 0.5).sum() < outputs.size
        decided = found.decide(outputs)
        np.testing.assert_array_equal(decided, outputs > 0.5 if units > 1 else outputs[:, 0] > 0.5)
        assert "not recognized" in found.caution


def _bounded(*inputs):
    """Return a network with one number in [0,1] that no sigmoid makes, and with it always below one half."""
    inputs = inputs or (keras.Input(heads.SIZE),)
    pooled = [
        L.GlobalAveragePooling2D()(L.Conv2D(2, 1, activation="relu", name=f"conv{n}")(x)) for n, x in enumerate(inputs)
    ]
    dense = L.Dense(1, kernel_initializer="zeros", bias_initializer=lambda shape, dtype: -3 * np.ones(shape, dtype))
    y = dense(pooled[0] if len(pooled) == 1 else L.Concatenate()(pooled))
    return keras.Model(list(inputs) if len(inputs) > 1 else inputs[0], 0.5 * (1 + keras.ops.tanh(y / 2)))


@pytest.mark.parametrize("where", ["head", "model", "probe", "two inputs"])
def test_whoever_tells_of_two_classes_probabilities_stay_so(where):
    if where == "two inputs":
        head = open_model(_bounded(keras.Input(heads.SIZE), keras.Input(heads.SIZE)), head="binary").head()
    elif where == "probe":
        probe = Probe.from_arrays(IMAGES, np.zeros(12, int), class_names=["no", "yes"])
        (record,) = analyze(open_model(_bounded()), probe, ["conv0"], [NeuronGroups(1, icons=False)])
        assert record.data["output"]["quantity"] == "probability"
        assert record.data["probe"]["predictions"] == [0] * 12
        assert any("not recognized" in note for note in record.data["notes"])
        return
    else:
        options = {"head": "binary"} if where == "head" else {"class_names": ["no", "yes"]}
        head = open_model(_bounded(), **options).head()
    assert (head.kind, head.quantity, head.threshold) == ("binary", "probability", 0.5)
    assert "not recognized" in head.caution
    assert head.decide(np.full((2, 1), 0.05, np.float32)).tolist() == [0, 0]


def test_the_first_of_two_classes_has_the_rest_of_the_probability():
    network = _bounded()
    model = open_model(network, head="binary")
    no, yes = (attribute(model, IMAGES, index).scores for index in (0, 1))
    np.testing.assert_allclose(yes, network(IMAGES)[:, 0], rtol=1e-5)
    np.testing.assert_allclose(no + yes, 1, rtol=1e-6)
    outputs = np.array(network(IMAGES))
    np.testing.assert_allclose(model.target(0).score(model.run(IMAGES, ["output"])["output"]), 1 - outputs[:, 0])
    np.testing.assert_allclose(model.head().spread(outputs), np.concatenate([1 - outputs, outputs], -1))


@pytest.mark.parametrize("end", ["sigmoid", None])
def test_of_as_many_numbers_as_go_in_it_is_told_that_they_were_taken_for_classes(end, tmp_path):
    def build(width):
        return keras.Sequential([keras.Input((12,)), L.Dense(3, activation="relu"), L.Dense(width, activation=end)])

    model = build(12)
    model.export(tmp_path, verbose=False)
    for source in (model, tmp_path):
        assert "as many as go in" in open_model(source).head().caution
        assert "as many as go in" in attribute(open_model(source), np.ones((2, 12), np.float32), 1).notes[0]
        assert open_model(source, head="regression").head().caution is None
        assert open_model(source, class_names=[f"tag {i}" for i in range(12)]).head().caution is None
    assert open_model(build(11)).head().caution is None
    model.compile(loss="binary_crossentropy" if end else keras.losses.BinaryCrossentropy(from_logits=True))
    assert open_model(model).head().caution is None


def test_logits_that_lie_in_the_range_by_chance_stay_logits():
    x = keras.Input((4,))
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        small = [L.Dense(1, kernel_initializer=keras.initializers.RandomUniform(0, 0.1))(x) for _ in range(2)]
        head = open_model(keras.Model(x, L.Add()(small)), head="binary").head()
        assert (head.quantity, head.caution) == ("logit", None)


@pytest.mark.parametrize(("indices", "kind"), [(True, "multiclass"), (False, "regression")])
def test_what_was_trained_as_numbers_is_classes_only_where_labels_are(indices, kind):
    x, y = heads.build("regression").model.input, None
    for width in (1, 3):
        y = L.Dense(width)(L.GlobalAveragePooling2D()(L.Conv2D(2, 1, name=f"conv{width}")(x)))
        model = keras.Model(x, y)
        model.compile("sgd", "mse")
        names = ["a", "b", "c"] if width == 3 else ["no", "yes"]
        probe = Probe.from_arrays(IMAGES, np.arange(12) % len(names) if indices else None, class_names=names)
        (record,) = analyze(open_model(model), probe, [f"conv{width}"], [NeuronGroups(1, icons=False)])
        assert record.data["output"]["kind"] == (kind if width == 3 else "regression")


def test_names_go_to_the_chosen_output():
    x = keras.Input((4,))
    network = keras.Model(
        x, {"sex": L.Dense(1, "sigmoid", name="sex")(x), "side": L.Dense(2, "softmax", name="side")(x)}
    )
    model = open_model(network, class_names=["male", "female"], output="sex")
    assert (model.target("female").head.label, model.target("female").index) == ("sex", 1)
    assert model.target("female").name == "female"


@pytest.mark.parametrize("loss", [None, "categorical_crossentropy", "kld"])
@pytest.mark.parametrize("preprocess", [None, lambda images: images * 2 - 1])
def test_neither_loss_nor_preprocess_hides_probabilities(loss, preprocess):
    x = keras.Input(heads.SIZE)
    y = keras.ops.softplus(L.Dense(3)(L.Flatten()(x)))
    model = keras.Model(x, y / keras.ops.sum(y, -1, keepdims=True))
    if loss is not None:
        model.compile("sgd", loss)
    head = open_model(model, preprocess=preprocess).head()
    assert (head.kind, head.quantity) == ("multiclass", "probability")
    assert "sum to one" in head.caution


def test_names_are_counted_for_the_output_that_has_them():
    model = open_model(heads.build("two heads, dict").model, class_names=["a", "b"])
    counts = {head.label: head.count for head in model.heads.values()}
    assert 2 in counts.values()
    assert not any("class names for" in note for note in model.notes)
    model = open_model(heads.build("softmax").model, class_names=["a", "b"])
    assert "2 class names for 3 logits" in model.notes


def test_of_a_map_of_averaged_softmaxes_it_is_told():
    x = keras.Input(heads.SIZE)
    maps = [L.Conv2D(3, 1, activation="softmax")(x) for _ in range(2)]
    head = open_model(keras.Model(x, L.Average()(maps))).head()
    assert (head.kind, head.quantity) == ("dense", "log-probability")
    assert "average of softmaxes" in head.caution


def test_the_user_has_the_last_word():
    headed = heads.build("regression")
    model = open_model(headed.model, head="binary", class_names=["no", "yes"])
    head = model.head()
    assert (head.kind, head.evidence, head.caution) == ("binary", "as given by head=", None)
    no, yes = (attribute(model, IMAGES, name).scores for name in ("no", "yes"))
    np.testing.assert_allclose(no, -yes)
    both = open_model(heads.build("two heads, dict").model, head={"species": "multilabel"})
    assert [head.kind for head in both.heads.values()] == ["multiclass", "multilabel"]
    with pytest.raises(ValueError, match=r"head must be one of \['multiclass', .*got 'softmax'"):
        open_model(headed.model, head="softmax")
    with pytest.raises(ValueError, match=r"head names the outputs \['spices'\]"):
        open_model(headed.model, head={"spices": "binary"}).heads  # noqa: B018


@pytest.mark.parametrize("form", ["keras", "saved"])
@pytest.mark.parametrize(
    "end",
    [lambda y: L.Rescaling(4.5, 0.5)(y), lambda y: y * 100, lambda y: 1 - y, lambda y: y + y],
    ids=["rescaled", "times 100", "turned round", "doubled"],
)
def test_a_stretched_sigmoid_is_a_number(end, form, tmp_path):
    x = keras.Input(heads.SIZE)
    pooled = L.GlobalAveragePooling2D()(L.Conv2D(4, 3, name="conv")(x))
    model = keras.Model(x, end(L.Dense(1, activation="sigmoid")(pooled)))
    model.export(tmp_path, verbose=False)
    opened = open_model(model if form == "keras" else tmp_path)
    assert opened.head().kind == "regression"
    np.testing.assert_allclose(attribute(opened, IMAGES, 0).scores, model(IMAGES)[:, 0], rtol=1e-5)


@pytest.mark.parametrize("form", ["keras", "saved"])
def test_numbers_that_the_user_tells_of_are_those_that_come_out(form, tmp_path):
    headed = heads.build("one logit")
    headed.model.export(tmp_path, verbose=False)
    opened = open_model(headed.model if form == "keras" else tmp_path, head="regression")
    np.testing.assert_allclose(attribute(opened, IMAGES, 0).scores, headed.model(IMAGES)[:, 0], rtol=1e-5)
    assert (opened.head().quantity, opened.logits_undone) == ("number", False)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("softmax", {"head": "binary"}, r"head='binary' does not fit output 'output', which gives \['N', 3\]"),
        ("one logit", {"head": "multiclass"}, "head='multiclass' does not fit"),
        ("softmax", {"head": 5}, "head must be one of"),
        ("softmax", {"output": 0}, "named by its label, a string, got 0"),
        ("softmax", {"output": "outptu"}, "did you mean"),
        ("softmax", {"class_names": 5}, "class_names must be a list"),
        ("softmax", {"class_names": {0: "a"}}, "of one output give the list alone"),
        ("two heads, dict", {"class_names": {"breed": ["a", "b"]}}, "2 names for 'breed', which has 3 classes"),
    ],
)
def test_what_the_user_says_is_checked_at_once(name, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        open_model(heads.build(name).model, **options)


def test_names_must_be_as_many_as_classes():
    for name, names in (("one logit", ["cat"]), ("softmax", ["a", "b", "c", "d"])):
        with pytest.raises(ValueError, match=r"class names for \d classes: give one for each"):
            open_model(heads.build(name).model, class_names=names).target(names[-1])


# --- several outputs and a probe


def test_labels_find_their_output_or_ask_for_it():
    model = open_model(heads.build("two heads, dict").model)  # breed 3, species 2
    (record,) = analyze(model, Probe.from_arrays(IMAGES, np.arange(12) % 2, ["dog", "cat"]), ["conv"], [Attributions()])
    assert record.data["output"]["label"] == "species"
    (record,) = analyze(model, Probe.from_arrays(IMAGES, np.arange(12) % 3), ["conv"], [Attributions()])
    assert record.data["output"]["label"] == "breed"  # a label of 2 is none of two classes
    with pytest.raises(ValueError, match=r"\['breed', 'species'\]: say which with output="):
        analyze(model, Probe.from_arrays(IMAGES, np.arange(12) % 2), ["conv"], [Attributions()])


def test_a_target_of_another_output_has_its_own_pictures_and_name():
    model = open_model(heads.build("two heads, dict").model, output="species")
    probe = Probe.from_arrays(IMAGES, np.arange(12) % 2, ["dog", "cat"])
    parts = [
        Attributions("breed:2", pictures=3),
        ConceptTests({"bright": IMAGES[:6] ** 0.5}, 1 - IMAGES, ["breed:2", "cat"], permutations=99),
    ]
    attribution, concepts = (record.data for record in analyze(model, probe, ["conv"], parts))
    assert attribution["target"] == {"index": 2, "name": "breed:2"}
    assert [(row["target"], row["top"]) for row in attribution["pictures"]] == [(None, [])] * 3
    rows = {row["target"]: row["n_target"] for row in concepts["tests"]}
    assert rows == {"breed:2": 12, "cat": 6}  # labels tell of cats only


def test_two_functions_of_one_name_are_refused():
    model, probe = open_model(heads.build("softmax").model), Probe.from_arrays(IMAGES)
    part = ConceptTests({"bright": IMAGES[:6] ** 0.5}, 1 - IMAGES, [lambda y: y[:, 1], lambda y: y[:, 0]])
    with pytest.raises(ValueError, match="two targets are called '<lambda>'"):
        analyze(model, probe, ["conv"], [part])


def test_a_target_of_another_network_is_refused():
    target = open_model(heads.build("one logit").model).target(1)
    with pytest.raises(ValueError, match="was made for another network"):
        attribute(open_model(heads.build("softmax").model), IMAGES, target)


def test_one_hot_labels_are_for_as_many_classes():
    probe = Probe.from_arrays(IMAGES, np.eye(5)[np.arange(12) % 3])
    with pytest.raises(ValueError, match="labels are one-hot for 5 classes"):
        analyze(open_model(heads.build("softmax").model), probe, ["conv"], [Attributions()])


def test_labels_of_a_regression_may_be_negative_and_of_sigmoids_smoothed():
    assert Probe.from_arrays(IMAGES[:2], [-20.0, 60.0]).labels.tolist() == [[-20], [60]]
    smoothed = Probe.from_arrays(IMAGES[:2], [[0.05, 0.95, 0.95], [0.05, 0.05, 0.95]])
    head = open_model(heads.build("several sigmoids").model).head()
    assert head.check_labels(smoothed.labels).tolist() == [[0, 1, 1], [0, 0, 1]]


# --- right and wrong


def test_several_sigmoids_are_right_where_all_of_them_are():
    head = Head("output", "output", "multilabel", "", (3,))
    output = np.array([[2.0, -1, 3], [-1, -2, -3], [1, 1, -1]])
    labels = head.check_labels(np.array([[1, 0, 1], [0, 0, 0], [1, 0, 0]]))
    assert head.judge(output, labels).tolist() == [True, True, False]
    assert head.holds(labels, 2).tolist() == [True, False, False]
    assert head.check_labels(np.array([0, 2, 1])).tolist() == np.eye(3)[[0, 2, 1]].tolist()


def test_one_logit_decides_by_its_sign():
    head = Head("output", "output", "binary", "", (1,))
    output = np.array([[0.2], [-0.1]])
    assert head.decide(output).tolist() == [1, 0]
    assert head.spread(output).tolist() == [[-0.2, 0.2], [0.1, -0.1]]
    assert head.judge(output, np.array([1, 1])).tolist() == [True, False]


def test_labels_are_judged_in_every_form():
    head = Head("output", "output", "multiclass", "", (3,))
    output = np.array([[2.0, -1, 3], [-1, -2, -3], [1, 4, -1]])
    for labels in ([2, 1, 1], [[2], [1], [1]], np.eye(3)[[2, 1, 1]], np.eye(3, dtype=int)[[2, 1, 1]]):
        assert head.judge(output, np.array(labels)).tolist() == [True, False, True]
    with pytest.raises(ValueError, match=r"several classes per picture .* or one-hot rows"):
        head.judge(output, np.ones((3, 3), int))
    with pytest.raises(ValueError, match="labels of 2 pictures, for the outputs of 3"):
        head.judge(output, np.array([1, 2]))
    one = Head("output", "output", "binary", "", (1,))
    for labels in ([1, 0], [[1], [0]], [[1.0], [0.0]], [1.0, 0.0], np.eye(2)[[1, 0]]):
        assert one.judge(np.array([[0.2], [-0.1]]), np.array(labels)).tolist() == [True, True]


def test_a_regression_decides_nothing():
    head = Head("output", "output", "regression", "", (2,))
    assert head.decide(np.zeros((3, 2))) is None
    assert head.judge(np.zeros((3, 2)), np.zeros((3, 2))) is None
    assert head.check_labels(np.array([[0.5, 2], [1, 3]])).dtype == np.float32


@pytest.mark.parametrize(
    ("kind", "labels", "message"),
    [
        ("multiclass", [[1, 0, 1], [0, 0, 0]], "labels hold several classes per picture .* say head='multilabel'"),
        ("multiclass", [0.5, 2.5], "labels are numbers, but the network has 3 classes"),
        ("multilabel", [[1, 1], [0, 0]], "labels are for 2 classes, but the network has 3"),
        ("multiclass", [0, 3], "labels run from 0 to 3, but the network has 3 classes"),
        ("regression", [0, 3], "3 of them, but labels have 1 for each picture"),
    ],
)
def test_labels_that_do_not_fit_are_refused(kind, labels, message):
    head = Head("output", "output", kind, "softmax", (3,))
    probe = Probe.from_arrays(IMAGES[:2], labels)
    with pytest.raises(ValueError, match=message):
        head.check_labels(probe.labels)


def test_a_multilabel_network_is_watched_as_one():
    headed = heads.build("several sigmoids")
    model = open_model(headed.model)
    truth = headed.model(IMAGES).numpy() > 0.5
    labels = truth.astype(int)
    labels[0, 0] = 1 - labels[0, 0]
    probe = Probe.from_arrays(IMAGES, labels)
    parts = [
        Attributions(pictures=12),
        NeuronGroups(2, icons=False),
        ConceptTests({"bright": IMAGES[:6] ** 0.5}, 1 - IMAGES, [int(labels.sum(0).argmax())], permutations=99),
    ]
    records = list(analyze(model, probe, ["conv"], parts))
    entry = records[0].data["probe"]
    assert entry["right"] == [False] + [True] * 11
    assert entry["predictions"] == [np.flatnonzero(row).tolist() for row in truth]
    assert entry["labels"] == [np.flatnonzero(row).tolist() for row in labels]
    row = records[2].data["tests"][0]
    most = int(labels.sum(0).argmax())
    assert row["n_target"] == labels[:, most].sum()
    assert row["predicted"] == pytest.approx(truth[labels[:, most] > 0, most].mean())


def test_a_finding_says_what_is_moved():
    model = open_model(heads.build("regression").model)
    test = tcav(model, {"bright": IMAGES[:6] ** 0.5}, 1 - IMAGES, {0: IMAGES}, "conv", permutations=99)
    assert test.rows[0]["quantity"] == "number"
    assert "the output 0 by about" in test.explain()[0]
    assert "logit" not in test.explain()[0]


def test_a_regression_is_watched_as_one(tmp_path):
    keras.utils.set_random_seed(0)
    layers = [keras.Input(heads.SIZE), L.Conv2D(4, 3, activation="relu", name="conv"), L.GlobalAveragePooling2D()]
    model = keras.Sequential([*layers, L.Dense(1)])
    model.compile("sgd", "mse")
    y = IMAGES.mean((1, 2, 3))
    parts = [Attributions(pictures=4), NeuronGroups(2, icons=False)]
    watch = InterpCallback(tmp_path, Probe.from_arrays(IMAGES, y), layers=["conv"], parts=parts, on_error="raise")
    model.fit(IMAGES, y, epochs=1, verbose=0, callbacks=[watch])
    attribution, groups = [record.data for record in read(tmp_path)][-2:]
    assert attribution["probe"]["labels"] is attribution["probe"]["right"] is None
    expected = model.predict(IMAGES[:4], verbose=0)[:, 0]
    np.testing.assert_allclose([row["logit"] for row in attribution["pictures"]], expected, rtol=1e-4)
    assert attribution["output"]["kind"] == "regression"
    assert list(groups["groups"][0]["effects"]) == ["number 0"]


def test_one_number_between_0_and_1_is_not_called_a_logit():
    x = keras.Input(heads.SIZE)
    end = keras.layers.Dense(1, activation="sigmoid")(keras.layers.GlobalAveragePooling2D()(x))
    head = open_model(keras.Model(x, 1 - end)).head()
    assert (head.kind, head.evidence) == ("regression", "one number in [0,1]")
    assert "if it is the probability of the second of two classes, say head='binary'" in head.caution
    said = open_model(keras.Model(x, 1 - end), head="binary").head()
    assert (said.quantity, said.threshold) == ("probability", 0.5)


def _matrix_products():
    """Return ends that are probabilities, though the last operation is one that logits usually come from."""
    inputs = keras.Input((6,))
    hidden = L.Dense(8, activation="tanh")(inputs)
    gate = L.Dense(3, activation="softmax")(hidden)
    experts = L.Softmax()(L.Reshape((3, 4))(L.Dense(12)(hidden)))
    noise = keras.ops.convert_to_tensor(np.float32([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.05, 0.05, 0.9]]))
    return inputs, {
        "mixture, einsum": keras.ops.einsum("bn,bnk->bk", gate, experts),
        "mixture, Dot": L.Dot(axes=(1, 1))([gate, experts]),
        "mixture, matmul": keras.ops.squeeze(keras.ops.matmul(keras.ops.expand_dims(gate, 1), experts), 1),
        "label noise": gate @ noise,
    }


@pytest.mark.parametrize("name", sorted(_matrix_products()[1]))
def test_probabilities_made_by_a_matrix_product_are_not_taken_for_logits(name):
    keras.utils.set_random_seed(0)
    inputs, ends = _matrix_products()
    head = open_model(keras.Model(inputs, ends[name])).head()
    assert (head.kind, head.quantity) == ("multiclass", "probability")
    assert "sum to one" in head.caution
    plain = open_model(keras.Model(inputs, L.Dense(4)(inputs))).head()
    assert (plain.kind, plain.quantity, plain.caution) == ("multiclass", "logit", None)
