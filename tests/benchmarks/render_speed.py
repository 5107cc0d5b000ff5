"""Time of one optimization step of feature visualization: ours, xplique, tf-keras-vis and the bare network.

    python tests/benchmarks/render_speed.py

MobileNetV2 at 224 px with random weights (no download), one channel of one layer, pictures of 224 px, standard
transforms of each package, no penalties. All contenders have the same weights and take turns in every repeat, so that a
busy machine is busy for all. A step is the time from the start of one step to the start of the next, so it holds what
happens between steps as well. First and second pictures are of 3 steps, so they mostly time the start. Bare is one
compiled forward and backward pass of the truncated network. README.md says how to install the peers.
"""

import argparse
import contextlib
import gc
import json
import os
import statistics
import subprocess
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from tf_interp.features import channel, render
from tf_interp.features.renderer import program
from tf_interp.models import open_model


class Watch:
    """Process-CPU and wall seconds, stamped at will."""

    def __init__(self):
        self.stamps = []

    def stamp(self):
        self.stamps.append((time.process_time(), time.perf_counter()))

    def steps(self, skipped):
        """Return the mean (CPU, wall) seconds from stamp to stamp, the first `skipped` left out."""
        first, last = self.stamps[skipped], self.stamps[-1]
        count = len(self.stamps) - 1 - skipped
        return tuple((after - before) / count for before, after in zip(first, last, strict=True))


