"""What folding batch normalization saves, and that it changes nothing: forward and backward, CPU time, paired.

    python tests/benchmarks/folding.py --rounds 9

The floor is the same network folded by hand into a plain Keras model, truncated at the layer, in a bare tf.function.
"""

import argparse
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf

from tf_interp.models import open_model

L = keras.layers
LAYERS = ("block_6_expand_relu", "out_relu")


def randomize(network, seed=0):
    """Give batch normalizations statistics that are not trivial."""
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        if isinstance(layer, L.BatchNormalization):
            layer.gamma.assign(0.5 + rng.random(layer.gamma.shape))
            layer.beta.assign(rng.normal(0.3, 0.3, layer.beta.shape))
            layer.moving_mean.assign(rng.normal(0.0, 0.3, layer.beta.shape))
            layer.moving_variance.assign(0.5 + rng.random(layer.beta.shape))


def fold_by_hand(network):
    """Return a functional network in which each convolution is followed by a normalization, without normalizations."""
    made, tensors = {}, {id(network.inputs[0]): keras.Input(network.input_shape[1:])}
    for layer in network.layers[1:]:
        source = [id(item) for item in keras.tree.flatten(layer.input)]
        inputs = [tensors[item] for item in source]
        if isinstance(layer, L.BatchNormalization):
            old, new = made[source[0]]
            factor = layer.gamma.numpy() / np.sqrt(layer.moving_variance.numpy() + layer.epsilon)
            by_axis = factor[:, None] if isinstance(old, L.DepthwiseConv2D) else factor
            new.set_weights([old.kernel.numpy() * by_axis, layer.beta.numpy() - layer.moving_mean.numpy() * factor])
            tensors[id(layer.output)] = inputs[0]
            continue
        options = layer.get_config()
        if isinstance(layer, L.Conv2D | L.DepthwiseConv2D):
            options["use_bias"] = True
        new = type(layer).from_config(options)
        tensors[id(layer.output)] = new(inputs if isinstance(layer.input, list) else inputs[0])
        made[id(layer.output)] = layer, new
    return keras.Model(tensors[id(network.inputs[0])], tensors[id(network.output)])


def make_step(activation, images):
    """Return a compiled function (images, unit) -> mean of the unit, gradient with respect to the images."""

    def step(images, unit):
        with tf.GradientTape() as tape:
            tape.watch(images)
            score = tf.reduce_mean(tf.gather(activation(images), unit, axis=-1))
        return score, tape.gradient(score, images)

    return tf.function(step, autograph=False).get_concrete_function(images, tf.TensorSpec([], tf.int32))


def read_layer(model, layer):
    """Return a function from images to the activation of a layer."""
    return lambda images: model.run(images, [layer])[layer]


def truncate(network, layer):
    """Return the same for a plain Keras model."""
    part = keras.Model(network.input, network.get_layer(layer).output)
    return lambda images: part(images, training=False)


def measure(steps, images, unit, rounds, inner=8):
    """Return name -> median milliseconds of CPU time, each round running all, one after the other."""
    for step in steps.values():
        for _ in range(3):
            step(images, unit)
    times = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.process_time()
            for _ in range(inner):
                step(images, unit)
            times[name].append((time.process_time() - start) / inner * 1e3)
    return {name: float(np.median(values)) for name, values in times.items()}


def difference(ours, expected):
    """Return the largest difference relative to the largest value."""
    return float(tf.reduce_max(tf.abs(ours - expected)) / tf.reduce_max(tf.abs(expected)))


def main():
    """Compare numbers on three networks, then time two layers of MobileNetV2."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    images = tf.constant(np.random.default_rng(1).random((1, 224, 224, 3), np.float32))
    known = keras.applications
    for make, module in (
        (known.MobileNetV2, known.mobilenet_v2),
        (known.ResNet50V2, known.resnet_v2),
        (known.EfficientNetB0, known.efficientnet),
    ):
        network = make(weights=None, input_shape=(64, 64, 3))
        randomize(network)
        small = images[:, :64, :64]
        with tempfile.TemporaryDirectory() as folder:
            network.export(folder, verbose=False)
            for model in (open_model(source, preprocess=module.preprocess_input) for source in (network, folder)):
                names = [name for name in model.layers if name.endswith(("bn", "BN", "relu", "add", "out", "output"))]
                got, expected = (one.run(small, names) for one in (model.folded, model))
                worst = max(difference(got[name], expected[name]) for name in names)
                unit = tf.constant(3)
                slopes = [make_step(read_layer(one, "output"), small)(small, unit)[1] for one in (model.folded, model)]
                print(f"{network.name} {type(model).__name__}: {len(names)} activations differ by at most {worst:.1e}, "
                      f"gradients by {difference(*slopes):.1e}")  # fmt: skip

    network = keras.applications.MobileNetV2(weights=None)
    randomize(network)
    by_hand = fold_by_hand(network)
    with tempfile.TemporaryDirectory() as folder:
        network.export(folder, verbose=False)
        saved = open_model(folder)
    model = open_model(network)
    for layer in LAYERS:
        models = {"keras": model, "keras folded": model.folded, "saved": saved, "saved folded": saved.folded}
        parts = {name: read_layer(one, layer) for name, one in models.items()}
        parts |= {"bare": truncate(network, layer), "bare folded": truncate(by_hand, layer)}
        unit = tf.argmax(tf.reduce_mean(parts["bare"](images), (0, 1, 2)), output_type=tf.int32)
        steps = {name: make_step(part, images) for name, part in parts.items()}
        expected = steps["bare"](images, unit)[1]
        differs = {name: difference(step(images, unit)[1], expected) for name, step in steps.items()}
        took = measure(steps, images, unit, rounds)
        print(f"{layer}, ms of CPU: " + ", ".join(f"{name} {value:.1f}" for name, value in took.items()))
        print(f"  unfolded / folded {took['keras'] / took['keras folded']:.2f}, folded / bare folded "
              f"{took['keras folded'] / took['bare folded']:.2f}")  # fmt: skip
        # a pixel or two differ where a rounding error carries a value over the edge of a ReLU6, by hand too
        print("  gradients differ from the bare one by " + ", ".join(f"{n} {d:.0e}" for n, d in differs.items()))


if __name__ == "__main__":
    main()
