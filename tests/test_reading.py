"""SavedModels as they lie about: only what the signature needs is read, so what TensorFlow cannot load is no matter."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from networks import SIZE, fill, pictures
from tensorflow.core.protobuf import saved_model_pb2

from tf_interp.models import open_model

L = keras.layers
v1 = tf.compat.v1


def change(folder, what):
    """Change the file of a SavedModel, return the folder."""
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    what(saved.meta_graphs[0])
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    return folder


def gradient(function, images):
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        score = tf.reduce_sum(tf.cast(function(images), tf.float32) ** 2)
    return tape.gradient(score, images)


def assert_equal(model, network, images=None, tolerance=1e-5):
    """Logits and the gradient of the pictures are those of a direct computation."""
    images = pictures() if images is None else images
    expected = network(images)
    np.testing.assert_allclose(model.run(images, ["output"])["output"], expected, rtol=tolerance, atol=tolerance)
    ours = gradient(lambda x: model.run(x, ["output"])["output"], images)
    theirs = gradient(network, images)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def convolution():
    x = keras.Input(SIZE)
    value = L.GlobalAveragePooling2D(name="pool")(L.Conv2D(4, 3, activation="relu", name="conv")(x))
    model = keras.Model(x, L.Dense(3, name="head")(value))
    fill(model)
    return model


def test_slots_of_an_optimizer_do_not_matter(tmp_path):
    """Keras 2 saves them; without Keras 2 TensorFlow ends in an AttributeError about `add_slot`."""
    network = convolution()
    network.export(tmp_path, verbose=False)

    def add_slots(meta):
        graph = meta.object_graph_def
        optimizer, variable, slot = range(len(graph.nodes), len(graph.nodes) + 3)
        for name in ("optimizer", "trained", "slot"):
            graph.nodes[0].children.add(node_id=len(graph.nodes), local_name=name)
            node = graph.nodes.add()
            if name == "optimizer":
                node.user_object.identifier = "optimizer"
                node.slot_variables.add(original_variable_node_id=variable, slot_name="m", slot_variable_node_id=slot)
            else:
                node.variable.dtype, node.variable.name = tf.float32.as_datatype_enum, name
        assert graph.nodes[optimizer].slot_variables

    change(tmp_path, add_slots)
    with pytest.raises(AttributeError, match="add_slot"):
        tf.saved_model.load(str(tmp_path))
    assert_equal(open_model(tmp_path), network)


class Named(tf.Module):
    """Variables that are all called alike, a lookup in one of them, and loops that read one."""

    def __init__(self, dtype=tf.float32):
        super().__init__()
        rng = np.random.default_rng(0)
        self.first, self.second = (tf.Variable(tf.cast(rng.normal(size=(3, 3)), dtype), name="kernel") for _ in "ab")
        self.rows = tf.Variable(tf.cast(rng.normal(size=(5, 3)), dtype), name="kernel")

    @tf.function(input_signature=[tf.TensorSpec([None, *SIZE])])
    def predict(self, picture):
        value = tf.reduce_mean(tf.cast(picture, self.first.dtype), (1, 2)) @ self.first @ self.second
        value += tf.nn.embedding_lookup(self.rows, [4])
        step = lambda i, value: (i + 1, tf.tanh(value @ self.second))  # noqa: E731
        value = tf.while_loop(lambda i, _: i < 3, step, (0, value))[1]
        return tf.cond(tf.reduce_sum(value) > 100.0, lambda: value @ self.first, lambda: value @ self.second)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float16", 1e-3), ("bfloat16", 1e-2)])
def test_variables_with_equal_names_in_loops_and_lookups(dtype, tolerance, tmp_path):
    module = Named(tf.as_dtype(dtype))
    tf.saved_model.save(module, str(tmp_path))
    assert_equal(open_model(tmp_path), module.predict, tolerance=tolerance)


def test_functions_of_two_files_may_have_the_same_names(tmp_path):
    """TensorFlow knows functions by name in the whole process."""
    module = Named()
    tf.saved_model.save(module, str(tmp_path / "one"))
    shutil.copytree(tmp_path / "one", tmp_path / "two")

    def turn_tanh(meta):
        changed = [n for f in meta.graph_def.library.function for n in f.node_def if n.op == "Tanh"]
        assert changed
        for node in changed:
            node.op = "Sigmoid"

    change(tmp_path / "two", turn_tanh)
    one, two = (open_model(tmp_path / name).run(pictures(), ["output"])["output"] for name in ("one", "two"))
    np.testing.assert_allclose(one, module.predict(pictures()), rtol=1e-5)
    assert np.abs(one - two).max() > 0.1


def test_weights_that_are_not_there(tmp_path):
    tf.saved_model.save(Named(), str(tmp_path))
    shutil.move(tmp_path / "variables", tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"variables.index is missing: the weights"):
        open_model(tmp_path)
    tf.train.Checkpoint(other=tf.Variable(1.0)).write(str(tmp_path / "variables" / "variables"))
    with pytest.raises(ValueError, match=r"holds no '.*', which the graph needs"):
        open_model(tmp_path)


# --- what changes while it runs


def test_augmentation_is_passed_by_as_in_inference(tmp_path):
    x = keras.Input(SIZE)
    augmented = keras.Sequential([L.RandomFlip(name="flip"), L.RandomRotation(0.2, name="turn")], name="augment")
    value = L.RandomContrast(0.3, name="contrast")(augmented(x))
    value = L.Dropout(0.5)(L.Conv2D(4, 3, activation="relu", name="conv")(value))
    network = keras.Model(x, L.Dense(3, name="head")(L.GlobalAveragePooling2D(name="pool")(value)))
    fill(network)
    network.export(tmp_path, verbose=False)
    model = open_model(tmp_path)
    assert {"augment/flip", "augment/turn", "contrast", "conv", "pool", "head"} <= set(model.layers)
    (note,) = [note for note in model.notes if "taken for logits" not in note]
    assert "not changed by chance" in note
    assert_equal(model, lambda images: network(images, training=False))
    np.testing.assert_array_equal(model.run(pictures(), ["contrast"])["contrast"], pictures())


class Counting(tf.Module):
    """Counts its calls, and draws by chance behind its weights: that is no augmentation."""

    def __init__(self):
        super().__init__()
        self.count = tf.Variable(1.0, name="count")
        self.unread = tf.Variable(0.0, name="unread")
        self.chance = tf.random.Generator.from_seed(3)

    @tf.function(input_signature=[tf.TensorSpec([None, *SIZE])])
    def predict(self, picture):
        self.unread.assign_add(1.0)
        self.count.assign_add(1.0)
        return tf.reduce_mean(picture * self.count, (1, 2)) + self.chance.normal([3])


def test_each_run_begins_with_the_saved_state(tmp_path):
    module = Counting()
    tf.saved_model.save(module, str(tmp_path))
    first = module.predict(pictures())
    model = open_model(tmp_path)
    for _ in range(2):
        np.testing.assert_allclose(model.run(pictures(), ["output"])["output"], first, rtol=1e-5)
    assert any("changes variables while it runs" in note and "count" in note for note in model.notes)
    np.testing.assert_allclose(
        gradient(lambda x: model.run(x, ["output"])["output"], pictures()),
        gradient(lambda x: 2.0 * tf.reduce_mean(x, (1, 2)) + (first - 2.0 * pictures().mean((1, 2))), pictures()),
        rtol=1e-4,
        atol=1e-6,
    )


def test_a_state_that_nothing_reads_is_not_there(tmp_path):
    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.calls = tf.Variable(0)

        @tf.function(input_signature=[tf.TensorSpec([None, *SIZE])])
        def predict(self, picture):
            self.calls.assign_add(1)
            return tf.reduce_mean(picture, (1, 2))

    tf.saved_model.save(Module(), str(tmp_path))
    model = open_model(tmp_path)
    assert model.notes == []
    np.testing.assert_allclose(model.run(pictures(), ["output"])["output"], pictures().mean((1, 2)), rtol=1e-5)


# --- TensorFlow 1


def save_old(folder, build, **options):
    """Write a SavedModel as TensorFlow 1 did, return what its session answers."""
    v1.disable_control_flow_v2()
    try:
        with tf.Graph().as_default(), v1.Session() as session:
            picture = v1.placeholder(tf.float32, [None, *SIZE], "picture")
            end = build(picture)
            session.run([v1.global_variables_initializer(), v1.tables_initializer()])
            builder = v1.saved_model.Builder(str(folder))
            signature = v1.saved_model.predict_signature_def({"picture": picture}, {"scores": end})
            builder.add_meta_graph_and_variables(
                session, ["serve"], {"predict": signature}, main_op=v1.tables_initializer(),
                assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS), **options,
            )  # fmt: skip
            builder.save()
            return lambda name, images: session.run(name, {picture: images}), session.run(end, {picture: pictures()})
    finally:
        v1.enable_control_flow_v2()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_text_file_a_partitioned_variable_and_the_savers_own_operations(tmp_path):
    (tmp_path / "words.txt").write_text("a\nb\nc\n")
    normal = lambda seed: v1.random_normal_initializer(seed=seed)  # noqa: E731

    def build(picture):
        kernel = v1.get_variable("kernel", [3, 3, 3, 4], initializer=normal(1), use_resource=False)
        head = v1.get_variable("head", [4, 3], initializer=normal(2), use_resource=True)
        parts = v1.get_variable("parts", [6, 3], partitioner=v1.fixed_size_partitioner(2), initializer=normal(3))
        file = tf.constant(str(tmp_path / "words.txt"))
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, file)
        lines, whole = tf.lookup.TextFileIndex.LINE_NUMBER, tf.lookup.TextFileIndex.WHOLE_LINE
        reader = tf.lookup.TextFileInitializer(file, tf.string, whole, tf.int64, lines)
        word = tf.lookup.StaticHashTable(reader, -1).lookup(tf.constant(["c"]))
        with v1.name_scope("conv"):
            value = tf.nn.relu(tf.nn.conv2d(picture, kernel, 1, "SAME"))
        training = v1.placeholder_with_default(False, [], "training")
        value = v1.cond(training, lambda: v1.nn.dropout(value, rate=0.5), lambda: value)
        value = tf.reduce_mean(value, (1, 2)) @ head + tf.nn.embedding_lookup(parts, [5]) * tf.cast(word, tf.float32)
        return tf.nn.softmax(value)

    _, expected = save_old(tmp_path / "saved", build)
    (tmp_path / "words.txt").unlink()  # the copy in the SavedModel is read
    model = open_model(tmp_path / "saved")
    got = tf.nn.softmax(model.run(pictures(), ["output"])["output"])
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    assert np.abs(gradient(lambda x: model.run(x, ["output"])["output"], pictures())).max() > 0.01
    assert {row.path: row.parameters for row in model.inspect()}["conv"] == 0  # its kernel stands outside of the scope
    assert not any("no gradient" in note for note in model.notes)
    (tmp_path / "elsewhere").write_text("x\ny\nz\n")
    (tmp_path / "saved" / "assets" / "words.txt").unlink()
    (tmp_path / "saved" / "assets" / "words.txt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="outside the folder"):
        open_model(tmp_path / "saved")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_loops_are_read_forward_and_say_that_no_gradient_passes(tmp_path):
    def build(picture):
        value = tf.reduce_mean(picture, (1, 2), name="mean")
        value = v1.while_loop(lambda i, _: i < 3, lambda i, x: (i + 1, 2.0 * x), (0, value))[1]
        return tf.add(value, 1.0, name="end")

    _, expected = save_old(tmp_path, build)
    model = open_model(tmp_path)
    got = model.run(pictures(), ["output", "mean"])
    np.testing.assert_allclose(got["output"], expected, rtol=1e-5)
    assert any("loops and branches of TensorFlow 1: no gradient passes" in note for note in model.notes)
    with pytest.raises(ValueError, match=r"no gradient passes loops and branches of TensorFlow 1: give the activation"):
        gradient(lambda x: model.run(x, ["output"])["output"], pictures())
    np.testing.assert_allclose(
        gradient(lambda x: model.run(x, ["mean"])["mean"], pictures()),
        gradient(lambda x: tf.reduce_mean(x, (1, 2)), pictures()),
        rtol=1e-5,
    )


def test_a_variable_of_tensorflow_1_that_changes_is_refused_in_words(tmp_path):
    def build(picture):
        count = v1.get_variable("count", [], initializer=v1.zeros_initializer(), use_resource=False)
        return tf.reduce_mean(picture, (1, 2)) * v1.assign_add(count, 1.0)

    save_old(tmp_path, build)
    with pytest.raises(ValueError, match=r"changes the variable 'count' while it runs \(\['AssignAdd'\]\)"):
        open_model(tmp_path)


# --- tables


def test_a_table_that_was_filled_in_training(tmp_path):
    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.table = tf.lookup.experimental.MutableHashTable(tf.string, tf.float32, -1.0)
            self.table.insert(tf.constant(["a", "b"]), tf.constant([5.0, 7.0]))

        @tf.function(input_signature=[tf.TensorSpec([None, *SIZE])])
        def predict(self, picture):
            return tf.reduce_mean(picture, (1, 2)) * self.table.lookup(tf.constant(["b"]))

    tf.saved_model.save(Module(), str(tmp_path))
    got = open_model(tmp_path).run(pictures(), ["output"])["output"]
    np.testing.assert_allclose(got, 7.0 * pictures().mean((1, 2)), rtol=1e-5)


def test_words_go_in_so_their_numbers_are_fed(tmp_path):
    words = keras.Input((), dtype="string", name="text")
    numbers = L.TextVectorization(vocabulary=["a", "b", "c"], output_sequence_length=4)(words)
    rows = L.Embedding(6, 4, name="rows")(numbers)
    network = keras.Model(words, L.Dense(3, name="head")(L.GlobalAveragePooling1D(name="pool")(rows)))
    fill(network)
    network.export(tmp_path, verbose=False)
    with pytest.raises(ValueError, match=r"'text' takes string, not numbers; with input= .* perhaps one of") as error:
        open_model(tmp_path)
    model = open_model(tmp_path, input=str(error.value).split("'")[-2])
    got = model.run({"images": np.array([[2, 3, 1, 0], [4, 2, 0, 0]], np.int64)}, ["output"])["output"]
    np.testing.assert_allclose(got, network(tf.constant(["a b x", "c a"])), rtol=1e-5)


# --- what can be read of code for XLA, names of outputs


def test_code_of_xla_asks_for_trust_and_says_what_cannot_be_read(tmp_path):
    """As jax2tf writes it; a module that is none stands for it, since only running would look inside."""

    with tf.Graph().as_default() as graph:
        tf.reduce_mean(v1.placeholder(tf.float32, [2, *SIZE], "picture"), (1, 2), name="before")
    graph_def = graph.as_graph_def()
    node = graph_def.node.add(name="jax", op="XlaCallModule", input=["before"])
    node.attr["version"].i = 9
    node.attr["module"].s = b""
    for name in ("Tin", "Tout"):
        node.attr[name].list.type.append(tf.float32.as_datatype_enum)
    node.attr["Sout"].list.shape.append(tf.TensorShape([2, 3]).as_proto())
    node.attr["platforms"].list.s.append(b"CPU")
    (tmp_path / "graph.pb").write_bytes(graph_def.SerializeToString())
    with pytest.raises(ValueError, match=r"\['XlaCallModule'\].*trust=True"):
        open_model(tmp_path / "graph.pb")
    model = open_model(tmp_path / "graph.pb", trust=True)
    assert any("code that was compiled for XLA, inside of which nothing can be read" in note for note in model.notes)
    np.testing.assert_allclose(model.run(pictures(2), ["before"])["before"], pictures(2).mean((1, 2)), rtol=1e-5)


def test_outputs_of_a_list_are_called_by_their_layers(tmp_path):
    x = keras.Input(SIZE)
    value = L.GlobalAveragePooling2D(name="pool")(x)
    ends = [
        L.Dense(1, activation="sigmoid", name="spoiled")(value),
        L.Dense(3, activation="softmax", name="kind")(value),
    ]
    network = keras.Model(x, ends)
    fill(network)
    network.export(tmp_path, verbose=False)
    model = open_model(tmp_path, class_names={"kind": ["a", "b", "c"]}, output="kind")
    assert [head.label for head in model.heads.values()] == ["spoiled", "kind"]
    got = model.run(pictures(), ["output:kind", "output:output_1"])
    np.testing.assert_array_equal(got["output:kind"], got["output:output_1"])
    np.testing.assert_allclose(tf.nn.softmax(got["output:kind"]), network(pictures())[1], rtol=1e-5)


def test_grouped_convolutions_are_layers(tmp_path):
    """Keras puts them into a function of their own for XLA."""
    x = keras.Input(SIZE)
    network = keras.Model(x, L.Conv2D(6, 3, groups=3, name="grouped")(L.Conv2D(6, 3, name="conv")(x)))
    fill(network)
    network.export(tmp_path, verbose=False)
    model = open_model(tmp_path)
    assert [path for path in model.layers if path != "output"] == ["conv", "grouped"]
    assert_equal(model, network)


# --- several inputs


def test_a_list_of_inputs_is_taken_in_the_order_of_the_saved_function(tmp_path):
    """A signature sorts them by name; `keras_tensor_10` comes behind `keras_tensor_9`."""
    named = [keras.Input((3,), name=name) for name in ("b_after", "a_before", "b_10", "b_9")]
    network = keras.Model(named, L.Dense(2, name="head")(L.Concatenate(name="joined")(named[::-1])))
    given = [np.random.default_rng(seed).random((2, 3), np.float32) for seed in range(4)]
    fill(network)
    network.export(tmp_path / "export", verbose=False)
    tf.saved_model.save(network, tmp_path / "plain")
    for name in ("export", "plain"):
        model = open_model(tmp_path / name)
        np.testing.assert_allclose(model.run(given, ["output"])["output"], network(given), rtol=1e-5)
    model = open_model(tmp_path / "export")
    assert list(model.input_specs) == ["b_after", "a_before", "b_10", "b_9"]
    by_name = dict(zip(model.input_specs, given, strict=True))
    np.testing.assert_array_equal(model.run(by_name, ["output"])["output"], model.run(given, ["output"])["output"])


def test_a_list_of_inputs_is_refused_where_nothing_tells_their_order(tmp_path):
    named = {name: keras.Input((3,), name=name) for name in ("b_10", "b_9", "a")}
    network = keras.Model(named, L.Dense(2, name="head")(L.Concatenate(name="joined")(list(named.values()))))
    network.export(tmp_path, verbose=False)
    given = {name: np.random.default_rng(seed).random((2, 3), np.float32) for seed, name in enumerate(sorted(named))}
    for _ in range(2):  # a dict has no order that somebody chose; then the file tells nothing at all
        model = open_model(tmp_path)
        assert list(model.input_specs) == ["a", "b_9", "b_10"]  # numbers as numbers
        with pytest.raises(ValueError, match=r"3 inputs in a list, .* a dict, {'a': \.\.\., 'b_9': \.\.\., 'b_10'"):
            model.run([*given.values()], ["output"])
        np.testing.assert_allclose(model.run(given, ["output"])["output"], network(given), rtol=1e-5)
        change(tmp_path, lambda meta: meta.object_graph_def.Clear())


def test_a_list_for_a_saved_function_is_taken_where_it_is_known_to_have_taken_no_dict(tmp_path):
    """What is saved as a function of its own does not say what it took; only another order than a dict's shows it."""
    zed, alf = np.random.default_rng(0).random((2, 2, 3), np.float32)
    spec = [tf.TensorSpec([None, 3], name=name) for name in ("zed", "alf")]
    functions = {
        "apart": tf.function(lambda zed, alf: {"out": zed - 2 * alf}, input_signature=spec),
        "dict": tf.function(
            lambda x: {"out": x["zed"] - 2 * x["alf"]}, input_signature=[{item.name: item for item in spec}]
        ),
        "sorted": tf.function(lambda alf, zed: {"out": zed - 2 * alf}, input_signature=spec[::-1]),
    }
    for name, function in functions.items():
        tf.saved_model.save(tf.Module(), tmp_path / name, signatures=function)
        model = open_model(tmp_path / name)
        by_name = model.run({"zed": zed, "alf": alf}, ["output"])["output"]
        np.testing.assert_allclose(by_name, zed - 2 * alf, rtol=1e-5)
        if name == "apart":
            np.testing.assert_array_equal(model.run([zed, alf], ["output"])["output"], by_name)
        else:
            with pytest.raises(ValueError, match=r"do not tell which is which: give a dict, {'alf': ..., 'zed': ...}"):
                model.run([zed, alf], ["output"])


