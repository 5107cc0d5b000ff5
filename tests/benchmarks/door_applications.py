"""The families of keras.applications, smallest member, smallest pictures that work, random weights."""

import functools

import keras
from door_check import Fixture
from door_networks import seeded, some

L = keras.layers
SIZES = {
    "ConvNeXtTiny": 32,
    "DenseNet121": 32,
    "EfficientNetB0": 32,
    "EfficientNetV2B0": 32,
    "InceptionResNetV2": 75,
    "InceptionV3": 75,
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Small": 32,
    "NASNetMobile": 32,
    "ResNet50": 32,
    "ResNet50V2": 32,
    "VGG16": 32,
    "Xception": 71,
}


def _build(name, size):
    inside = name.startswith(("EfficientNet", "MobileNetV3", "ConvNeXt"))  # preprocessing inside: 0..255
    options = {"include_preprocessing": True} if inside and name != "EfficientNetB0" else {}
    model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10, **options)
    pictures = some(2, size, size, 3) * (255 if inside else 2) - (0 if inside else 1)
    return Fixture(model, pictures)


@seeded
def _nested():
    """MobileNetV2 in a Sequential, with a head of one's own."""
    backbone = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, include_top=False, pooling="avg")
    layers = [L.Rescaling(2.0, -1.0, name="rescale"), backbone, L.Dropout(0.2), L.Dense(3, name="head")]
    return Fixture(keras.Sequential([keras.Input((32, 32, 3)), *layers]), some(2, 32, 32, 3))


APPLICATIONS = {name: seeded(functools.partial(_build, name, size)) for name, size in SIZES.items()}
APPLICATIONS["MobileNetV2 nested"] = _nested
