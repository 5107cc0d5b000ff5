"""Look through a SavedModel before it is loaded: it is a program, and loading runs parts of it."""

import pathlib
import re
from collections.abc import Iterable
from typing import Any

from tf_interp.models.private import parse_saved_model

# Operations that reach outside the computation: files, network, Python, native plugins, debuggers.
_OUTSIDE = re.compile(
    r"PyFunc|File(?!name$|spec$)|Dataset|Iterator|Reader|Rpc|Remote|Collective|Send|Recv|Host(?!Cast|Const)|Debug"
    r"|DumpTensor|Summary(?:File|Db)?Writer|^Write|ImportEvent|^Save|Saver?$|Restore|MergeV2Checkpoints|LoadAndRemap"
    r"|RecordInput|VocabRemapping|FixedUnigramCandidateSampler|Skipgram|(?:En|De)codeProto|TRT|Sql|LMDB|TPU"
    r"|ConfigureDistributed|Session"
)
_CHECKPOINT = {"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"}


def check_saved_model(path: pathlib.Path, trust: bool = False) -> None:
    """Refuse a SavedModel that would reach outside the computation of its outputs.

    Args:
        path: folder of the SavedModel.
        trust: True skips the search for such operations; names of assets that leave the folder are refused anyway.

    Raises:
        ValueError: if it is not a SavedModel, an asset lies outside its folder, or it holds operations that read or
            write files, use the network or call Python.
    """
    file = path / "saved_model.pb"
    if not file.is_file():
        found = sorted(item.name for item in path.iterdir())[:8]
        raise ValueError(f"{path} is not the folder of a SavedModel: no saved_model.pb in it, but {found or 'nothing'}")
    try:
        saved = parse_saved_model(file.read_bytes())
    except ValueError:
        raise
    except Exception as error:  # protobuf's own DecodeError, of one of its implementations
        raise ValueError(f"{file} is damaged: {error}") from error
    for meta in saved.meta_graphs:
        for asset in meta.asset_file_def:
            if pathlib.PurePath(asset.filename).is_absolute() or re.search(
                r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|:", asset.filename
            ):
                raise ValueError(f"{path}: an asset is named {asset.filename!r}, outside the folder")
    if trust:
        return
    others = [name for name in ("saved_model.cpb", "saved_model.pbtxt") if (path / name).exists()]
    if others:
        raise ValueError(
            f"{path} holds {others} beside saved_model.pb, so it is unclear which one is loaded; trust=True accepts it"
        )
    bad = sorted({operation for meta in saved.meta_graphs for operation in _outside(meta)})
    if bad:
        raise ValueError(
            f"{path} holds operations that reach outside of it (files, network or Python): {bad}. Whoever made it "
            "could read or change your files. If you trust where it comes from, pass trust=True"
        )


def _outside(meta: Any) -> Iterable[str]:
    """Yield the operations of one graph and its functions that reach outside."""
    saver = _saver_functions(meta)
    for node in meta.graph_def.node:
        if _reaches_outside(node):
            yield node.op
    for function in meta.graph_def.library.function:
        for node in function.node_def:
            if _reaches_outside(node) and not (function.signature.name in saver and node.op in _CHECKPOINT):
                yield node.op


def _reaches_outside(node: Any) -> bool:
    stream = node.attr["output_stream"].s.decode(errors="replace") if "output_stream" in node.attr else "stderr"
    return bool(_OUTSIDE.search(node.op)) or (node.op == "PrintV2" and stream not in ("stderr", "stdout"))


def _saver_functions(meta: Any) -> set[str]:
    """Return the functions that write and read the checkpoint, if nothing but the saver calls them."""
    saver = {name.split(":")[0] for name in (meta.saver_def.save_tensor_name, meta.saver_def.restore_op_name)}
    nodes = list(meta.graph_def.node)
    inside = [node for function in meta.graph_def.library.function for node in function.node_def]
    elsewhere = {
        name for node in (*inside, *(node for node in nodes if node.name not in saver)) for name in _called(node)
    }
    elsewhere |= set(meta.object_graph_def.concrete_functions)
    return {name for node in nodes if node.name in saver for name in _called(node)} - elsewhere


def _called(node: Any) -> Iterable[str]:
    for value in node.attr.values():
        yield value.func.name
        yield from (function.name for function in value.list.func)