def test_inputs_that_a_file_calls_otherwise_are_told(tmp_path):
    """`tf.saved_model.save` calls the entries of a dict "inputs" and "inputs_1", in the order of the alphabet."""
    query, doc = np.random.default_rng(0).random((2, 2, 3), np.float32)
    named = {name: keras.Input((3,), name=name) for name in ("query", "doc")}
    network = keras.Model(named, L.Dense(2)(L.Concatenate()([named["query"], 3 * named["doc"]])))
    tf.saved_model.save(network, tmp_path)
    model = open_model(tmp_path)
    told = [note for note in model.notes if "of the dict" in note]
    assert told == [
        f"input {label!r} is {key!r} of the dict it took when it was saved"
        for label, key in (("inputs", "doc"), ("inputs_1", "query"))
    ]
    read = model.run({"inputs": doc, "inputs_1": query}, ["output"])["output"]
    np.testing.assert_allclose(read, network({"query": query, "doc": doc}), rtol=1e-5)


# --- what no gradient passes


def test_rounding_on_the_way_is_told(tmp_path):
    """Keras gives int8 layers a gradient that is none of the operations, and a file does not hold it."""
    layers = [L.Dense(4, activation="relu", name="hidden"), L.Dense(3, name="head")]
    network = keras.Sequential([keras.Input((5,)), *layers])
    layers[0].quantize("int8")
    network.export(tmp_path / "saved", verbose=False)
    model = open_model(tmp_path / "saved")
    (note,) = [note for note in model.notes if "rounded" in note]
    assert "['hidden']" in note
    assert ".keras" in note
    images = np.random.default_rng(0).random((2, 5), np.float32)
    ours = gradient(lambda x: model.run(x, ["output"])["output"], images)
    assert not np.allclose(ours, gradient(network, images), rtol=0.1)
    assert not [note for note in open_model(network).notes if "rounded" in note]


