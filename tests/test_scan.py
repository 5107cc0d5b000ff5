"""A SavedModel is a program: the ones that reach outside are refused before anything of them runs."""

import re

import networks
import numpy as np
import pytest
import tensorflow as tf
from networks import SIZE, pictures
from tensorflow.core.framework import op_def_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.client import pywrap_tf_session

from tf_interp.models import open_model
from tf_interp.models.saved_model.scan import _HARMLESS, is_known


class Hostile(tf.Module):
    """Reads or writes a file, calls Python, or reads a checkpoint, when it is run."""

    def __init__(self, how, target):
        super().__init__()
        self.how, self.target = how, str(target)

    @tf.function(input_signature=[tf.TensorSpec([None, *SIZE])])
    def predict(self, picture):
        if self.how == "read":
            size = tf.strings.length(tf.io.read_file(self.target))
        elif self.how == "write":
            with tf.control_dependencies([tf.io.write_file(self.target, "gotcha")]):
                size = tf.constant(1)
        elif self.how == "python":
            size = tf.numpy_function(lambda: np.int32(1), [], tf.int32)
        elif self.how == "loop":  # hidden in the body of a loop
            body = lambda i, _: (i + 1, tf.strings.length(tf.io.read_file(self.target)))  # noqa: E731
            size = tf.while_loop(lambda i, _: i < 2, body, (0, 0))[1]
        elif self.how == "data":
            size = next(iter(tf.data.TextLineDataset(self.target).map(tf.strings.length)))
        elif self.how == "print":
            with tf.control_dependencies([tf.raw_ops.PrintV2(input="x", output_stream=f"file://{self.target}")]):
                size = tf.constant(1)
        else:
            size = tf.cast(
                tf.raw_ops.RestoreV2(
                    prefix=self.target, tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32]
                )[0],
                tf.int32,
            )
        return tf.reduce_mean(picture, (1, 2)) + tf.cast(size, tf.float32)


@pytest.mark.parametrize(
    ("how", "operation"),
    [
        ("read", "ReadFile"),
        ("write", "WriteFile"),
        ("python", "PyFunc"),
        ("loop", "ReadFile"),
        ("data", "TextLineDataset"),
        ("print", "PrintV2"),
        ("restore", "RestoreV2"),
    ],
)
def test_operations_that_reach_outside_are_refused(how, operation, tmp_path):
    tf.saved_model.save(Hostile(how, tmp_path / "target"), str(tmp_path / "saved"))
    with pytest.raises(ValueError, match=rf"reach outside of it.*{operation}.*trust=True"):
        open_model(tmp_path / "saved")
    assert not (tmp_path / "target").exists()


def test_trust_opens_it(tmp_path):
    (tmp_path / "target").write_text("four")
    tf.saved_model.save(Hostile("read", tmp_path / "target"), str(tmp_path / "saved"))
    got = open_model(tmp_path / "saved", trust=True).run(pictures(), ["output"])["output"]
    np.testing.assert_allclose(got, pictures().mean((1, 2)) + 4, rtol=1e-6)


def _change(folder, change):
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    change(saved.meta_graphs[0])
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())


@pytest.fixture
def saved(tmp_path):
    networks.operations().model.export(tmp_path / "saved", verbose=False)
    return tmp_path / "saved"


@pytest.mark.parametrize(
    ("operation", "make"),
    [
        (
            "ImmutableConst",
            lambda path: tf.raw_ops.ImmutableConst(dtype=tf.float32, shape=[1], memory_region_name=path),
        ),
        ("Abort", lambda path: tf.raw_ops.Abort(error_msg="gone")),
        ("PrintV2", lambda path: tf.raw_ops.PrintV2(input="\x1b[2J", output_stream="stderr")),
        ("MatchingFiles", lambda path: tf.raw_ops.MatchingFiles(pattern="/*")),
        ("Timestamp", lambda path: tf.raw_ops.Timestamp()),
    ],
)
def test_what_is_not_known_to_compute_only_asks_for_trust(operation, make, tmp_path, capfd):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, *SIZE])])
        def predict(self, picture):
            made = make(str(tmp_path / "target"))
            with tf.control_dependencies([made]):
                return tf.reduce_mean(picture, (1, 2))

    tf.saved_model.save(Module(), str(tmp_path / "saved"))
    with pytest.raises(ValueError, match=rf"reach outside of it.*\['{operation}'\].*trust=True"):
        open_model(tmp_path / "saved")
    assert "\x1b" not in "".join(capfd.readouterr())


def test_only_what_the_outputs_need_is_read(tmp_path):
    """The functions that save and restore, and signatures that nobody asked for, are never loaded."""

    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.factor = tf.Variable(3.0)

        @tf.function(input_signature=[tf.TensorSpec([None, *SIZE])])
        def good(self, picture):
            return tf.reduce_mean(picture, (1, 2)) * self.factor

        @tf.function(input_signature=[tf.TensorSpec([None, *SIZE])])
        def bad(self, picture):
            return tf.io.read_file(str(tmp_path / "target"))

    module = Module()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": module.good, "bad": module.bad})
    got = open_model(tmp_path / "saved").run(pictures(), ["output"])["output"]
    np.testing.assert_allclose(got, 3 * pictures().mean((1, 2)), rtol=1e-6)
    with pytest.raises(ValueError, match=r"\['ReadFile'\]"):
        open_model(tmp_path / "saved", signature="bad")


