"""From a SavedModel to one plain graph: what the signature needs from the file and the checkpoint, and nothing else.

TensorFlow itself would load all of it: every signature, slots of optimizers, custom objects, the functions that save.
"""

import hashlib
import pathlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from tf_interp.models.outputs.heads import did_you_mean
from tf_interp.models.private import parse_saved_model
from tf_interp.models.saved_model.inlining import (
    FlatGraph,
    build_library,
    flatten,
    read_arguments,
    settle_branches,
    split,
)
from tf_interp.models.saved_model.scan import check_operations
from tf_interp.models.saved_model.tables import make_tables
from tf_interp.models.saved_model.variables import (
    Checkpoint,
    changers,
    keep_effects,
    new_handle,
    put_values,
    take_constants,
)

_INITIALIZERS = ("saved_model_main_op", "legacy_init_op", "table_initializer")  # collections of TensorFlow 1
_INITIALIZER = "__saved_model_init_op"


class PlainGraph(NamedTuple):
    """A graph with everything that it needs to run.

    Args:
        nodes: name -> definition.
        library: functions of loops and branches.
        inputs: label of each input -> name of its tensor, in the order in which the saved function takes them.
        ordered: whether that order is known.
        outputs: label of each output -> name of its tensor, in order.
        weights: tensor name -> value, of large constants that are no nodes.
        resources: tensor name -> handle of a variable or lookup table.
        states: tensor name of the handle of a variable that changes -> value that it begins with in every run.
        digest: a short hash of all that.
        alive: what has to live as long as the resources.
        readers: name of a variable -> how many numbers it holds, and the operations that read it.
        versions: of TensorFlow, that wrote the file.
        shapes: label of an output -> its shape, as the signature states it: no graph shows all that Keras knew.
        keys: label of an input -> its key in the dict that the saved function took, where that differs.
    """

    nodes: dict[str, Any]
    library: Any
    inputs: dict[str, str]
    ordered: bool
    outputs: dict[str, str]
    weights: dict[str, tf.Tensor]
    resources: dict[str, tf.Tensor]
    states: dict[str, tf.Tensor]
    digest: str
    alive: list[Any]
    readers: dict[str, tuple[int, list[str]]]
    versions: Any
    shapes: Mapping[str, tf.TensorShape] = {}
    keys: Mapping[str, str] = {}

    @property
    def named_weights(self) -> set[str]:
        """Names of the constants that stand for variables."""
        return {name for variable in self.readers for name in (variable, f"{variable}/value")}


def read_saved_model(
    path: pathlib.Path, signature: str | None = None, input: str | None = None, trust: bool = False
) -> PlainGraph:
    """Read one signature of a SavedModel.

    Args:
        path: its folder.
        signature: name of the signature; None is "serving_default", or the only one.
        input: name of the tensor to feed, where that is not the input of the signature; or of one of its inputs.
        trust: True lets operations pass that reach outside.

    Raises:
        ValueError: if it is not a SavedModel, it is unclear which signature is meant, values are missing, an asset lies
            outside of the folder, or the part that is read does more than compute.
    """
    meta = _choose_graph(path, trust)
    entry = _choose_signature(meta, path, signature)
    graph_def = meta.graph_def
    outputs = _tensors(entry.outputs, "output", path)
    inputs = _tensors(entry.inputs, "input", path)
    flat = flatten(graph_def, list(outputs.values()))
    check_operations(path, flat.nodes.values(), flat.functions, trust)  # TensorFlow runs parts even to infer shapes
    assets = _assets(path, meta)
    checkpoint = Checkpoint(path / "variables" / "variables", meta)
    initializers = [info.name for info in meta.signature_def[_INITIALIZER].outputs.values()]
    initializers += [name for key in _INITIALIZERS for name in meta.collection_def[key].node_list.value]
    ends = {label: flat.ends[name] for label, name in sorted(outputs.items(), key=lambda item: _by_number(item[0]))}
    fed = {label: _short_name(flat, tensor, label) for label, tensor in inputs.items()}
    arguments = read_arguments(meta, inputs)
    own = [label for label, tensor in inputs.items() if input in (label, tensor, split(tensor)[0])]
    if input is None or own:
        feeds = {
            label: put_placeholder(flat, fed[label], entry.inputs[label])
            for label in own or arguments.order or sorted(inputs, key=_by_number)
        }
    else:
        feeds = {"images": put_placeholder(flat, find_tensor(flat.nodes, input, path))}
    settle_branches(flat.nodes)
    flat.keep([*ends.values(), *feeds.values()])
    tables = make_tables(path, flat, graph_def, initializers, checkpoint, assets, trust)
    read = finish(flat, feeds, ends, checkpoint, tables, ordered=bool(arguments.order))
    stated = {label: tf.TensorShape(entry.outputs[label].tensor_shape) for label in ends}
    return read._replace(shapes=stated, keys=arguments.keys) if input is None or own else read


