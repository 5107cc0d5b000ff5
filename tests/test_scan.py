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
from tf_interp.models.saved_model.scan import _OUTSIDE, check_saved_model


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


def test_the_function_that_reads_the_checkpoint_is_allowed_only_to_the_saver(saved):
    check_saved_model(saved)

    def call_it(meta):
        (restore,) = [f.signature.name for f in meta.graph_def.library.function if "restore" in f.signature.name]
        node = meta.graph_def.library.function[0].node_def.add()
        node.name, node.op = "again", "StatefulPartitionedCall"
        node.attr["f"].func.name = restore

    _change(saved, call_it)
    with pytest.raises(ValueError, match=r"\['RestoreV2'"):
        check_saved_model(saved)


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
    check_saved_model(saved)


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
        if any(place.search(name) for name in strings) and not _OUTSIDE.search(op.name):
            missed.append(op.name)
    assert missed == []


def test_ordinary_operations_are_not_refused():
    ordinary = (
        "Conv2D MatMul ReadVariableOp AssignVariableOp VarHandleOp NoOp Identity Const Softmax While StatelessIf "
        "StringJoin HashTableV2 LookupTableFindV2 LookupTableImportV2 DecodeJpeg DecodePng ShardedFilename "
        "StaticRegexFullMatch DisableCopyOnRead FusedBatchNormV3 ResizeBilinear RandomUniform StatefulPartitionedCall"
    )
    assert [name for name in ordinary.split() if _OUTSIDE.search(name)] == []
