"""Does the guess of the value range hold for each family of keras.applications, fed right and fed [0,1]?

Weights are random, so only networks that scale pictures themselves can be told; no other may raise an alarm.
Run it: python tests/benchmarks/value_ranges.py [FAMILY ...]
"""

import sys
import time

import keras

from tf_interp import open_model

A = keras.applications
FAMILIES = {
    "Xception": (A.xception, 71), "VGG16": (A.vgg16, 32), "ResNet50": (A.resnet, 32), "ResNet50V2": (A.resnet_v2, 32),
    "InceptionV3": (A.inception_v3, 75), "InceptionResNetV2": (A.inception_resnet_v2, 75),
    "MobileNet": (A.mobilenet, 32), "MobileNetV2": (A.mobilenet_v2, 32), "MobileNetV3Small": (A.mobilenet_v3, 32),
    "MobileNetV3Large": (A.mobilenet_v3, 32), "DenseNet121": (A.densenet, 32), "NASNetMobile": (A.nasnet, 32),
    "EfficientNetB0": (A.efficientnet, 32), "EfficientNetV2B0": (A.efficientnet_v2, 32),
    "EfficientNetV2S": (A.efficientnet_v2, 32), "ConvNeXtTiny": (A.convnext, 32),
}  # fmt: skip
SCALE_THEMSELVES = ("MobileNetV3", "Efficient", "ConvNeXt")


def main(names: list[str]) -> int:
    """Print a line for each family; return how many were judged wrongly."""
    wrong = 0
    for name in names or FAMILIES:
        module, size = FAMILIES[name]
        network = getattr(A, name)(weights=None, input_shape=(size, size, 3), classes=10)
        started = time.perf_counter()
        right = open_model(network, preprocess=module.preprocess_input).range_guess()
        seconds = time.perf_counter() - started
        plain = open_model(network).range_guess()
        fits = right.warning is None and (plain.warning is not None) == name.startswith(SCALE_THEMSELVES)
        wrong += not fits
        print(f"{name:18} {'as it should' if fits else 'WRONG'} {seconds:5.1f} s  {plain.evidence}", flush=True)
        keras.backend.clear_session()
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