def finish(
    flat: FlatGraph,
    inputs: dict[str, str],
    outputs: dict[str, str],
    checkpoint: Checkpoint,
    tables: Mapping[str, tf.Tensor],
    ordered: bool = False,
) -> PlainGraph:
    """Return a flat graph with values in the place of variables."""
    values = put_values(flat, checkpoint)
    keep_effects(flat.nodes, outputs.values(), values.states)
    flat.keep([*outputs.values(), *inputs.values()], [*tables, *values.resources, *values.states])
    weights = values.weights | take_constants(flat.nodes, values.readers)
    digest = hashlib.blake2b(digest_size=6)
    for node in sorted(flat.nodes.values(), key=lambda node: node.name):
        digest.update(node.SerializeToString(deterministic=True))
    for name, function in sorted(flat.functions.items()):
        digest.update(name.encode() + function.SerializeToString(deterministic=True))
    for name, value in sorted((weights | values.states).items()):
        digest.update(name.encode())
        digest.update(_bytes_of(value))
    for variable in values.alive:
        digest.update(_bytes_of(variable))
    mark = digest.hexdigest()
    library = build_library(flat.functions, flat.nodes)
    resources = {**values.resources, **tables}
    return PlainGraph(
        nodes=flat.nodes,
        library=library,
        inputs=inputs,
        ordered=ordered or len(inputs) == 1,
        outputs=outputs,
        weights=weights,
        resources=resources,
        states={name: value for name, value in values.states.items() if changers(flat.nodes, [name])},
        digest=mark,
        alive=values.alive,
        readers=values.readers,
        versions=flat.versions,
    )


def _bytes_of(value: Any) -> Any:
    """Return the bytes of a tensor, without a copy: weights may be larger than half of the memory."""
    array = value.numpy()
    return array.tobytes() if array.dtype == object else array.reshape(-1).view("uint8")


def find_tensor(nodes: Mapping[str, Any], name: str, path: Any) -> str:
    """Return the name of a tensor that a person named, as "operation" or "operation:index"."""
    operation, _, index = name.partition(":")
    if operation not in nodes or not (index or "0").isdigit():
        raise ValueError(f"no tensor {name!r} in the graph of {path}; {did_you_mean(name, list(nodes), 'it has')}")
    return f"{operation}:{index or 0}"


def put_placeholder(flat: FlatGraph, tensor: str, info: Any = None) -> str:
    """Let a graph begin with a tensor, return its name: what made it is not read any more.

    Args:
        flat: the graph; changed.
        tensor: name of the tensor.
        info: its type and shape as a signature has them, for one that no output needs.

    Raises:
        ValueError: if it does not hold numbers.
    """
    name, index = split(tensor)
    if name not in flat.nodes:  # the outputs do not need it
        flat.nodes[name] = tf.compat.v1.NodeDef(name=name, op="Placeholder")
        flat.nodes[name].attr["dtype"].type = info.dtype
        flat.nodes[name].attr["shape"].shape.CopyFrom(info.tensor_shape)
    node = flat.nodes[name]
    if node.op != "Placeholder" or "shape" not in node.attr:
        found = import_graph(flat).get_tensor_by_name(f"{name}:{index}")
        free = f"{name}/output_{index}" if index else name
        while index and free in flat.nodes:
            free += "_"
        node = tf.compat.v1.NodeDef(name=free, op="Placeholder")
        node.attr["dtype"].type = found.dtype.as_datatype_enum
        node.attr["shape"].shape.CopyFrom(found.shape.as_proto())
        for user in flat.nodes.values():
            for place, item in enumerate(user.input):
                if not item.startswith("^") and split(item) == (name, index):
                    user.input[place] = f"{node.name}:0"
        flat.nodes[node.name] = node
    dtype = tf.as_dtype(node.attr["dtype"].type)
    if not (dtype.is_floating or dtype.is_integer or dtype.is_bool):  # a mask is of bools
        raise ValueError(f"input {node.name!r} takes {dtype.name}, not numbers; {_pictures(import_graph(flat))}")
    return f"{node.name}:0"


