"""Preprocessings that have a name: what is done to pictures in [0,1] before a network gets them."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_interp.models.outputs.heads import did_you_mean


def _caffe(images: Any) -> Any:
    return 255.0 * images[..., ::-1] - tf.constant([103.939, 116.779, 123.68], images.dtype)


def _torch(images: Any) -> Any:
    mean, deviation = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    return (images - tf.constant(mean, images.dtype)) / tf.constant(deviation, images.dtype)


NAMED: dict[str, Callable[[Any], Any] | None] = {
    "0..1": None,
    "-1..1": lambda images: 2.0 * images - 1.0,
    "0..255": lambda images: 255.0 * images,
    "caffe": _caffe,
    "torch": _torch,
    "efficientnet-lite": lambda images: (255.0 * images - 127.0) / 128.0,
}


def named_preprocess(name: str) -> Callable[[Any], Any] | None:
    """Return a preprocessing by its name.

    Args:
        name: "0..1" (as pictures are), "-1..1" (MobileNet, Inception, Xception, ResNetV2), "0..255" (networks that
            scale themselves: EfficientNet, MobileNetV3, ConvNeXt), "caffe" (0..255, blue first, mean of ImageNet taken
            off: VGG, ResNet), "torch" (mean and deviation of ImageNet: DenseNet, most of PyTorch), "efficientnet-lite".

    Returns:
        A function of images in [0,1]; None for "0..1".

    Raises:
        ValueError: if there is none of that name.

    Example:
        >>> float(named_preprocess("-1..1")(0.0))
        -1.0
    """
    if name not in NAMED:
        near = did_you_mean(name, list(NAMED), "there are")
        raise ValueError(f"no preprocess {name!r}; {near} (or give a function; to a command, module:function)")
    return NAMED[name]