def test_nothing_is_imported_before_it_was_looked_at(tmp_path, monkeypatch):
    """To infer shapes TensorFlow runs parts of a graph: reading a file in the place of a shape is seen before."""
    tf.saved_model.save(Hostile("read", tmp_path / "target"), str(tmp_path / "saved"))
    graph_def = tf.compat.v1.GraphDef()
    with tf.Graph().as_default() as graph:
        picture = tf.compat.v1.placeholder(tf.float32, [None, *SIZE], "picture")
        tf.reshape(picture, tf.io.decode_raw(tf.io.read_file("/etc/hostname"), tf.int32), name="end")
        graph_def = graph.as_graph_def()
    (tmp_path / "graph.pb").write_bytes(graph_def.SerializeToString())
    monkeypatch.setattr(tf.graph_util, "import_graph_def", lambda *_, **__: pytest.fail("imported"))
    for source in ("saved", "graph.pb"):
        for options in ({}, {"input": "nothing"}):
            with pytest.raises(ValueError, match="ReadFile"):
                open_model(tmp_path / source, **options)


def test_functions_that_call_each_other_without_end(saved):
    def call_itself(meta):
        for function in meta.graph_def.library.function:
            for node in function.node_def:
                if node.op == "StatefulPartitionedCall":
                    node.attr["f"].func.name = function.signature.name

    _change(saved, call_itself)
    with pytest.raises(ValueError, match="calls functions without end"):
        open_model(saved)


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret", "a/../../b", "..\\secret", "C:\\x", "file:///x"])
def test_assets_outside_the_folder_are_refused(saved, name):
    def add(meta):
        meta.asset_file_def.add().filename = name

    _change(saved, add)
    for trust in (False, True):
        with pytest.raises(ValueError, match="outside the folder"):
            open_model(saved, trust=trust)


def test_an_asset_inside_the_folder_is_fine(saved):
    def add(meta):
        meta.asset_file_def.add().filename = "labels..txt"

    _change(saved, add)
    open_model(saved)


@pytest.mark.parametrize("name", ["saved_model.cpb", "saved_model.pbtxt"])
def test_a_second_definition_beside_is_refused(saved, name):
    (saved / name).write_bytes(b"")
    with pytest.raises(ValueError, match="unclear which one is loaded"):
        open_model(saved)


def test_a_damaged_file(saved):
    (saved / "saved_model.pb").write_bytes(b"\xff" * 100)
    with pytest.raises(ValueError, match="is damaged"):
        open_model(saved)


HARMLESS = {  # operations with an argument named like a place outside, which is none
    "StaticRegexFullMatch", "StaticRegexReplace", "RegexFullMatch", "RegexReplace",
    "CudnnRNN", "CudnnRNNV2", "CudnnRNNV3", "CudnnRNNBackprop", "CudnnRNNBackpropV2", "CudnnRNNBackpropV3",
    "CudnnRNNParamsSize", "CudnnRNNCanonicalToParams", "CudnnRNNCanonicalToParamsV2", "CudnnRNNParamsToCanonical",
    "CudnnRNNParamsToCanonicalV2", "RiscSort", "TensorSummary",
}  # fmt: skip


def test_every_operation_that_names_a_place_outside_is_known():
    """A new TensorFlow may bring new ones: this list has to be looked at then."""
    listed = op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    assert len(listed.op) > 1000
    place = re.compile(r"file|path|dir|address|url|uri|pattern|token|prefix|descriptor|query|logdir|host|service", re.I)
    missed = []
    for op in listed.op:
        if op.name.startswith("_") or "SparseCore" in op.name or op.name in HARMLESS:
            continue
        strings = [arg.name for arg in op.input_arg if arg.type == tf.string.as_datatype_enum]
        strings += [attr.name for attr in op.attr if attr.type in ("string", "list(string)")]
        if any(place.search(name) for name in strings) and is_known(op.name):
            missed.append(op.name)
    assert missed == []


def test_every_operation_with_an_effect_is_refused_unless_it_was_looked_at():
    """By TensorFlow's own word: what is let pass although it is stateful is in a list, all else asks for trust."""
    listed = op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    passing = {op.name for op in listed.op if op.is_stateful and is_known(op.name)}
    assert passing <= _HARMLESS
    assert {op.name for op in listed.op} >= _HARMLESS, "a name in the list is misspelt"
    suspicious = re.compile("File|Send|Recv|Print|Iterator|Dataset|Xla|Py|Summary|Save|Restore|Queue|Host|Debug")
    assert [name for name in passing if suspicious.search(name)] == []


def test_ordinary_operations_are_not_refused():
    ordinary = (
        "Conv2D MatMul ReadVariableOp AssignVariableOp VarHandleOp NoOp Identity Const Softmax While StatelessIf "
        "StringJoin HashTableV2 LookupTableFindV2 LookupTableImportV2 DecodeJpeg DecodePng ShardedFilename "
        "StaticRegexFullMatch DisableCopyOnRead FusedBatchNormV3 ResizeBilinear RandomUniform StatefulPartitionedCall "
        "_FusedConv2D Where TensorListReserve ImageProjectiveTransformV3 NonMaxSuppressionV5 TopKV2 Einsum"
    )
    assert [name for name in ordinary.split() if not is_known(name)] == []
