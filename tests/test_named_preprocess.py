"""Preprocessings by name are those of Keras itself."""

import keras
import numpy as np
import pytest

from tf_interp.models import named_preprocess, open_model

A = keras.applications
IMAGES = np.random.default_rng(0).random((2, 4, 5, 3), np.float32)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("-1..1", A.mobilenet_v2.preprocess_input),
        ("caffe", A.resnet50.preprocess_input),
        ("torch", A.densenet.preprocess_input),
        ("0..255", A.efficientnet.preprocess_input),
        ("efficientnet-lite", lambda images: (images - 127) / 128),
    ],
)
def test_a_name_is_what_the_field_means_by_it(name, theirs):
    np.testing.assert_allclose(named_preprocess(name)(IMAGES), theirs(255 * IMAGES), atol=1e-4)
    network = keras.Sequential([keras.Input((4, 5, 3)), keras.layers.ReLU(name="relu")])
    got = open_model(network, preprocess=name).run(IMAGES, ["relu"])["relu"]
    np.testing.assert_allclose(got, np.maximum(theirs(255 * IMAGES), 0), atol=1e-4)


def test_names_that_do_nothing_or_do_not_exist(tmp_path):
    network = keras.Sequential([keras.Input((4, 5, 3)), keras.layers.ReLU(name="relu")])
    assert open_model(network, preprocess="0..1").preprocess is None
    with pytest.raises(ValueError, match=r"no preprocess 'cafe'; did you mean \['caffe'\]"):
        open_model(network, preprocess="cafe")
    with pytest.raises(ValueError, match=r"no preprocess 'x'; there are \['0..1', .*or give a function"):
        open_model(tmp_path / "costly.keras", preprocess="x")
    with pytest.raises(ValueError, match="comes with preprocess and class_names of its own"):
        open_model("zoo:efficientnet-lite0", preprocess="0..1")
