"""Attribution against xplique, tf-keras-vis, tf-explain, captum and zennit on one network: the same numbers to 1e-4?

    python tests/benchmarks/attribution_peers.py

A small network of convolutions, batch normalizations, ReLU, pooling and dense layers; for captum and zennit the same
weights in torch. Noise and masks are handed to both sides. Prints, for each method, the largest difference as a share
of the largest value, or why there is none. "converted" says what was done to a peer whose definition is another one;
lines marked "for the record" compare what is not the same by definition, and count for nothing.
Needs the peers (README.md beside this file), and torch, captum and zennit; what is not installed is said and left out.
"""

import contextlib
import os
import sys
import traceback
import warnings
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import tf_interp as ti
from tf_interp.attribution.methods.switching_off.rise import Rise
from tf_interp.attribution.scene import Scene

L = keras.layers
SIZE, CLASSES, COUNT, SAMPLES, BAR = 18, 4, 3, 8, 1e-4
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.uniform(0, 1, (COUNT, SIZE, SIZE, 3)).astype(np.float32)
IMAGES[:, 0, 0], IMAGES[:, 0, 1] = 0, 1  # the range of each is exactly 1, so that relative and absolute noise agree
NOISE = RANDOM.normal(0, 1, (SAMPLES, *IMAGES.shape)).astype(np.float32)  # before it is scaled
SPREAD = 0.15
TARGET = 2
missed: list[str] = []


def build() -> keras.Model:
    """Return the network, its normalizations with statistics that are not trivial."""
    layers = (
        L.Conv2D(8, 3, use_bias=False, name="first"),
        L.BatchNormalization(name="norm_1"),
        L.ReLU(name="relu_1"),
        L.MaxPooling2D(2, name="pool"),
        L.Conv2D(6, 3, name="second"),
        L.BatchNormalization(name="norm_2"),
        L.ReLU(name="relu_2"),
        L.Flatten(name="flat"),
        L.Dense(12, name="hidden"),
        L.ReLU(name="relu_3"),
        L.Dense(CLASSES, name="logits"),
    )
    x = start = keras.Input((SIZE, SIZE, 3))
    for layer in layers:
        x = layer(x)
    network = keras.Model(start, x)  # tf-explain does not take a Sequential
    for weight in network.weights:
        value = RANDOM.normal(0, 0.3, weight.shape)
        weight.assign(abs(value) + 0.5 if "variance" in weight.name or "gamma" in weight.name else value)
    return network