def build_network(side, seed=0):
    """Return MobileNetV2 whose batch norms do something, and whose channels are alive on noise."""
    keras.utils.set_random_seed(seed)
    network = keras.applications.MobileNetV2((side, side, 3), weights=None)
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    random = np.random.default_rng(seed)
    network(random.uniform(-1, 1, (16, side, side, 3)).astype(np.float32), training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.gamma.assign(random.uniform(0.7, 1.3, norm.gamma.shape))
        norm.beta.assign(random.normal(0.2, 0.2, norm.beta.shape))
    return network


def copy_network(network):
    """Return the same network with weights of its own, since some peers change layers."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    return copy


def fold_network(network):
    """Return the network without batch norms, computed once into the weights; written apart from the product's."""

    def replace(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            return keras.layers.Identity(name=layer.name)
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer, *args, mask=None, training=None, **kwargs):  # Identity takes neither
        return layer(*args, **kwargs)

    folded = keras.models.clone_model(network, call_function=call, clone_function=replace)
    for position, (old, layer) in enumerate(zip(network.layers, folded.layers, strict=True)):
        if not isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            if not isinstance(layer, keras.layers.Identity):
                layer.set_weights(old.get_weights())
            continue
        norm = network.layers[position + 1]  # so it is in this network
        gamma, beta, mean, variance = norm.get_weights()
        factor = gamma / np.sqrt(variance + norm.epsilon)
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        kernel = old.get_weights()[0] * (factor[:, None] if depthwise else factor)
        layer.set_weights([kernel, beta - mean * factor])
    return folded


def make_bare(network, layer, unit):
    """Return a function that runs a number of forward and backward passes and gives (CPU, wall) seconds of one."""
    truncated = keras.Model(network.input, network.get_layer(layer).output)

    @tf.function
    def step(images):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            value = tf.reduce_mean(truncated(images)[..., unit])
        return tape.gradient(value, images)

    images = tf.random.stateless_uniform([1, *network.input_shape[1:]], [0, 0], -1.0, 1.0)
    step(images)

    def run(steps):
        watch = Watch()
        for _ in range(steps + 1):
            watch.stamp()
            step(images)
        return watch.steps(1)

    return run, lambda: truncated(images).numpy()


@contextlib.contextmanager
def stamped(watch):
    """Stamp the start of each of our compiled steps."""
    step = program.Program.step

    def stamp_and_step(self, *args, **kwargs):
        watch.stamp()
        return step(self, *args, **kwargs)

    program.Program.step = stamp_and_step
    try:
        yield
    finally:
        program.Program.step = step


class Ours:
    """A first picture opens the network anew; further ones are of other channels of the same layer."""

    def __init__(self, network, layer):
        self.network, self.layer, self.turn = network, layer, 0
        grey = np.zeros((1, *network.input_shape[1:]), np.float32)  # where a picture starts: silent units go other ways
        means = keras.Model(network.input, network.get_layer(layer).output)(grey).numpy().mean((0, 1, 2))
        self.units = np.argsort(means)[-len(means) // 8 :].tolist()

    def open(self):
        self.model = open_model(self.network, preprocess=lambda x: 2 * x - 1)

    def listed(self):
        """Time a first picture of a layer of a network whose layers were listed before."""
        self.open()
        _ = self.model.layers
        return timed(self, 1)

    def __call__(self, steps):
        watch, self.turn = Watch(), self.turn + 1
        unit = self.units[self.turn % len(self.units)]
        with stamped(watch):
            render(self.model, channel(self.layer, unit), steps=steps + 2, retries=0)
        if len(watch.stamps) != steps + 2:
            raise SystemExit(f"unit {unit} of {self.layer} got redirected gradients: it is dead, change the seed")
        return watch.steps(1)


class Xplique:
    """Every call traces, so every picture is a first one; the first two stamps, with the trace, are left out."""

    def __init__(self, network, layer):
        from xplique.features_visualizations import Objective, optimize  # here, so that its import is not timed

        self.network, self.layer = copy_network(network), layer
        self.channel, self.optimize = Objective.channel, optimize

    def open(self):
        pass

    def __call__(self, steps):
        watch = Watch()

        class Adam(keras.optimizers.Adam):
            def apply_gradients(self, *args, **kwargs):
                super().apply_gradients(*args, **kwargs)
                watch.stamp()

        objective = self.channel(self.network, self.layer, 1)
        side = self.network.input_shape[1:3]
        self.optimize(objective, Adam(0.05), nb_steps=steps + 2, values_range=(-1, 1), custom_shape=side)
        return watch.steps(1)


class TfKerasVis:
    """Eager, with its default jitter and rotation; without its default penalties, which the others do not have."""

    def __init__(self, network, layer):
        from tf_keras_vis.activation_maximization import ActivationMaximization
        from tf_keras_vis.activation_maximization.callbacks import Callback

        class Stamp(Callback):
            def __call__(_, *args, **kwargs):
                self.watch.stamp()

        network = copy_network(network)
        truncated = keras.Model([network.input], network.get_layer(layer).output)
        self.stamp, self.maximization = Stamp(), ActivationMaximization(truncated, clone=False)

    def open(self):
        pass

    def __call__(self, steps):
        self.watch = Watch()
        self.maximization(
            lambda output: tf.reduce_mean(output[..., 1]),
            input_range=(-1.0, 1.0),
            regularizers=[],
            steps=steps + 2,
            callbacks=[self.stamp],
        )
        return self.watch.steps(1)


def timed(call, *args):
    """Return (CPU, wall) seconds of a call."""
    gc.collect()  # the leavings of the one before
    watch = Watch()
    watch.stamp()
    call(*args)
    watch.stamp()
    return watch.steps(0)


CONTENDERS = {"ours": Ours, "xplique": Xplique, "tf-keras-vis": TfKerasVis}


def first_here(name, layer, size):
    """Print (CPU, wall) seconds of the first picture of a process; the network is built and the packages imported."""
    contender = CONTENDERS[name](build_network(size), layer)
    print(json.dumps(timed(lambda: (contender.open(), contender(1)))))


def first_in_process(name, layer, size):
    """Return what `first_here` prints in a process of its own."""
    command = [sys.executable, os.path.abspath(__file__), "--first", name, "--layers", layer, "--size", str(size)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return json.loads(output.splitlines()[-1])


def describe(name, pairs):
    """Print median, least and most of (CPU, wall) seconds; return the medians."""
    medians = []
    text = f"  {name:36s}"
    for kind, values in zip(("CPU", "wall"), zip(*pairs, strict=True), strict=True):
        medians.append(statistics.median(values))
        numbers = " ".join(f"{1000 * value:7.1f}" for value in (medians[-1], min(values), max(values)))
        text += f" | {kind:4s} {numbers} ms"
    print(text, flush=True)
    return medians


def compare(name, ours, others, bars, larger=True):
    """Print median, least and most of the ratio within a repeat, against the bar."""
    text = f"  {name:50s}"
    for kind, index, bar in zip(("CPU", "wall"), (0, 1), bars, strict=True):
        ratios = [other[index] / own[index] for own, other in zip(ours, others, strict=True)]
        ratios = ratios if larger else [1 / ratio for ratio in ratios]
        middle = statistics.median(ratios)
        met = "" if bar is None else "  ok  " if (middle >= bar) == larger else " MISS "
        wanted = "" if bar is None else f"({'>=' if larger else '<='} {bar:g})"
        text += f" | {kind:4s} {middle:6.2f} [{min(ratios):.2f} .. {max(ratios):.2f}] {wanted}{met}"
    print(text, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", nargs="+", default=["block_6_expand_relu", "out_relu"])
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=12, help="steps of a repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--without-peers", action="store_true", help="ours against the bare network only")
    parser.add_argument("--first", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.steps < 2:
        parser.error("--steps must be 2 or more: the first one is left out")
    if options.first:
        first_here(options.first, options.layers[0], options.size)
        return
    network = build_network(options.size)
    folded = fold_network(network)
    bars = {"block_6_expand_relu": 1.5, "out_relu": 1.25}
    for layer in options.layers:
        print(f"{layer}, medians [least .. most] of {options.repeats} repeats of {options.steps} steps", flush=True)
        bare, values = make_bare(network, layer, 1)
        bare_folded, folded_values = make_bare(folded, layer, 1)
        difference = np.abs(values() - folded_values()).max() / np.abs(values()).max()
        if difference > 1e-4:
            raise SystemExit(f"the folded network differs by {difference:.1e}")
        names = ("ours",) if options.without_peers else tuple(CONTENDERS)
        contenders = {name: CONTENDERS[name](network, layer) for name in names}
        fresh = {name: [] for name in contenders}
        first = {name: [] for name in contenders}
        second = {name: [] for name in contenders}
        listed = []
        steps = {name: [] for name in ("bare", "bare, folded", *contenders)}
        for _ in range(options.repeats):
            for name, contender in contenders.items():
                fresh[name].append(first_in_process(name, layer, options.size))
                first[name].append(timed(lambda one=contender: (one.open(), one(1))))
                if name == "ours":
                    listed.append(contender.listed())
                second[name].append(timed(contender, 1))
            for name, run in {"bare": bare, "bare, folded": bare_folded, **contenders}.items():
                steps[name].append(run(options.steps))
        for name in contenders:
            describe(f"first picture of a process: {name}", fresh[name])
        for name in contenders:
            describe(f"first of another network: {name}", first[name])
        describe("first of a layer, all listed: ours", listed)
        for name in contenders:
            describe(f"second picture of a layer: {name}", second[name])
        for name in steps:
            describe(f"step: {name}", steps[name])
        ours = steps["ours"]
        compare("step: ours / bare", ours, steps["bare"], (None, None), larger=False)
        compare("step: ours / bare, folded", ours, steps["bare, folded"], (bars.get(layer), None), larger=False)
        if not options.without_peers:
            compare("step: xplique / ours", ours, steps["xplique"], (1.7, 2.0))
            compare("step: tf-keras-vis / ours", ours, steps["tf-keras-vis"], (6.0, 8.0))
            compare("first picture of a process: xplique / ours", fresh["ours"], fresh["xplique"], (3.0, 3.0))
            compare("first of another network: xplique / ours", first["ours"], first["xplique"], (None, None))
            compare("first of a layer, all listed: xplique / ours", listed, first["xplique"], (None, None))
            compare("second picture of a layer: xplique / ours", second["ours"], second["xplique"], (None, None))


if __name__ == "__main__":
    main()