def test_rounding_aside_is_no_matter(tmp_path):
    """Sizes are whole numbers, rows are picked by whole numbers, and weights may be rounded."""
    module = tf.Module()
    module.factor = tf.Variable(1.5)

    def compute(x):
        half = tf.floor(tf.cast(tf.shape(x)[1], tf.float32) / 2) + tf.round(module.factor)
        row = tf.cast(x[:, 0], tf.int32)
        return {"hot": tf.one_hot(row, 3), "picked": tf.gather(x, row), "scaled": tf.reduce_sum(x, 1) / half}

    spec = tf.TensorSpec([None, 4], name="x")
    tf.saved_model.save(module, tmp_path, signatures=tf.function(compute, input_signature=[spec]))
    assert not [note for note in open_model(tmp_path).notes if "rounded" in note]


def test_which_result_of_a_recurrent_layer_is_named_is_said(tmp_path):
    inputs = keras.Input((6, 3))
    _, state, _ = keras.layers.LSTM(4, return_sequences=True, return_state=True, name="encoder")(inputs)
    keras.Model(inputs, keras.layers.Dense(2)(state)).export(tmp_path / "saved", verbose=False)
    model = open_model(tmp_path / "saved")
    assert model.layers["encoder"] == (4,)
    assert any(
        "of layers that run a loop, ['encoder'], a graph shows the one result that is used further" in note
        for note in model.notes
    )


