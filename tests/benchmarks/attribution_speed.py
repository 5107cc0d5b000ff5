"""Attribution on 32 pictures and MobileNetV2 at 224 px: ours, xplique, tf-keras-vis, tf-explain, and the bare passes.

    python tests/benchmarks/attribution_speed.py [--without-peers] [--repeats 5] [--slow-repeats 3] [--only saliency]
    python tests/benchmarks/attribution_speed.py --memory

CPU time of the process, all contenders in turns in each repeat, each after a first call that is not counted. Ratios are
taken within a repeat. "bare" is a compiled function of the network as Keras builds it, with a tape: as many forward and
backward passes as the method needs. "bare folded" is the same of the network with its batch normalizations folded into
the convolutions beforehand. Peers that have no batches of their own get one batch of 32 pictures at a time too.

`--memory` runs ours in processes of their own, with 10 and with 50 steps or samples, and prints the peak of each.
"""

import argparse
import gc
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import tf_interp as ti

COUNT, STEPS, MAP, CLASS = 32, 50, "out_relu", 7
IMAGES = np.random.default_rng(0).uniform(0, 1, (COUNT, 224, 224, 3)).astype(np.float32)
TASKS = ("saliency", "grad_cam", "smoothgrad", "integrated_gradients")
SLOW = ("smoothgrad", "integrated_gradients")
BARS = {
    "grad_cam": {"tf-keras-vis": 5, "tf-explain": 5},
    **{name: {"tf-keras-vis": 2.5, "xplique": 1.3, "tf-explain": 1.3} for name in ("saliency", *SLOW)},
}
CEILING = 1.15  # of the bare passes


def build() -> keras.Model:
    """Return the network with logits; its normalizations have statistics that are not trivial."""
    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNetV2(weights=None, classifier_activation=None)
    random = np.random.default_rng(1)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(random.normal(0, 0.2, layer.moving_mean.shape))
            layer.moving_variance.assign(random.uniform(0.5, 1.5, layer.moving_variance.shape))
    return network


def make_bare(network: keras.Model, layer: str | None = None) -> Callable:
    """Return a compiled function: gradient of a logit by the images, or by a layer, and what it was taken at."""
    model = network if layer is None else keras.Model(network.input, [network.output, network.get_layer(layer).output])

    @tf.function(input_signature=[tf.TensorSpec([None, 224, 224, 3])])
    def step(images):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            found = model(images, training=False)
            logits, place = (found, images) if layer is None else found
            score = logits[:, CLASS]
        return place, tape.gradient(score, place)

    return step


def bare_tasks(network: keras.Model) -> dict[str, Callable]:
    """Return the least that each method has to compute."""
    at_input, at_layer = make_bare(network), make_bare(network, MAP)
    images = tf.constant(IMAGES)
    random = tf.random.Generator.from_seed(1)

    def saliency():
        return at_input(images)[1].numpy()

    def grad_cam():
        activation, gradient = at_layer(images)
        return tf.nn.relu(tf.einsum("nhwc,nc->nhw", activation, tf.reduce_mean(gradient, (1, 2)))).numpy()

    def smoothgrad():
        total = tf.zeros_like(images)
        for _ in range(STEPS):
            total += at_input(images + 0.15 * random.normal(images.shape))[1]
        return (total / STEPS).numpy()

    def integrated_gradients():
        total = tf.zeros_like(images)
        for step in range(STEPS):
            total += at_input(images * ((step + 0.5) / STEPS))[1]
        return (images * total / STEPS).numpy()

    return {"saliency": saliency, "grad_cam": grad_cam, "smoothgrad": smoothgrad,
            "integrated_gradients": integrated_gradients}  # fmt: skip


def our_tasks(network: keras.Model) -> dict[str, Callable]:
    """Return ours."""
    model = ti.open_model(network)

    def attribute(method, **options):
        return lambda: ti.attribute(model, IMAGES, CLASS, method=method, **options).values

    return {
        "saliency": attribute("gradient"),
        "grad_cam": attribute("grad_cam", layer=MAP),
        "smoothgrad": attribute("smoothgrad", samples=STEPS),
        "integrated_gradients": attribute("integrated_gradients", steps=STEPS),
    }


def xplique_tasks(network: keras.Model) -> dict[str, Callable]:
    """Return those of xplique, its explainers made beforehand."""
    from xplique import attributions as xp

    one_hot = np.eye(1000, dtype=np.float32)[[CLASS] * COUNT]
    made = {
        "saliency": xp.Saliency(network, batch_size=COUNT),
        "grad_cam": xp.GradCAM(network, batch_size=COUNT, conv_layer=MAP),
        "smoothgrad": xp.SmoothGrad(network, batch_size=COUNT, nb_samples=STEPS, noise=0.15),
        "integrated_gradients": xp.IntegratedGradients(network, batch_size=COUNT, steps=STEPS),
    }
    return {
        name: lambda explainer=explainer: np.asarray(explainer(IMAGES, one_hot)) for name, explainer in made.items()
    }