def _short_name(flat: FlatGraph, tensor: str, label: str) -> str:
    """Call a placeholder as its signature does, "picture" instead of "serving_default_picture", if that is free."""
    name, _ = split(tensor)
    node = flat.nodes.get(name)
    if node is None or node.op != "Placeholder" or not name.endswith(f"_{label}") or label in flat.nodes:
        return tensor
    for user in flat.nodes.values():
        for place, item in enumerate(user.input):
            if split(item)[0] == name:
                user.input[place] = item.replace(name, label, 1)
    node.name = label
    flat.nodes = {one.name: one for one in flat.nodes.values()}
    return f"{label}:0"


def import_graph(flat: FlatGraph) -> tf.Graph:
    """Return a graph to look shapes and types up in."""
    nodes = {name: type(node).FromString(node.SerializeToString()) for name, node in flat.nodes.items()}
    library = build_library(flat.functions, nodes)
    with tf.Graph().as_default() as graph:
        graph_def = tf.compat.v1.GraphDef(library=library, node=nodes.values(), versions=flat.versions)
        tf.graph_util.import_graph_def(graph_def, name="")
    return graph


def _pictures(graph: tf.Graph) -> str:
    """Return a hint that names tensors which look like decoded pictures, or numbers of words."""
    operations = graph.get_operations()
    like = [
        tensor.name
        for operation in operations
        for tensor in operation.outputs
        if tensor.dtype.is_floating
        and tensor.shape.rank == 4
        and tensor.shape[-1] in (1, 3)
        and operation.type not in ("Const", "VarHandleOp")
    ]
    if not like:
        rows = (one.inputs[1] for one in operations if one.type in ("ResourceGather", "GatherV2"))
        words = [tensor.name for tensor in rows if tensor.shape.rank == 2]
        return f"with input= name the tensor that holds numbers, perhaps one of {words[:6]}"
    return f"with input= name the tensor that holds pictures [N,H,W,C], perhaps one of {like[:6]}"


def _choose_graph(path: pathlib.Path, trust: bool) -> Any:
    file = path / "saved_model.pb"
    if not file.is_file():
        found = sorted(item.name for item in path.iterdir())[:8]
        raise ValueError(f"{path} is not the folder of a SavedModel: no saved_model.pb in it, but {found or 'nothing'}")
    others = [name for name in ("saved_model.cpb", "saved_model.pbtxt") if (path / name).exists()]
    if others and not trust:
        raise ValueError(
            f"{path} holds {others} beside saved_model.pb, so it is unclear which one is loaded; trust=True takes "
            "saved_model.pb"
        )
    try:
        saved = parse_saved_model(file.read_bytes())
    except ValueError:
        raise
    except Exception as error:  # protobuf's own DecodeError, of one of its implementations
        raise ValueError(f"{file} is damaged: {error}") from error
    graphs = [meta for meta in saved.meta_graphs if "serve" in meta.meta_info_def.tags]
    if not graphs and len(saved.meta_graphs) == 1:
        graphs = list(saved.meta_graphs)
    if not graphs:
        tags = [list(meta.meta_info_def.tags) for meta in saved.meta_graphs]
        raise ValueError(f"{path}: expected a graph with the tag 'serve', found {tags or 'none'}")
    return min(graphs, key=lambda meta: len(meta.meta_info_def.tags))  # "serve" alone, not "serve, gpu"