def test_draws_of_chance_behind_the_first_weights_are_warned_of(tmp_path):
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(4, 3, name="conv")(inputs)
    for name, layer in (("drawn", keras.layers.RandomFlip()), ("plain", keras.layers.ReLU())):
        network = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(layer(features))))
        network.export(tmp_path / name, verbose=False)
        warned = any("one draw of chance" in warning for warning in open_model(tmp_path / name).warnings)
        assert warned == (name == "drawn")


def test_an_input_that_no_output_needs_is_taken_all_the_same(tmp_path):
    module = tf.Module()
    spec = tf.TensorSpec([None, 3], tf.float32)
    module.call = tf.function(lambda a, b: {"y": 2 * a}, input_signature=[spec, spec])
    tf.saved_model.save(module, tmp_path / "saved", signatures=module.call)
    given = {"a": np.ones((2, 3), np.float32), "b": np.zeros((2, 3), np.float32)}
    found = open_model(tmp_path / "saved", head="regression").run(given, ["output"])["output"]
    np.testing.assert_array_equal(found, 2 * given["a"])


def test_noise_that_each_run_draws_anew_is_warned_of(tmp_path):
    for name, noise in (("drawn", 1.0), ("kept", 0.0)):  # the second holds the operation, and adds nothing
        module = tf.Module()
        spec = tf.TensorSpec([None, 3], tf.float32)
        module.call = tf.function(lambda x, size=noise: {"y": x + size * tf.random.normal([3])}, input_signature=[spec])
        tf.saved_model.save(module, tmp_path / name, signatures=module.call)
        warned = any("one draw of chance" in warning for warning in open_model(tmp_path / name).warnings)
        assert warned == (name == "drawn")


def test_weights_in_a_file_bind_no_numbers(tmp_path):
    layers = [keras.layers.Dense(3, activation="sigmoid"), keras.layers.Dense(3, kernel_initializer="ones")]
    network = keras.Sequential([keras.Input((4,)), *layers])
    network.layers[1].kernel.assign(np.full((3, 3), 0.2))
    network.export(tmp_path / "saved", verbose=False)
    live, saved = (open_model(source).heads["output"] for source in (network, tmp_path / "saved"))
    assert (saved.evidence, saved.quantity, saved.bounded) == (live.evidence, live.quantity, live.bounded)
