"""Two layers that are one at inference: batch normalization with what precedes it, zero padding with what follows."""

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_interp.models.keras_model.calls import Call
from tf_interp.models.keras_model.convolution import add_bias, call_convolution, convolve, is_image_convolution
from tf_interp.models.keras_model.taps import first_argument, is_overridden

L = keras.layers
_KERNELS = {  # layers that are linear in one kernel, whose last axis is their channels; a subclass may do otherwise
    **dict.fromkeys((L.Conv1D, L.Conv2D, L.Conv3D, L.Dense, L.DepthwiseConv1D, L.DepthwiseConv2D), "kernel"),
    **dict.fromkeys((L.SeparableConv1D, L.SeparableConv2D), "pointwise_kernel"),
}
_EXACT = ("float32", "float64")  # types whose roundings are of no matter


class Pair(NamedTuple):
    """A layer, and the batch normalization that alone reads its output.

    Args:
        layer: a convolution or a dense layer without activation.
        norm: the batch normalization of its channels.
        names: what that output is called: the layer, and whatever passes it on unchanged.
    """

    layer: Any
    norm: Any
    names: frozenset[str]

    @property
    def name(self) -> str:
        """One of the names, always the same."""
        return min(self.names)

    @property
    def exact(self) -> bool:
        """Whether other roundings of the weights are of no matter; in half precision ReLUs turn with them."""
        return {self.layer.compute_dtype, self.norm.compute_dtype} <= {*_EXACT}


class Padded(NamedTuple):
    """A convolution without padding, and the zero padding that only it reads.

    Args:
        pad: the layer of zero padding.
        layer: the convolution.
        names: what the padded tensor is called.
    """

    pad: Any
    layer: Any
    names: frozenset[str]


class Folding:
    """The layers that are folded in one forward pass.

    Each layer of a pair computes with other weights, and its normalization adds a shift at most. No variable of the
    network is touched: convolutions of images are built here, other layers read the other weights through a mapping of
    Keras. A zero padding that adds what padding "same" would is left to the convolution.

    Args:
        pairs: the pairs to fold.
        padded: the convolutions that are to pad.
        weights: name of a pair -> what `fold_weights` gave for it; a pair without is not folded.
    """

    def __init__(
        self, pairs: Iterable[Pair], padded: Iterable[Padded], weights: Mapping[str, Sequence[tf.Tensor]]
    ) -> None:
        self._pairs = {id(pair.layer): pair for pair in pairs if pair.name in weights}
        self._norms = {id(pair.norm): pair for pair in self._pairs.values()}
        self._padded = {id(item.layer): item for item in padded}
        self._pads = {id(item.pad): item for item in self._padded.values()}
        self._weights = weights
        self._between: dict[int, tf.Tensor] = {}  # id of the first of two layers -> what it passes to the second
        self._shifts: dict[int, tf.Tensor | None] = {}
        self._done: set[int] = set()

    @property
    def layers(self) -> list[Any]:
        """The layers whose calls go through `call`."""
        pairs, padded = self._pairs.values(), self._padded.values()
        return [*(layer for item in pairs for layer in item[:2]), *(layer for item in padded for layer in item[:2])]

    def call(self, layer: Any, call: functools.partial) -> Any:
        """Return what a layer computes when it is folded; other layers are simply called."""
        value = first_argument(call)
        if id(layer) in self._pads:
            if not _pads_as_same(layer, self._pads[id(layer)].layer, value.shape):
                return call()
            self._between[id(layer)] = value = tf.identity(value)
            return value
        pads = id(layer) in self._padded and self._receives(value, self._padded[id(layer)].pad)
        if id(layer) in self._pairs:
            self._between[id(layer)] = output = self._compute(layer, value, call, pads)
            return output
        if pads:
            return call_convolution(value, layer, "same")
        if id(layer) in self._norms and self._receives(value, self._norms[id(layer)].layer):
            shift = self._shifts[id(self._norms[id(layer)].layer)]
            # an operation of our own, whichever it is: `held` counts on it
            value = tf.identity(value) if shift is None else add_bias(value, shift)
            return tf.cast(value, layer.compute_dtype)
        return call()

    def _receives(self, value: Any, first: Any) -> bool:
        """Return whether a value is what the first of two layers passed on, and note that the second one got it."""
        received = value is not None and value is self._between.get(id(first))
        if received:
            self._done.add(id(first))
        return received

    def _compute(self, layer: Any, value: Any, call: functools.partial, pads: bool) -> Any:
        """Return what the first layer of a pair gives with other weights; its normalization may add the shift."""
        kernel, shift = self._weights[self._pairs[id(layer)].name]
        if is_image_convolution(layer):
            self._shifts[id(layer)] = shift
            return convolve(layer, value, kernel, "same" if pads else layer.padding)
        self._shifts[id(layer)] = None if layer.use_bias else shift
        with keras.StatelessScope(list(zip(_own_weights(layer), (kernel, shift), strict=False))):
            return call()

    def held(self, outputs: Collection[Any]) -> bool:
        """Return whether the network was wired as it was when its pairs were found, so that its values are right.

        Args:
            outputs: what the network returned. A layer that none of it depends on need not have been called.
        """
        return all(
            len(value.consumers()) == (key in self._done) and not any(value is output for output in outputs)
            for key, value in self._between.items()
        )