def list_signatures(path: str | pathlib.Path) -> list[str]:
    """Return the names of a SavedModel's signatures, from the file itself: nothing of it is run.

    Args:
        path: its folder; of anything else there are none.
    """
    folder = pathlib.Path(path)
    return _name_signatures(_choose_graph(folder, True)) if (folder / "saved_model.pb").is_file() else []


def _name_signatures(meta: Any) -> list[str]:
    named = meta.signature_def.items()
    return sorted(name for name, entry in named if not name.startswith("__") and len(entry.outputs))


def _choose_signature(meta: Any, path: Any, wanted: str | None) -> Any:
    names = _name_signatures(meta)
    if wanted is not None:
        if wanted not in names:
            raise ValueError(f"{path} has no signature {wanted!r}; {did_you_mean(wanted, names, 'it has')}")
        return meta.signature_def[wanted]
    if "serving_default" in names:
        return meta.signature_def["serving_default"]
    if len(names) == 1:
        return meta.signature_def[names[0]]
    advice = (
        "choose one with signature="
        if names
        else (
            "save with model.export(path), or tf.saved_model.save(module, path, "
            'signatures={"serving_default": function})'
        )
    )
    raise ValueError(f"{path}: expected a signature 'serving_default' or only one, found {names}; {advice}")


def _tensors(entries: Any, what: str, path: Any) -> dict[str, str]:
    """Return label -> tensor name of the inputs or outputs of a signature."""
    odd = [label for label, info in entries.items() if info.WhichOneof("encoding") not in (None, "name")]
    if odd:
        raise ValueError(f"{path}: the {what}s {odd} are sparse or ragged, only dense ones can be read")
    return {label: info.name for label, info in entries.items()}


def _assets(path: pathlib.Path, meta: Any) -> dict[str, str]:
    """Return name of the constant that names a file -> path of that file."""
    found = {}
    folder = path / "assets"
    for packed in meta.collection_def["saved_model_assets"].any_list.value:  # TensorFlow 1
        packed.Unpack(meta.asset_file_def.add())
    for asset in meta.asset_file_def:
        inside = not pathlib.PurePath(asset.filename).is_absolute() and not re.search(
            r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|:", asset.filename
        )
        if not inside or not (folder / asset.filename).resolve().is_relative_to(path.resolve()):
            raise ValueError(f"{path}: an asset is named {asset.filename!r}, outside the folder")
        found[split(asset.tensor_info.name)[0]] = str(folder / asset.filename)
    return found


def _by_number(label: str) -> list[Any]:
    """Return a sorting key that puts output_2 before output_10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", label)]


def survey(read: PlainGraph, graph_def: Any, feeds: dict[str, tf.TensorSpec]) -> tuple[tf.Graph, list[tf.Tensor]]:
    """Return a graph to look names and shapes up in, and its inputs."""
    edges = edges_of(graph_def)
    with tf.Graph().as_default() as graph:
        fed = [tf.compat.v1.placeholder(spec.dtype, spec.shape, "fed") for spec in feeds.values()]
        known = {
            name: tf.compat.v1.placeholder(value.dtype, value.shape, "shared")
            for name, value in (read.weights | read.resources).items()
        }
        known |= {name: new_handle(value) for name, value in read.states.items()}
        known |= dict(zip(feeds, fed, strict=True))
        tf.graph_util.import_graph_def(
            graph_def, input_map={name: tensor for name, tensor in known.items() if name in edges}, name=""
        )
        for label, shape in read.shapes.items():
            tensor = graph.get_tensor_by_name(read.outputs[label])
            if shape.rank and tensor.shape[1:].is_compatible_with(shape[1:]):
                tensor.set_shape([None, *shape[1:]])
    return graph, fed


def placeholder_spec(node: Any) -> tf.TensorSpec:
    """Return shape and type of what a placeholder is fed."""
    shape = tf.TensorShape(node.attr["shape"].shape) if "shape" in node.attr else None
    return tf.TensorSpec(shape, tf.as_dtype(node.attr["dtype"].type))


def edges_of(graph_def: Any) -> set[str]:
    """Return the names of all tensors that operations of a graph take."""
    return {"{}:{}".format(*split(item)) for node in graph_def.node for item in node.input}