def compare(peer: str, name: str, ours, theirs, note: str = "", counts: bool = True) -> None:
    """Print a line: largest difference as a share of the largest value."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape, f"{peer} {name}: {ours.shape} and {theirs.shape}"
    error = np.abs(ours - theirs).max() / np.abs(theirs).max()
    verdict = "for the record" if not counts else "ok" if error <= BAR else "MISSED"
    if verdict == "MISSED":
        missed.append(f"{peer} {name}")
    print(f"{peer:13s} {name:32s} {error:.1e}  {verdict}{'  ' + note if note else ''}", flush=True)


@contextlib.contextmanager
def shared_noise():
    """While open, our noise is `NOISE`."""
    with mock.patch.object(Scene, "draw_normal", lambda scene, seed, sample: tf.constant(NOISE[sample])):
        yield


def attribute(model, method="gradient", target=TARGET, **options):
    """Return our values."""
    return ti.attribute(model, IMAGES, target, method=method, **options).values


def against_xplique(network, model) -> None:
    """Compare with xplique, which works on the same Keras network."""
    from xplique import attributions as xp
    from xplique.attributions.gradient_statistics.gradient_statistic import GradientStatistic

    one_hot = np.eye(CLASSES, dtype=np.float32)[[TARGET] * COUNT]

    def explain(kind, reduced=False, **options):
        return np.asarray(kind(network, **({"reducer": None} if reduced else {}), **options)(IMAGES, one_hot))

    compare("xplique", "Saliency", np.abs(attribute(model)), explain(xp.Saliency, True), "absolute values")
    compare("xplique", "GradientInput", attribute(model, "gradient_x_input"), explain(xp.GradientInput, True))
    fine = attribute(model, "integrated_gradients", steps=1000)
    theirs = explain(xp.IntegratedGradients, True, steps=1001)
    compare("xplique", "IntegratedGradients", fine, theirs, "midpoints, trapezoids; 1,000 steps each", counts=False)
    noisy = np.moveaxis(IMAGES + SPREAD * NOISE, 0, 1).reshape(-1, *IMAGES.shape[1:])

    def disturb(inputs, count, noise):
        return tf.constant(noisy)

    for kind, method in ((xp.SmoothGrad, "smoothgrad"), (xp.SquareGrad, "squaregrad"), (xp.VarGrad, "vargrad")):
        with shared_noise(), mock.patch.object(GradientStatistic, "_perturb_samples", disturb):
            ours = attribute(model, method, samples=SAMPLES, noise=SPREAD)
            theirs = explain(kind, True, nb_samples=SAMPLES, noise=SPREAD, batch_size=None)
        factor = SAMPLES / (SAMPLES - 1) if method == "vargrad" else 1
        note = "converted: n - 1 in the variance" if method == "vargrad" else "the same noise"
        compare("xplique", kind.__name__, ours * factor, theirs, note)
    for kind, method in ((xp.GradCAM, "grad_cam"), (xp.GradCAMPP, "grad_cam_plus_plus")):
        ours = attribute(model, method, layer="relu_2")
        resized = np.asarray(tf.image.resize(ours, (SIZE, SIZE), "bicubic"))
        theirs, plus = explain(kind, conv_layer="relu_2"), method == "grad_cam_plus_plus"
        if plus:
            resized, theirs = (item / item.max((1, 2), keepdims=True) for item in (resized, theirs))
        note = "theirs: the mean activation for the sum of equation 19; each map over its largest value"
        compare("xplique", kind.__name__, resized, theirs, note if plus else "resized as theirs", counts=not plus)
    for window, stride in ((3, 3), (6, 2)):
        ours = attribute(model, "occlusion", window=window, stride=stride)
        theirs = explain(xp.Occlusion, patch_size=window, patch_stride=stride, occlusion_value=0.0)
        starts = np.arange(0, SIZE - window + 1, stride)
        covered = ((np.arange(SIZE)[:, None] >= starts) & (np.arange(SIZE)[:, None] < starts + window)).sum(1)
        counts = (covered[:, None] * covered)[..., None]
        note = "converted: their sum over windows / number of windows" if window > stride else ""
        compare("xplique", f"Occlusion {window}/{stride}", ours, theirs / counts, note)
    masks = RANDOM.uniform(0, 1, (SAMPLES, SIZE, SIZE, 1)).astype(np.float32)
    with mock.patch.object(Rise, "_draw", side_effect=masks[..., 0]):
        ours = attribute(model, "rise", samples=SAMPLES)
    with mock.patch.object(
        xp.Rise, "_apply_masks", lambda image, binary, value=0.0: (masks * image, tf.constant(masks))
    ):
        theirs = explain(xp.Rise, nb_samples=SAMPLES)
    scores = np.stack([np.asarray(network(mask * IMAGES))[:, TARGET] for mask in masks])
    mean, total = scores.mean(0)[:, None, None, None], masks.sum(0)
    note = "converted: mean score taken off, divided by the share; the same masks"
    whole = theirs * (total + xp.Rise.EPSILON)  # of their quotient
    compare("xplique", "Rise", ours, (whole - mean * total) / (SAMPLES * 0.5), note)
    for rule, kind in (("guided", xp.GuidedBackprop), ("deconvnet", xp.DeconvNet)):
        compare("xplique", kind.__name__, attribute(model, relu=rule), explain(kind, True))


def against_keras_vis(network, model) -> None:
    """Compare with tf-keras-vis, which works on the same Keras network."""
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.layercam import Layercam
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.scores import CategoricalScore

    score = CategoricalScore([TARGET] * COUNT)
    saliency = Saliency(network, clone=True)
    theirs = saliency(score, IMAGES, keepdims=True, normalize_map=False)
    compare("tf-keras-vis", "Saliency", np.abs(attribute(model)), theirs, "absolute values")
    with mock.patch("numpy.random.normal", lambda mean, sigma, shape: np.asarray(sigma) * NOISE):
        theirs = saliency(
            score,
            IMAGES,
            smooth_samples=SAMPLES,
            smooth_noise=SPREAD,
            keepdims=True,
            normalize_map=False,
            gradient_modifier=None,
        )
    with shared_noise():
        ours = attribute(model, "smoothgrad", samples=SAMPLES, noise=SPREAD)
    compare("tf-keras-vis", "SmoothGrad", ours, theirs, "the same noise")
    kinds = ((Gradcam, "grad_cam"), (GradcamPlusPlus, "grad_cam_plus_plus"), (Layercam, "layer_cam"))
    for kind, method in kinds:
        cam = kind(network, clone=True)
        theirs = cam(
            score,
            IMAGES,
            penultimate_layer="relu_2",
            seek_penultimate_conv_layer=False,
            expand_cam=False,
            normalize_cam=False,
        )
        ours = attribute(model, method, layer="relu_2")[..., 0]
        if method == "grad_cam_plus_plus":
            ours, theirs = (item / np.max(item, (1, 2), keepdims=True) for item in (ours, np.asarray(theirs)))
            note = "theirs: no exponential, and shares that add up to 1; each map over its largest value"
            compare("tf-keras-vis", kind.__name__, ours, theirs, note, counts=False)
        else:
            compare("tf-keras-vis", kind.__name__, ours, theirs)


def against_tf_explain(network, model) -> None:
    """Compare with tf-explain, which works on the same Keras network."""
    from tf_explain.core.grad_cam import GradCAM
    from tf_explain.core.gradients_inputs import GradientsInputs
    from tf_explain.core.integrated_gradients import IntegratedGradients
    from tf_explain.core.vanilla_gradients import VanillaGradients

    compare("tf-explain", "VanillaGradients", attribute(model), VanillaGradients.compute_gradients(IMAGES, network, 2))
    theirs = GradientsInputs.compute_gradients(IMAGES, network, TARGET)
    compare("tf-explain", "GradientsInputs", attribute(model, "gradient_x_input"), theirs)
    outputs, gradients = GradCAM.get_gradients_and_filters(network, IMAGES, "relu_2", TARGET, False)
    theirs = np.maximum(np.stack(GradCAM.generate_ponderated_output(outputs, gradients)), 0)
    compare("tf-explain", "GradCAM", attribute(model, "grad_cam", layer="relu_2")[..., 0], theirs, "cut off at 0")
    path = IntegratedGradients.generate_interpolations(IMAGES, 1000)
    slope = IntegratedGradients.get_integrated_gradients(path, network, TARGET, 1000)
    fine = attribute(model, "integrated_gradients", steps=1000)
    note = "converted: x image, which they leave out; both end points of the path count in theirs"
    compare("tf-explain", "IntegratedGradients", fine, IMAGES * slope, note, counts=False)


def to_torch(network):
    """Return the same network in torch, for images [n,H,W,C]."""
    import torch

    class Turn(torch.nn.Module):
        """Axes in another order."""

        def __init__(self, *order: int) -> None:
            super().__init__()
            self.order = order

        def forward(self, x):
            return x.permute(*self.order)

    def tensor(variable):
        return torch.nn.Parameter(torch.from_numpy(np.array(variable.numpy())))

    layers = []
    for layer in network.layers[1:]:
        if isinstance(layer, L.Conv2D):
            kernel = layer.kernel.shape
            made = torch.nn.Conv2d(kernel[2], kernel[3], kernel[0], bias=layer.use_bias)
            made.weight = torch.nn.Parameter(torch.from_numpy(layer.kernel.numpy().transpose(3, 2, 0, 1).copy()))
        elif isinstance(layer, L.Dense):
            made = torch.nn.Linear(*layer.kernel.shape)
            made.weight = torch.nn.Parameter(torch.from_numpy(layer.kernel.numpy().T.copy()))
        elif isinstance(layer, L.BatchNormalization):
            # zennit 0.5 merges a normalization but leaves its epsilon, which then counts twice: here it is variance
            made = torch.nn.BatchNorm2d(layer.gamma.shape[0], eps=0)
            made.weight, made.bias = tensor(layer.gamma), tensor(layer.beta)
            made.running_mean = tensor(layer.moving_mean).data
            made.running_var = tensor(layer.moving_variance).data + layer.epsilon
        elif isinstance(layer, L.MaxPooling2D):
            made = torch.nn.MaxPool2d(2)
        elif isinstance(layer, L.Flatten):
            layers.append(Turn(0, 2, 3, 1))  # so that numbers are in Keras's order
            made = torch.nn.Flatten()
        else:
            made = torch.nn.ReLU()
        if getattr(layer, "bias", None) is not None:
            made.bias = tensor(layer.bias)
        layers.append(made)
    return torch.nn.Sequential(Turn(0, 3, 1, 2), *layers).eval()


def against_captum(network, model) -> None:
    """Compare with captum on the network in torch."""
    import torch
    from captum import attr

    twin = to_torch(network)
    images = torch.from_numpy(IMAGES)
    compare("captum", "logits", network(IMAGES), twin(images).detach().numpy())

    def explain(kind, **options):
        return kind(twin).attribute(images.clone().requires_grad_(), target=TARGET, **options).detach().numpy()

    compare("captum", "Saliency", np.abs(attribute(model)), explain(attr.Saliency), "absolute values")
    compare("captum", "InputXGradient", attribute(model, "gradient_x_input"), explain(attr.InputXGradient))
    for baseline in (0.0, 0.5):
        ours = attribute(model, "integrated_gradients", steps=32, baseline=baseline)
        theirs = explain(attr.IntegratedGradients, n_steps=32, method="riemann_middle", baselines=baseline)
        compare("captum", f"IntegratedGradients from {baseline}", ours, theirs, "midpoints, 32 steps")
    default = explain(attr.IntegratedGradients)
    fine = attribute(model, "integrated_gradients", steps=1000)
    compare("captum", "IntegratedGradients default", fine, default, "Gauss-Legendre, 50 points", counts=False)
    compare("captum", "GuidedBackprop", attribute(model, relu="guided"), explain(attr.GuidedBackprop))
    compare("captum", "Deconvolution", attribute(model, relu="deconvnet"), explain(attr.Deconvolution))
    turned = np.moveaxis(NOISE, 0, 1).reshape(-1, *IMAGES.shape[1:])
    for kind, method in (("smoothgrad", "smoothgrad"), ("smoothgrad_sq", "squaregrad"), ("vargrad", "vargrad")):
        with shared_noise(), mock.patch("torch.normal", lambda mean, deviation: deviation * torch.from_numpy(turned)):
            tunnel = attr.NoiseTunnel(attr.Saliency(twin))
            theirs = tunnel.attribute(
                images.clone().requires_grad_(),
                nt_type=kind,
                nt_samples=SAMPLES,
                stdevs=SPREAD,
                target=TARGET,
                abs=False,
            )
            ours = attribute(model, method, samples=SAMPLES, noise=SPREAD)
        compare("captum", f"NoiseTunnel {kind}", ours, theirs.detach().numpy(), "the same noise")
    names = [layer.name for layer in network.layers]
    module = twin[names.index("relu_2")]  # an input there, a turn here, come first
    theirs = attr.LayerGradCam(twin, module).attribute(images, target=TARGET, relu_attributions=True).detach().numpy()
    compare("captum", "LayerGradCam", attribute(model, "grad_cam", layer="relu_2")[..., 0], theirs[:, 0])
    theirs = attr.LayerGradientXActivation(twin, module).attribute(images, target=TARGET).detach().numpy()
    ours = attribute(model, "gradient_x_input", layer="relu_2")
    compare("captum", "LayerGradientXActivation", ours, theirs.transpose(0, 2, 3, 1))
    theirs = attr.LayerIntegratedGradients(twin, module).attribute(
        images, baselines=torch.zeros_like(images), target=TARGET, n_steps=32, method="riemann_middle"
    )
    start = np.asarray(model.run(np.zeros_like(IMAGES[:1]), ["relu_2"])["relu_2"])[0]
    ours = attribute(model, "integrated_gradients", layer="relu_2", baseline=start)
    theirs = theirs.detach().numpy().transpose(0, 2, 3, 1)
    compare("captum", "LayerIntegratedGradients", ours, theirs, "from the layer's activation on a black image")
    for window, stride in ((3, 3), (6, 2)):
        ours = attribute(model, "occlusion", window=window, stride=stride)
        shapes = {"sliding_window_shapes": (window, window, 3), "strides": (stride, stride, 3)}
        theirs = explain(attr.Occlusion, **shapes, baselines=0)
        compare("captum", f"Occlusion {window}/{stride}", ours, theirs[..., :1])
    cells = np.arange(SIZE) * 2 // SIZE  # of 9 regions it would go through all 362,880 orders
    grid = cells[:, None] * 2 + cells
    mask = torch.from_numpy(np.repeat(grid[None, ..., None], 3, -1))
    theirs = explain(attr.ShapleyValues, feature_mask=mask, baselines=0)[..., :1]
    ours = attribute(model, "shapley", cells=2) * (SIZE // 2) ** 2
    compare("captum", "ShapleyValues", ours, theirs, "converted: ours spread over the region; 4 regions")


def against_zennit(network, model) -> None:
    """Compare with zennit's relevance propagation on the network in torch, its normalizations merged first."""
    import torch

    sys.modules.setdefault("torchvision.models.resnet", mock.MagicMock())  # for canonizers of its networks only
    from zennit.attribution import Gradient
    from zennit.canonizers import SequentialMergeBatchNorm
    from zennit.composites import LayerMapComposite
    from zennit.rules import Epsilon, Norm, Pass, ZPlus
    from zennit.types import Activation, AvgPool, Convolution, Linear

    twin, images = to_torch(network), torch.from_numpy(IMAGES)
    plus = {"zero_params": "bias"}
    cases = (
        ("epsilon", Epsilon(1e-6), Epsilon(1e-6), ""),
        ("epsilon_plus", ZPlus(1e-6, **plus), Epsilon(1e-6), "z+ without biases"),
        ("z_plus", ZPlus(1e-6, **plus), ZPlus(1e-6, **plus), "z+ without biases"),
        ("epsilon_plus", ZPlus(1e-6), Epsilon(1e-6), "their z+ gives positive biases a part"),
    )
    for rule, of_convolution, of_dense, note in cases:
        composite = LayerMapComposite(
            [(Activation, Pass()), (AvgPool, Norm()), (Convolution, of_convolution), (Linear, of_dense)],
            canonizers=[SequentialMergeBatchNorm()],
        )
        with Gradient(model=twin, composite=composite) as attributor:
            _, relevance = attributor(images, lambda output: output * torch.eye(CLASSES)[TARGET])
        ours = attribute(model, "lrp", rule=rule)
        counts = "positive" not in note
        compare("zennit", f"LRP {rule}", ours, relevance.detach().numpy(), note, counts=counts)


def main() -> None:
    """Print all comparisons; the exit code is 1 if one that counts is missed."""
    warnings.simplefilter("ignore")
    network = build()
    model = ti.open_model(network)
    print(f"largest difference / largest value; {COUNT} images, bar {BAR:.0e}")
    for against in (against_xplique, against_keras_vis, against_tf_explain, against_captum, against_zennit):
        try:
            against(network, model)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            missed.append(against.__name__)
            print(
                f"{against.__name__}: does not run here: {type(error).__name__}: {error} ({place.name}, {place.line})"
            )
    print("missed:", ", ".join(missed) if missed else "none")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