def choose_folded(
    pairs: Iterable[Pair],
    padded: Iterable[Padded],
    paths: Sequence[str],
    fetch: Iterable[str],
    given: Iterable[str] = (),
    *,
    half: bool = False,
) -> tuple[list[Pair], list[Padded]]:
    """Return what to fold in a run, if it has not become something else since it was found.

    What is fetched or given stays itself, and so does what comes later.

    Args:
        pairs: what can be folded.
        padded: what can pad.
        paths: of all layers, in the order of the calls.
        fetch: names of what is fetched.
        given: names of what is given.
        half: whether pairs in half precision count.
    """
    place = {path: number for number, path in enumerate(paths)}
    last = max((place.get(name, len(place)) for name in fetch), default=0)  # outputs come behind all layers
    own = {*fetch, *given}

    def concerns(item: Pair | Padded) -> bool:
        return item.names.isdisjoint(own) and min(place[name] for name in item.names if name in place) < last

    return (
        [
            item
            for item in pairs
            if (half or item.exact) and concerns(item) and is_foldable(item.layer) and is_norm(item.norm)
        ],
        [item for item in padded if concerns(item) and is_padding(item.pad) and is_unpadded(item.layer)],
    )


def fold_weights(pair: Pair) -> list[np.ndarray]:
    """Return kernel and bias that make a layer do its normalization as well, from the weights as they are now.

    Args:
        pair: the two.

    Returns:
        Kernel and bias of the layer; the bias, to be added to what the layer gives, also where it has none of its own.
    """
    layer, norm = pair.layer, pair.norm
    kernel, *bias = _own_weights(layer)
    dtype = keras.backend.result_type(kernel.dtype, "float32")  # as the normalization itself

    def read(variable: Any) -> np.ndarray:
        return variable.numpy().astype(dtype, copy=False)

    factor = 1 / np.sqrt(read(norm.moving_variance) + np.asarray(norm.epsilon, dtype))
    if norm.scale:
        factor = factor * read(norm.gamma)
    shift = -read(norm.moving_mean) * factor
    if norm.center:
        shift += read(norm.beta)
    if bias:
        shift += read(bias[0]) * factor
    # the channels of a depthwise kernel [..., C, M] are C * M, those of the others [..., C]
    depthwise = isinstance(layer, L.DepthwiseConv1D | L.DepthwiseConv2D)
    by_axis = factor.reshape(kernel.shape[-2:]) if depthwise else factor
    return [read(kernel) * by_axis, shift]


def is_foldable(layer: Any) -> bool:
    """Return whether a layer is linear in its weights, so that a factor per channel may go into them."""
    return (
        type(layer) in _KERNELS
        and layer.built
        and (layer.activation is None or layer.activation is keras.activations.linear)
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and getattr(layer, "quantization_mode", None) is None
        and isinstance(getattr(layer, _KERNELS[type(layer)]), keras.Variable)  # with LoRA it is a sum
        and not is_overridden(layer)
    )


def is_norm(layer: Any) -> bool:
    """Return whether a layer is a batch normalization that scales and shifts the last axis at inference."""
    return (
        type(layer) is L.BatchNormalization
        and layer.built
        and layer.axis in (-1, layer.input_spec.ndim - 1)
        and not is_overridden(layer)
    )


def is_padding(layer: Any) -> bool:
    """Return whether a layer puts zeros around an image."""
    return type(layer) is L.ZeroPadding2D and layer.data_format == "channels_last" and not is_overridden(layer)


def is_unpadded(layer: Any) -> bool:
    """Return whether a layer is a convolution of an image that could pad it as well."""
    return is_image_convolution(layer) and layer.padding == "valid" and is_foldable(layer)


def find_adjacent(
    calls: Sequence[Call],
    is_first: Callable[[Any], bool],
    is_second: Callable[[Any], bool],
    names: Mapping[tuple[int, int, int], str],
    outputs: Mapping[str, Any],
) -> Iterator[tuple[Any, Any, frozenset[str]]]:
    """Yield (first layer, the second that alone reads its output, names of that output), both called once.

    Args:
        calls: all calls of one forward pass.
        is_first: whether a layer may be the first of two.
        is_second: whether a layer may be the second.
        names: id of a layer, number of its call and of the tensor in what it returned -> name of that tensor.
        outputs: name -> what the network returned.
    """
    counts = Counter(id(call.layer) for call in calls)
    single = [call for call in calls if counts[id(call.layer)] == 1]
    made = {
        id(call.output): call.layer
        for call in single
        if (id(call.layer), 0, 0) in names and is_first(call.layer)  # not inside a loop, where nothing has a name
    }
    called: dict[int, set[str]] = defaultdict(set)
    for name, tensor in outputs.items():
        called[id(tensor)].add(name)
    for call in calls:
        for leaf, tensor in enumerate(keras.tree.flatten(call.output)):
            if (id(call.layer), call.number, leaf) in names:
                called[id(tensor)].add(names[id(call.layer), call.number, leaf])
    for call in single:
        between = call.input
        if id(between) in made and call.alone and is_second(call.layer):
            yield made[id(between)], call.layer, frozenset(called[id(between)])


def _pads_as_same(pad: Any, layer: Any, shape: Any) -> bool:
    """Return whether zeros are put where the convolution puts them with padding "same"."""
    for size, kernel, stride, zeros in zip(shape[1:3], layer.kernel_size, layer.strides, pad.padding, strict=True):
        if size is None:
            return False
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        if tuple(zeros) != (total // 2, total - total // 2):
            return False
    return True


def _own_weights(layer: Any) -> list[Any]:
    kernel = getattr(layer, _KERNELS[type(layer)])
    return [kernel, layer.bias] if layer.use_bias else [kernel]