def keras_vis_tasks(network: keras.Model) -> dict[str, Callable]:
    """Return those of tf-keras-vis; it has no integrated gradients."""
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.scores import CategoricalScore

    score = CategoricalScore([CLASS] * COUNT)
    saliency, cam = Saliency(network, clone=False), Gradcam(network, clone=False)
    where = {"penultimate_layer": MAP, "seek_penultimate_conv_layer": False}
    return {
        "saliency": lambda: saliency(score, IMAGES),
        "grad_cam": lambda: cam(score, IMAGES, **where),
        "smoothgrad": lambda: saliency(score, IMAGES, smooth_samples=STEPS, smooth_noise=0.15),
    }


def explain_tasks(network: keras.Model) -> dict[str, Callable]:
    """Return those of tf-explain, four pictures at a time where it multiplies them by the steps."""
    from tf_explain.core.grad_cam import GradCAM
    from tf_explain.core.integrated_gradients import IntegratedGradients
    from tf_explain.core.smoothgrad import SmoothGrad
    from tf_explain.core.vanilla_gradients import VanillaGradients

    def parts(work):
        for start in range(0, COUNT, 4):
            work((IMAGES[start : start + 4], None))

    saliency, smooth, path, cam = VanillaGradients(), SmoothGrad(), IntegratedGradients(), GradCAM()
    return {
        "saliency": lambda: saliency.explain_score_model((IMAGES, None), network, CLASS),
        "grad_cam": lambda: cam.explain((IMAGES, None), network, CLASS, layer_name=MAP, use_guided_grads=False),
        "smoothgrad": lambda: parts(lambda data: smooth.explain(data, network, CLASS, STEPS, 0.15)),
        "integrated_gradients": lambda: parts(lambda data: path.explain(data, network, CLASS, STEPS)),
    }


def fold(network: keras.Model) -> keras.Model:
    """Return the network with its normalizations folded into the convolutions."""
    from folding import fold_by_hand

    return fold_by_hand(network)


def measure(contenders: dict[str, dict[str, Callable]], task: str, repeats: int) -> dict[str, list[float]]:
    """Return name -> seconds of CPU time of each repeat."""
    work = {name: tasks[task] for name, tasks in contenders.items() if task in tasks}
    for name, call in list(work.items()):
        try:
            call()
        except Exception as error:
            print(f"  {name} does not run: {type(error).__name__}: {str(error)[:150]}", flush=True)
            del work[name]
    spent: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(repeats):
        for name, call in work.items():
            gc.collect()
            start = time.process_time()
            call()
            spent[name].append(time.process_time() - start)
    return spent


def report(task: str, spent: dict[str, list[float]]) -> None:
    """Print medians, and ratios with the bars."""
    print(f"{task}, {COUNT} pictures, {len(spent['ours'])} repeats")
    for name, seconds in spent.items():
        print(f"  {name:13s} {statistics.median(seconds):8.2f} s CPU", end="")
        if name == "ours":
            print()
            continue
        ratios = [other / own for other, own in zip(seconds, spent["ours"], strict=True)]
        if name.startswith("bare"):
            own = [1 / ratio for ratio in ratios]
            print(f"   ours / {name} {statistics.median(own):.2f} [{min(own):.2f} .. {max(own):.2f}]", end="")
            print(f"   bar {CEILING} {'met' if statistics.median(own) <= CEILING else 'MISSED'}")
        else:
            print(f"   {name} / ours {statistics.median(ratios):.2f} [{min(ratios):.2f} .. {max(ratios):.2f}]", end="")
            bar = BARS[task].get(name)
            verdict = "" if bar is None else f"   bar {bar} {'met' if statistics.median(ratios) >= bar else 'MISSED'}"
            print(verdict)
    sys.stdout.flush()


def print_memory() -> None:
    """Print the peak of memory of processes that take 10 and 50 steps or samples."""
    for method, setting in (("integrated_gradients", "steps"), ("smoothgrad", "samples"), ("rise", "samples")):
        peaks = []
        for count in (10, 50):
            command = [sys.executable, __file__, "--peak", method, setting, str(count)]
            peaks.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]))
        print(f"{method:22s} peak with 10: {peaks[0]:.0f} MB, with 50: {peaks[1]:.0f} MB", flush=True)


def print_peak(method: str, setting: str, count: int) -> None:
    """Print the peak of memory of this process after one call, in MB."""
    ti.attribute(ti.open_model(build()), IMAGES, CLASS, method=method, **{setting: count})
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--slow-repeats", type=int, default=3)
    parser.add_argument("--only", choices=TASKS)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        return print_peak(options.peak[0], options.peak[1], int(options.peak[2]))
    if options.memory:
        return print_memory()
    network = build()
    contenders = {"ours": our_tasks(network), "bare": bare_tasks(network), "bare folded": bare_tasks(fold(network))}
    if not options.without_peers:
        for name, make in (
            ("xplique", xplique_tasks),
            ("tf-keras-vis", keras_vis_tasks),
            ("tf-explain", explain_tasks),
        ):
            try:
                contenders[name] = make(keras.models.clone_model(network))
                # a clone each, since xplique leaves its taps on the layers
            except Exception as error:
                print(f"{name} does not run: {type(error).__name__}: {str(error)[:150]}")
    for task in [options.only] if options.only else TASKS:
        report(task, measure(contenders, task, options.slow_repeats if task in SLOW else options.repeats))
    return None


if __name__ == "__main__":
    main()
