"""What a graph may do: known operations that only compute pass, everything else asks for trust."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tf_interp.models.private import describe_operation

# TensorFlow says of each operation whether it only computes ("stateless"). These are stateless by its word and are not
# let pass: they read files, call Python, plugins or other machines, print, or end the process. Parts of names:
_OUTSIDE = re.compile(
    r"PyFunc|File(?!name$|spec$)|Dataset|Iterator|Reader|Rpc|Remote|Collective|Send|Recv|Host(?!Cast|Const)|Debug"
    r"|DumpTensor|Summary(?:File|Db)?Writer|^Write|ImportEvent|^Save|Saver?$|Restore|MergeV2Checkpoints|LoadAndRemap"
    r"|RecordInput|VocabRemapping|FixedUnigramCandidateSampler|Skipgram|(?:En|De)codeProto|TRT|Sql|LMDB|TPU"
    r"|ConfigureDistributed|Session|ImmutableConst|^Abort$|^Print|CustomCall|^Copy|^Xla|^DTensor|^_(?!Fused)|^Queue|^Stage"
    r"|^Barrier|Mutex|SymbolicGradient|^Batch$|^BatchFunction$|^Unbatch(?:Grad)?$|RegisterDataset|CopyToMesh|Mlir|Infeed|CustomAggregator|Tpu|^Fact$|^Old$"
)
# These have a state or an effect by TensorFlow's word, and it ends with the computation: variables, tables, chance,
# loops, checks.
_HARMLESS = frozenset({
    "VarHandleOp", "ReadVariableOp", "AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp",
    "VarIsInitializedOp", "VariableShape", "VariableV2", "Variable", "DisableCopyOnRead", "ResourceGather",
    "ResourceGatherNd", "ResourceScatterAdd", "ResourceScatterSub", "ResourceScatterMul", "ResourceScatterDiv",
    "ResourceScatterMin", "ResourceScatterMax", "ResourceScatterUpdate", "ResourceScatterNdAdd",
    "ResourceScatterNdSub", "ResourceScatterNdMin", "ResourceScatterNdMax", "ResourceScatterNdUpdate",
    "ResourceStridedSliceAssign", "ResourceCountUpTo", "TemporaryVariable", "HashTable", "HashTableV2",
    "MutableHashTable", "MutableHashTableV2", "MutableHashTableOfTensors", "MutableHashTableOfTensorsV2",
    "MutableDenseHashTable", "MutableDenseHashTableV2", "AnonymousHashTable", "AnonymousMutableHashTable",
    "AnonymousMutableHashTableOfTensors", "AnonymousMutableDenseHashTable", "LookupTableFindV2",
    "LookupTableInsertV2", "LookupTableRemoveV2", "LookupTableSizeV2", "LookupTableExportV2", "LookupTableImportV2",
    "InitializeTableV2", "RandomUniform", "RandomUniformInt", "RandomStandardNormal", "TruncatedNormal",
    "ParameterizedTruncatedNormal", "RandomGamma", "RandomPoisson", "RandomPoissonV2", "RandomShuffle",
    "RandomCrop", "Multinomial", "NonDeterministicInts", "StatefulUniform", "StatefulUniformInt",
    "StatefulUniformFullInt", "StatefulStandardNormal", "StatefulStandardNormalV2", "StatefulTruncatedNormal",
    "StatefulRandomBinomial", "StatelessRandomGetAlg", "RngSkip", "RngReadAndSkip", "SampleDistortedBoundingBox",
    "SampleDistortedBoundingBoxV2", "UniformCandidateSampler", "LogUniformCandidateSampler",
    "LearnedUnigramCandidateSampler", "AllCandidateSampler", "StatefulPartitionedCall", "If", "While", "Case",
    "TensorArray", "TensorArrayV2", "TensorArrayV3", "TensorArrayGrad", "TensorArrayGradV2", "TensorArrayGradV3",
    "TensorArrayGradWithShape", "TensorArrayWriteV3", "TensorArrayReadV3", "TensorArrayGatherV3",
    "TensorArrayScatterV3", "TensorArrayConcatV3", "TensorArraySplitV3", "TensorArraySizeV3", "TensorArrayCloseV3",
    "Stack", "StackV2", "StackPushV2", "StackPopV2", "StackCloseV2", "Assert", "CheckNumerics", "CheckNumericsV2",
    "GuaranteeConst", "Empty", "DeepCopy", "DeviceIndex", "IsTensorFloat32Enabled", "CudnnRNN", "CudnnRNNV2",
    "CudnnRNNV3",
})  # fmt: skip


def is_known(operation: str) -> bool:
    """Return whether an operation only computes, or has no effect that outlives the computation.

    Args:
        operation: its type, e.g. "Conv2D".

    Raises:
        ValueError: if TensorFlow has no such operation.
    """
    if operation in _HARMLESS:
        return True
    return not describe_operation(operation).is_stateful and not _OUTSIDE.search(operation)


def check_operations(name: Any, nodes: Iterable[Any], functions: Mapping[str, Any], trust: bool = False) -> None:
    """Refuse a graph that does more than compute.

    Only what was taken from the file for the outputs is looked at, since nothing else of it is ever loaded.

    Args:
        name: of the file, for the message.
        nodes: definitions of its operations.
        functions: name -> definition of the functions that they call.
        trust: True lets everything pass.

    Raises:
        ValueError: if it holds other operations than the known ones that only compute.
    """
    every = [*nodes, *(node for function in functions.values() for node in function.node_def)]
    operations = {node.op for node in every} - set(functions)
    bad = [] if trust else sorted(operation for operation in operations if not is_known(operation))
    if bad:
        raise ValueError(
            f"{name} holds operations that may reach outside of it (files, network, Python, the terminal, code of XLA)"
            f": {bad}. Whoever made it could read or change your files. If you trust where it comes from, pass "
            "trust=True"
        )
