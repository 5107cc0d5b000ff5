"""`render` on small networks: it climbs, compiles once, goes on where it stopped, and says what went wrong."""

import concurrent.futures
import contextlib
import dataclasses
import gc
import importlib
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp.directions import Directions
from tf_interp.features import (
    SGD,
    Cppn,
    Fourier,
    Maco,
    Pixel,
    Pyramid,
    Shared,
    activation_difference,
    alignment,
    blur_alpha,
    blur_input,
    boundary_complexity,
    caricature,
    channel,
    channel_interpolate,
    class_logit,
    decay,
    deepdream,
    direction,
    direction_neuron,
    diversity,
    dot_compare,
    dream,
    from_directions,
    input_diff,
    l1,
    l2,
    mean_alpha,
    neuron,
    objective,
    only_after,
    render,
    saturation,
    tensor_direction,
    total_variation,
)
from tf_interp.features.renderer import silent_units
from tf_interp.features.transforms import NormalizeGradient, Rotate
from tf_interp.models import KerasModel, open_model

L = keras.layers
RENDER = importlib.import_module("tf_interp.features.renderer.render")  # the module, not the function of that name
SIZE = 16
NAMES = ("cat", "dog", "owl")
REAL = np.random.default_rng(3).uniform(0, 1, (SIZE, SIZE, 3)).astype(np.float32)


def build(channels=3, size=SIZE, activation="relu", bias=None, head=True, class_names=NAMES, dtype=None, **options):
    layers = [
        keras.layers.Conv2D(6, 3, strides=2, padding="same", activation=activation, name="conv1", dtype=dtype),
        keras.layers.Conv2D(8, 3, padding="same", activation=activation, name="conv2", dtype=dtype),
    ]
    if head:
        layers += [keras.layers.GlobalAveragePooling2D(name="pool"), keras.layers.Dense(3, name="logits")]
    network = keras.Sequential([keras.Input((size, size, channels)), *layers])
    random = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign(random.normal(0, 1 / max(1, np.prod(weight.shape[:-1])) ** 0.5, weight.shape))
        if weight.name == "bias":
            weight.assign(np.zeros(weight.shape) if bias is None else np.full(weight.shape, bias))
    return KerasModel(network, class_names=class_names, **options)


@pytest.fixture(scope="module")
def model():
    return build()


def programs(model):
    return list(model.folded.cached("render", dict).values())


def traces(model):
    return sum(program.traces() for program in programs(model))


def unit(number, width=8):
    return np.eye(width, dtype=np.float32)[number]


OBJECTIVES = {
    "channel": channel("conv2", 1),
    "shorthand": "conv2:1",
    "neuron": neuron("conv2", 1),
    "neuron at": neuron("conv2", 1, x=2, y=5),
    "direction": direction("conv2", unit(1) - unit(2)),
    "direction, cosine": direction("conv2", unit(1), cossim_pow=2),
    "direction_neuron": direction_neuron("conv2", unit(1), cossim_pow=1),
    "tensor_direction": tensor_direction("conv2", np.ones((3, 2, 8))),
    "deepdream": deepdream("conv2"),
    "class": class_logit("dog"),
    "class index": class_logit(1),
    "negative": -channel("conv2", 1),
    "dense layer": channel("pool", 2),
    "dot_compare": dot_compare("conv2", REAL, cossim_pow=1),
    "content": -activation_difference("conv2", REAL),
    "style": -activation_difference(["conv1", "conv2"], REAL, gram=True),
    "tv": channel("conv2", 1) - 1e-4 * total_variation(),
    "l1": channel("conv2", 1) - 1e-4 * l1(constant=0.5),
    "l2": channel("conv2", 1) - 1e-3 * l2(),
    "blur": channel("conv2", 1) - 1e-3 * blur_input(),
    "boundary": channel("conv2", 1) - 1e-3 * boundary_complexity(3),
    "input_diff": channel("conv2", 1) - 1e-3 * input_diff(REAL),
    "saturation": channel("conv2", 1) * (1 - 0.5 * saturation()),
    "schedules": channel("conv2", 1) - decay(2) * only_after(1) * 1e-3 * l1(),
    "own": lambda T: tf.reduce_max(T("conv1"), [1, 2, 3]),
    "own scalar of two layers": lambda T: tf.reduce_mean(T("conv1")) + tf.reduce_mean(T("conv2")),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_climbs_in_three_steps(model, name):
    rendering = render(model, OBJECTIVES[name], steps=4, transforms=(), retries=0)
    assert rendering.losses[3, 0] < rendering.losses[0, 0]
    assert np.isfinite(rendering.images).all()


@pytest.mark.parametrize(
    "objective", [channel_interpolate("conv1", 1, "conv2", 2), channel("conv2", 1) - 0.1 * diversity("conv2"),
                  channel("conv2", 1) - 0.1 * alignment("conv2")]
)  # fmt: skip
def test_objectives_of_several_pictures_climb(model, objective):
    rendering = render(model, objective, count=3, steps=4, transforms=(), retries=0)
    assert rendering.losses[3].sum() < rendering.losses[0].sum()
    assert len(rendering) == 3


def test_alpha_objectives_climb(model):
    clear = channel("conv2", 1) * (1 - mean_alpha()) - 1e-3 * blur_alpha()
    rendering = render(model, clear, param=Fourier(alpha=True), steps=6, retries=0)
    assert rendering.images.shape == (1, SIZE, SIZE, 4)
    assert rendering.images[..., 3].mean() < 0.5


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_alpha_is_beside_any_number_of_channels(bands):
    model = open_model(keras.Sequential([keras.Input((8, 8, bands)), L.Conv2D(4, 3, name="conv")]))
    clear = channel("conv", 1) * (1 - mean_alpha())
    assert render(model, clear, param=Fourier(alpha=True), steps=1, retries=0).images.shape == (1, 8, 8, bands + 1)
    with pytest.raises(ValueError, match=f"pictures with alpha, got {bands} channels"):
        render(model, clear, steps=1)
    with pytest.raises(ValueError, match=f"the network takes {bands} channels, without alpha: begin your transforms"):
        render(model, "conv:1", param=Fourier(alpha=True), transforms=(), steps=1)
    own = open_model(model.model, preprocess=lambda x: x[..., :bands] * x[..., -1:] if x.shape[-1] > bands else x)
    assert render(own, "conv:1", param=Fourier(alpha=True), transforms=(), steps=1, retries=0).status == ("ok",)


@pytest.mark.parametrize("pooling", [L.GlobalAveragePooling2D, L.MaxPooling2D])
def test_a_silent_unit_is_seen_behind_pooling(pooling):
    below = keras.initializers.Constant(-5)
    silu = L.Conv2D(5, 1, activation="silu", kernel_initializer="ones", bias_initializer=below)
    model = open_model(keras.Sequential([keras.Input((8, 8, 3)), silu, pooling(name="pool")]))
    drawn = render(model, "pool:2", steps=8, retries=0)
    assert render(model, "pool:2", steps=0).activations[0] < drawn.activations[0] < 0
    assert drawn.status[0].startswith("did not activate")


def test_many_silent_units_do_not_hide_an_active_one():
    conv = L.Conv2D(64, 3, activation="silu", name="conv")
    conv.build((None, 16, 16, 3))
    conv.bias.assign([0.0] * 8 + [-1.5] * 56)
    model = open_model(keras.Sequential([keras.Input((16, 16, 3)), conv]))
    drawn = render(model, direction("conv", np.ones(64)), steps=16, retries=0)
    assert drawn.activations[0] < 0
    assert drawn.status == ("ok",)


def test_what_a_picture_with_alpha_reaches_is_seen_on_one_background(model):
    param = Fourier(alpha=True)
    start = render(model, "conv2:1", param=param, steps=0)
    later = dataclasses.replace(start, state=dataclasses.replace(start.state, step=5))
    assert render(model, "conv2:1", init=later, steps=0).activations == start.activations
    drawn = [render(model, "conv2:1", param=param, steps=steps, retries=0) for steps in (8, 12, 20)]
    assert [rendering.status for rendering in drawn] == [("ok",)] * 3


@pytest.mark.parametrize("unit", [channel("dense", 2), direction("dense", np.eye(5)[2])], ids=str)
@pytest.mark.parametrize(("activation", "status"), [(None, "ok"), ("silu", "did not activate")])
def test_a_layer_below_zero_is_judged_by_noise_unless_it_is_silent_there(unit, activation, status):
    # noise is where SiLU is lowest, so that each way out is a climb
    dense = L.Dense(5, activation, name="dense", kernel_initializer="ones")
    dense.build((None, 12))
    dense.bias.assign([-6 - 1.28] * 5)
    model = open_model(keras.Sequential([keras.Input((2, 2, 3)), L.Flatten(), dense]))
    drawn = render(model, unit, steps=4, retries=0, transforms=())
    assert render(model, unit, steps=0).activations[0] < drawn.activations[0] < -0.1
    assert drawn.status[0].startswith(status)


@pytest.mark.parametrize("param", [Pixel(), Fourier(), Pyramid(), Shared(), Cppn(depth=2), Maco()], ids=repr)
def test_every_parameterization_climbs(model, param):
    rendering = render(model, "conv2:1", param=param, steps=8, transforms=(), retries=0)
    assert rendering.losses[7, 0] < rendering.losses[0, 0]


def test_result_has_its_shapes(model):
    rendering = render(model, ["conv2:1", class_logit("owl")], steps=3, snapshots=(1, 3), retries=0)
    assert rendering.images.shape == (2, SIZE, SIZE, 3)
    assert rendering.images.dtype == np.float32
    assert 0 <= rendering.images.min() <= rendering.images.max() <= 1
    assert rendering.activations.shape == (2,)
    assert rendering.losses.shape == (3, 2)
    assert rendering.names == ("conv2:1", "class_logit('owl')")
    assert list(rendering.snapshots) == [1, 3]
    np.testing.assert_array_equal(rendering.snapshots[3], rendering.images)
    assert (rendering.seed, rendering.seeds, len(rendering.status)) == (0, (0, 0), 2)
    assert rendering.seconds > 0


def test_activation_is_what_the_model_says_of_the_clean_picture(model):
    rendering = render(model, [channel("conv2", 1) - 1e-3 * l1(), "conv2:5"], steps=5)
    acts = model.run(rendering.images, ["conv2"])["conv2"].numpy().mean((1, 2))
    np.testing.assert_allclose(rendering.activations, [acts[0, 1], acts[1, 5]], rtol=1e-4)


def test_first_loss_is_the_objective_of_the_start(model):
    rendering = render(model, "conv2:1", init=REAL[None], transforms=(), steps=1, retries=0)
    acts = model.run(np.clip(REAL, 0.002, 0.998)[None], ["conv2"])["conv2"].numpy()
    assert rendering.losses[0, 0] == pytest.approx(-acts[..., 1].mean(), rel=1e-3)


def test_other_units_trace_nothing():
    model = build()
    render(model, ["conv2:1", "conv2:2"], steps=2)
    assert traces(model) == 1
    render(model, "conv2:5", steps=3, seed=4, learning_rate=0.1)
    before = traces(model)
    assert before == 2  # a single picture is compiled for itself
    render(model, "conv2:1", steps=2, retries=0)
    render(model, ["conv2:2", "conv2:3"], steps=2, retries=0)
    render(model, Directions("conv2", unit([1, 2])), steps=2)  # another structure: a vector in place of an index
    assert len(programs(model)) == 2
    with_vectors = traces(model)
    render(model, Directions("conv2", np.ones((3, 8)) + unit([4, 5, 6])), steps=2)
    render(model, [class_logit("cat"), class_logit("dog")], steps=2, retries=0)
    after_logits = traces(model)
    render(model, [class_logit("dog"), class_logit(2)], steps=2, retries=0)
    assert programs(model)[0].traces() == before
    assert programs(model)[1].traces() == with_vectors - before
    assert traces(model) == after_logits


def test_penalty_weights_trace_nothing():
    model = build()
    render(model, channel("conv2", 1) - 0.1 * total_variation(), steps=1, retries=0)
    before = traces(model)
    render(model, channel("conv2", 2) - 0.2 * total_variation(), steps=1, retries=0)
    assert traces(model) == before


def test_an_objective_may_ask_for_other_layers_another_time():
    blocks = [layer for name in "ab" for layer in (L.Conv2D(4, 3), L.BatchNormalization(name=name))]
    model = open_model(keras.Sequential([keras.Input((SIZE, SIZE, 3)), *blocks]))

    def own(T):
        return tf.reduce_mean(T("a" if T("input").shape[0] == 1 else "b"), [1, 2, 3])

    first = render(model, own, steps=2, retries=0)
    render(model, [own, own], steps=2, retries=0)
    np.testing.assert_allclose(render(model, own, steps=2, retries=0).images, first.images, atol=1e-5)


def test_weights_of_a_folded_network_are_read_once_and_let_go(monkeypatch):
    layers = [L.Conv2D(4, 3, name="conv"), L.BatchNormalization(name="norm"), L.ReLU(name="relu")]
    network = keras.Sequential([keras.Input((SIZE, SIZE, 3)), *layers])
    model = open_model(network)
    read, held = KerasModel.folded_weights, []

    def keep(self, fetch):
        weights = read(self, fetch)
        held.append(weakref.ref(weights["conv"][0]))
        return weights

    monkeypatch.setattr(KerasModel, "folded_weights", keep)
    render(model, ["relu:1", "relu:2", "norm:1"], steps=2, batch_size=1, retries=0)
    gc.collect()
    assert len(programs(model)) == 2
    assert len(held) == 2  # for each layer, whatever the number of pictures and steps
    assert [one() for one in held] == [None, None]
    before, traced = render(model, "relu:1", steps=0).activations, traces(model)
    network.layers[0].kernel.assign(2.0 * network.layers[0].kernel)
    np.testing.assert_allclose(render(model, "relu:1", steps=0).activations, 2.0 * before, rtol=1e-5)
    assert traces(model) == traced


@pytest.mark.parametrize("change", ["lora", "activation"])
def test_layers_that_change_between_two_renders(change):
    layers = [L.Conv2D(4, 3, name="conv"), L.BatchNormalization(name="norm"), L.ReLU(name="relu")]
    network = keras.Sequential([keras.Input((SIZE, SIZE, 3)), *layers])
    model = open_model(network)
    render(model, "relu:1", steps=1, retries=0)
    if change == "lora":
        network.layers[0].enable_lora(2)
        network.layers[0].lora_kernel_b.assign(tf.ones_like(network.layers[0].lora_kernel_b))
    else:
        network.layers[0].activation = keras.activations.exponential
    got = render(model, "relu:1", steps=1, retries=0)
    expected = render(open_model(network), "relu:1", steps=1, retries=0)
    np.testing.assert_allclose(got.activations, expected.activations, rtol=1e-4)


def test_own_functions_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(RENDER, "_KEPT", 2)
    model = build()
    seen, graphs = [], []
    for scale in range(4):
        own = lambda T, scale=scale: tf.reduce_mean(T("conv1"), [1, 2, 3]) * scale  # noqa: E731
        seen.append(weakref.ref(own))
        render(model, own, steps=0)
        graphs.append(weakref.ref(programs(model)[-1]._steps["step", True].concrete.graph))
    assert len(programs(model)) == 2
    del own
    gc.collect()
    for refs in (seen, graphs):
        assert [ref() is not None for ref in refs] == [False, False, True, True]


def test_a_picture_is_the_same_alone_and_in_company(model):
    options = {"steps": 6, "param": Pixel(), "optimizer": SGD(), "learning_rate": 1.0}
    company = render(model, ["conv2:1", "conv1:2", "conv2:4"], **options)
    for index, text in enumerate(["conv2:1", "conv1:2", "conv2:4"]):
        np.testing.assert_allclose(company.images[index], render(model, text, **options).images[0], atol=1e-4)
    in_twos = render(model, ["conv2:1", "conv1:2", "conv2:4"], batch_size=1, **options)
    np.testing.assert_allclose(in_twos.images, company.images, atol=1e-4)
    assert in_twos.names == company.names


def test_directions_are_rendered_like_channels(model):
    options = {"steps": 6, "param": Pixel(), "optimizer": SGD(), "learning_rate": 1.0}
    rows = Directions.from_channels("conv2", [1, 4], 8)
    by_rows, by_channels = render(model, rows, **options), render(model, ["conv2:1", "conv2:4"], **options)
    np.testing.assert_allclose(by_rows.images, by_channels.images, atol=1e-4)
    assert by_rows.names == ("channel 1", "channel 4")
    listed = render(model, from_directions(rows), **options)
    np.testing.assert_array_equal(listed.images, by_rows.images)


def test_the_seed_reproduces(model):
    one, two, other = (render(model, "conv2:1", steps=4, seed=seed).images for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, two)
    assert not np.allclose(one, other, atol=0.01)


def test_global_random_state_is_left_alone(model):
    np.random.seed(1)  # noqa: NPY002
    tf.random.set_seed(1)
    expected = np.random.random(), tf.random.uniform([]).numpy()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    tf.random.set_seed(1)
    render(model, "conv2:1", steps=2)
    assert (np.random.random(), tf.random.uniform([]).numpy()) == expected  # noqa: NPY002


def test_going_on_is_as_if_it_had_not_stopped(model):
    whole = render(model, ["conv2:1", "conv2:2"], steps=7)
    half = render(model, ["conv2:1", "conv2:2"], steps=3)
    rest = render(model, ["conv2:1", "conv2:2"], steps=4, init=half)
    np.testing.assert_array_equal(rest.images, whole.images)
    assert rest.state.step == 7
    np.testing.assert_array_equal(rest.losses, whole.losses[3:])


def test_no_steps_return_the_start(model):
    np.testing.assert_allclose(render(model, "conv2:1", steps=0, init=REAL[None]).images[0], REAL, atol=0.003)


@pytest.mark.parametrize("param", [Fourier(), Pixel(), Pyramid()], ids=repr)
def test_starting_from_a_picture_stays_near_it(model, param):
    rendering = render(model, ["conv2:1", "conv2:2"], init=REAL[None], param=param, steps=1, learning_rate=1e-3)
    assert np.abs(rendering.images - REAL).mean() < 0.02


def test_count_makes_facets(model):
    options = {"count": 3, "steps": 12, "transforms": ()}
    different = render(model, channel("conv2", 1) - 1e3 * diversity("conv1"), **options)
    alike = render(model, channel("conv2", 1), **options)

    def likeness(images):
        a = model.run(images, ["conv1"])["conv1"].numpy()
        gram = np.einsum("nhwc,nhwd->ncd", a, a).reshape(3, -1)
        gram /= np.linalg.norm(gram, axis=1, keepdims=True)
        return (gram @ gram.T).sum()

    assert 9 - likeness(different.images) > 2 * (9 - likeness(alike.images))


def test_scalars_belong_to_one_objective_each(model):
    @objective
    def total(T, layer, sign):
        return tf.reduce_mean(sign * tf.reduce_mean(T(layer), [1, 2, 3]))

    rendering = render(model, [total("conv2", 1.0), total("conv2", -1.0)], count=2, steps=6, transforms=(), retries=0)
    a = model.run(rendering.images, ["conv2"])["conv2"].numpy().mean((1, 2, 3))
    expected = [a[:2].mean()] * 2 + [-a[2:].mean()] * 2
    np.testing.assert_allclose(rendering.activations, expected, rtol=1e-3)
    assert a[:2].min() > a[2:].max()


def test_shared_parts_keep_pictures_together(model):
    together = render(
        model, [channel("conv2", n) for n in range(4)], param=Shared(parts=((1, 2), (1, 4))), steps=8, retries=0
    )
    apart = render(model, [channel("conv2", n) for n in range(4)], steps=8, retries=0)
    assert together.images.std(0).mean() < apart.images.std(0).mean()
    again = render(model, [channel("conv2", n) for n in range(4)], init=together, steps=1, retries=0)
    assert again.state.step == 9
    with pytest.raises(ValueError, match="one structure"):
        render(model, ["conv1:1", "conv2:1"], param=Shared())


def test_pictures_that_share_variables_may_be_another_number_next_time(model):
    param = Shared(parts=((1, 2),))
    for number in (3, 2, 3):
        rendering = render(model, [channel("conv2", n) for n in range(number)], param=param, steps=1, retries=0)
        assert len(rendering) == number


def test_a_layer_that_an_objective_does_not_declare_costs_one_trace_all_the_same():
    model = build()
    render(model, lambda T: tf.reduce_mean(T("conv2"), [1, 2, 3]) + tf.reduce_mean(T("conv1"), [1, 2, 3]), steps=2)
    assert traces(model) == 1


def test_a_cppn_can_be_drawn_larger(model):
    state = render(model, "conv2:1", param=Cppn(depth=2), transforms=(), steps=2).state
    assert state.param.image(state.variables, (40, 50, 3)).shape == (1, 40, 50, 3)


@pytest.mark.parametrize(("channels", "size"), [(1, 8), (5, 9)])
def test_grey_and_many_channels(channels, size):
    rendering = render(build(channels, size), "conv2:1", steps=3, retries=0)
    assert rendering.images.shape == (1, size, size, channels)


def test_another_size_than_the_networks(model):
    rendering = render(model, "conv2:1", size=(10, 12), steps=3)
    assert rendering.images.shape == (1, 10, 12, 3)
    assert rendering.losses[-1, 0] < rendering.losses[0, 0]


def test_fully_convolutional_networks_take_any_size():
    model = build(size=None, head=False)
    assert render(model, "conv2:1", steps=2, retries=0).images.shape == (1, 128, 128, 3)
    assert render(model, "conv2:1", steps=2, size=20, retries=0).images.shape == (1, 20, 20, 3)
    assert render(model, "conv2:1", steps=2, init=REAL[None], retries=0).images.shape == (1, SIZE, SIZE, 3)
    with pytest.raises(ValueError, match=r"columns 0\.\.9, got 12"):
        render(model, neuron("conv2", 1, x=12), steps=2, size=20)


def test_half_precision_networks():
    model = build(dtype="mixed_float16")
    rendering = render(model, "conv2:1", steps=6, transforms=(), retries=0)
    assert rendering.activations.dtype == np.float32
    assert rendering.losses[5, 0] < rendering.losses[0, 0]


def test_preprocess_is_the_models():
    plain, scaled = build(), build(preprocess=lambda x: x * 2 - 1)
    one, two = (render(m, "conv2:1", steps=0).activations for m in (plain, scaled))
    assert not np.allclose(one, two)


def test_weights_are_live():
    model = build()
    before = render(model, "conv2:1", steps=0).activations
    model.model.get_layer("conv2").kernel.assign(-model.model.get_layer("conv2").kernel)
    assert not np.allclose(render(model, "conv2:1", steps=0).activations, before)
    assert traces(model) == 1


def silent_model(dead=()):
    """Return a network of which several units are silent for grey noise, and those of `dead` for every picture."""
    model = build()
    model.model.get_layer("conv2").bias.assign([-1000.0 if n in dead else -0.1 for n in range(8)])
    return model


def test_silent_units_are_woken_up(monkeypatch):
    model = silent_model()
    everything = [channel("conv2", n) for n in range(8)]
    start = render(model, everything, steps=0).activations
    silent = np.flatnonzero(start == 0)
    assert 0 < len(silent) < 8
    options = {"steps": 80, "transforms": (), "retries": 0}
    woken = render(model, everything, **options)
    assert (woken.activations[silent] > 0.01).any()
    monkeypatch.setattr("tf_interp.features.renderer.activation.LIMIT", 0)
    without = render(model, everything, **options)
    assert (without.activations[silent] == 0).all()
    assert all(status.startswith("did not activate") for status in np.array(without.status)[silent])


@pytest.mark.parametrize("steps", [40, 100])
def test_a_nearly_silent_unit_does_not_depend_on_its_neighbors(steps):
    """One that is active at first, and silent where it is looked at again for a silent neighbor; and a dead one."""
    network = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(3, 1, activation="relu", name="conv")])
    kernel = np.zeros((1, 1, 3, 3), np.float32)
    kernel[0, 0] = [[1, 1, 1], [1, -1, 0], [1, 1, 0]]
    network.layers[0].set_weights([kernel, np.array([-1.51, -2.0, -0.3], np.float32)])
    model = open_model(network)

    def flicker(images, seed):  # dark for a while, in which it is looked at who is silent
        step = seed[1] % (1 << 20)
        return images * tf.where((step >= 16) & (step < 30), 0.1, 1.0)

    options = {"steps": steps, "transforms": (flicker,), "retries": 0, "init": np.full((1, 8, 8, 3), 0.55, np.float32)}
    units = ["conv:0", "conv:1", "conv:2"]
    together = render(model, units, **options)
    for row, unit in enumerate(units):
        alone = render(model, unit, **options)
        assert alone.status == together.status[row : row + 1]
        np.testing.assert_allclose(alone.images[0], together.images[row], atol=1e-4)
        np.testing.assert_allclose(alone.losses[:, 0], together.losses[:, row], atol=1e-4)


def build_stuck(activation, kind, folder):
    """Return a network of which every unit begins far below where its activation function rises."""
    layers = [L.Conv2D(6, 1, name="conv"), L.Activation(activation, name="act")]
    network = keras.Sequential([keras.Input((24, 24, 3)), *layers, L.GlobalAveragePooling2D(), L.Dense(2)])
    colors = [[1, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]]
    kernel = 4.0 * np.array(colors, np.float32).T
    network.layers[0].set_weights([kernel[None, None], -kernel.sum(0) / 2 - 3.0])  # -3 for grey, at most 3
    if kind == "keras":
        return open_model(network)
    network.export(folder, verbose=False)
    return open_model(folder, trust=True)


@pytest.mark.parametrize("kind", ["keras", "saved"])
@pytest.mark.parametrize("activation", ["relu", "relu6", "silu", "gelu", "hard_silu"])
def test_stuck_units_of_any_activation_are_woken_up_in_any_model(activation, kind, tmp_path, monkeypatch):
    model = build_stuck(activation, kind, tmp_path / "saved")
    options = {"steps": 70, "transforms": (), "retries": 0, "param": Pixel(decorrelate=False)}
    everything = [channel("act", n) for n in range(6)]
    assert (render(model, everything, **{**options, "steps": 0}).activations <= 0).all()
    woken = render(model, everything, **options)
    monkeypatch.setattr("tf_interp.features.renderer.activation.LIMIT", 0)
    monkeypatch.setattr(silent_units, "find_gates", lambda layers: [])
    model.folded.cached("render", dict).clear()
    without = render(model, everything, **options)
    assert (woken.activations > 0.5).all()
    assert woken.status == ("ok",) * 6
    assert (without.activations <= 0).all()


def test_redirection_is_compiled_for_silent_units_only():
    model = silent_model()
    alive = int(render(model, [channel("conv2", n) for n in range(8)], steps=0).activations.argmax())
    render(model, channel("conv2", alive), steps=2, retries=0)
    before = traces(model)
    render(model, "conv2:0", steps=2, retries=0)
    assert traces(model) == before + 1


def test_a_dead_unit_is_said_to_be_dead():
    model = silent_model(dead=[0])
    company = render(model, ["conv2:2", "conv2:0"], steps=70, retries=1)
    assert company.status == ("ok", "did not activate: 0 after 64 steps, 0 for noise (2 seeds tried)")
    alone = render(model, "conv2:0", steps=200, retries=1, snapshots=(100,))
    assert alone.status == ("did not activate: 0 after 64 steps, 0 for noise (2 seeds tried)",)
    assert np.isnan(alone.losses[64:]).all()
    np.testing.assert_array_equal(alone.snapshots[100], alone.images)


def test_a_failed_picture_is_tried_with_another_seed(model, monkeypatch):
    run = RENDER._Job._run
    seen = []

    def fail_first(self, program, objectives, state, seed, floor):
        result = run(self, program, objectives, state, seed, floor)
        seen.append((seed, [str(item) for item in objectives]))
        if seed == 7:
            return dataclasses.replace(result, status=("ok", "became NaN within 3 steps", "ok"))
        return result

    monkeypatch.setattr(RENDER._Job, "_run", fail_first)
    rendering = render(model, ["conv2:1", "conv2:2", "conv2:4"], steps=3, seed=7)
    assert seen == [(7, ["conv2:1", "conv2:2", "conv2:4"]), (8, ["conv2:2"])]
    assert rendering.status == ("ok", "ok", "ok")
    assert rendering.seeds == (7, 8, 7)
    monkeypatch.undo()
    other = render(model, "conv2:2", steps=3, seed=8)
    np.testing.assert_allclose(rendering.images[1], other.images[0], atol=0.2)


def test_nan_is_said_and_not_shown(model):
    rendering = render(model, lambda T: tf.math.log(-1 - tf.reduce_mean(T("conv2"), [1, 2, 3])), steps=3, retries=1)
    assert rendering.status == ("became NaN within 3 steps (2 seeds tried)",)
    assert np.isfinite(rendering.images).all()


def test_a_whole_number_where_a_float_is_needed_is_explained(model):
    @objective
    def redness(T, weight):
        return weight * tf.reduce_mean(T("input")[..., 0], [1, 2])

    assert render(model, redness(2.0), steps=1, retries=0).status == ("ok",)
    with pytest.raises(TypeError, match=r"redness\(2\): .*\(as int32 came weight: write floats with a point"):
        render(model, redness(2), steps=1)

    @objective
    def broken(T, n):
        return len(T("input"), n)

    with pytest.raises(TypeError, match=r"exactly one argument \(2 given\)$"):
        render(model, broken(1), steps=1)


def test_pictures_that_are_all_lost_are_not_drawn_to_the_end(model):
    def lost(T):
        lost_by = tf.constant([10.0, 90.0])  # steps; of the second picture, none within 64
        return tf.reduce_mean(T("conv2"), [1, 2, 3]) * tf.where(T.step < lost_by, 1.0, np.nan)

    rendering = render(model, lost, count=2, steps=64, retries=0)
    assert rendering.status == ("became NaN within 64 steps", "ok")
    assert np.isfinite(rendering.losses[:, 1]).all()
    rendering = render(model, lost, count=2, steps=200, retries=0, snapshots=(50, 180))
    assert rendering.status == ("became NaN within 96 steps",) * 2
    assert np.isnan(rendering.losses[96:]).all()
    assert [snapshot.shape for snapshot in rendering.snapshots.values()] == [rendering.images.shape] * 2
    assert all(np.isfinite(snapshot).all() for snapshot in rendering.snapshots.values())


def test_ctrl_c_returns_what_there_is(model, monkeypatch):
    ticks = []

    def stop(done):
        ticks.append(1)
        if len(ticks) == 5:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def bar(shown, total, unit):
        assert (total, unit) == (20, "steps")
        yield stop

    monkeypatch.setattr(RENDER, "progress_bar", bar)
    rendering = render(model, ["conv2:1", "conv1:1"], steps=10)
    assert rendering.status == ("stopped after 5 of 10 steps", "stopped after 0 of 10 steps")
    assert rendering.images.shape == (2, SIZE, SIZE, 3)
    assert np.isfinite(rendering.losses[:5, 0]).all()
    assert np.isnan(rendering.losses[5:, 0]).all()
    monkeypatch.undo()
    np.testing.assert_array_equal(rendering.images[0], render(model, "conv2:1", steps=5).images[0])


def test_progress_is_shown_on_request(model, capsys):
    render(model, "conv2:1", steps=2)
    assert capsys.readouterr().out == ""
    render(model, "conv2:1", steps=2, progress=True)
    assert capsys.readouterr().out != ""


def test_normalized_gradients_change_nothing_for_adam_but_the_scale(model):
    plain = render(model, "conv2:1", steps=2, transforms=(), param=Pixel(), optimizer=SGD(), learning_rate=0.5)
    unit_step = render(
        model,
        "conv2:1",
        steps=2,
        transforms=(NormalizeGradient(),),
        param=Pixel(sd=0),
        optimizer=SGD(),
        learning_rate=0.5,
    )
    assert np.linalg.norm(unit_step.images - 0.5) > np.linalg.norm(plain.images - 0.5)


def test_the_network_is_left_as_it_was(model):
    weights = [w.copy() for w in model.model.get_weights()]
    before = {layer.name: set(layer.__dict__) for layer in model.model.layers}
    render(model, class_logit(1), steps=2)
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.model.get_weights(), strict=True))
    assert {layer.name: set(layer.__dict__) for layer in model.model.layers} == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: render(m, "conv3:1"), "no layer 'conv3'; did you mean"),
        (lambda m: render(m, "conv2:8"), r"channels 0\.\.7, got 8"),
        (lambda m: render(m, "logits:3"), r"channels 0\.\.2, got 3"),
        (lambda m: render(m, neuron("conv2", 1, x=8)), r"columns 0\.\.7, got 8"),
        (lambda m: render(m, neuron("conv2", 1, y=9)), r"rows 0\.\.7, got 9"),
        (lambda m: render(m, direction("conv2", [1.0, 2.0])), "2 numbers, but layer 'conv2' has 8 channels"),
        (lambda m: render(m, tensor_direction("conv2", np.ones((9, 1, 8)))), r"rows 0\.\.7"),
        (lambda m: render(m, class_logit("dgo")), "did you mean"),
        (lambda m: render(m, class_logit(3)), "outside the 3 logits"),
        (lambda m: render(m, channel("conv2", 1) - total_variation("conv9")), "no layer 'conv9'"),
        (lambda m: render(m, lambda T: tf.reduce_mean(T("conv9"))), "no layer 'conv9'"),
        (lambda m: render(m, []), "at least one objective"),
        (lambda m: render(m, "conv2:1", steps=-1), "steps must be 0 or more, got -1"),
        (lambda m: render(m, "conv2:1", param=Pyramid(levels=0)), "1 level or more, got levels=0"),
        (lambda m: render(m, channel("conv2", 1) - input_diff(REAL[:8, :8])), r"a picture \[8, 8, 3\], but pictures"),
        (lambda m: dream(m, REAL[..., :2], "conv2"), "image has 2 channels, but the network takes 3"),
        (lambda m: caricature(m, np.dstack([REAL, REAL[..., :1]]), "conv2"), "image has 4 channels"),
        (lambda m: render(m, "conv2:1", seed=-1), "seed"),
        (lambda m: render(m, "conv2:1", count=0), "count"),
        (lambda m: render(m, "conv2:1", size=0), "size"),
        (lambda m: render(m, "conv2:1", init=np.zeros((2, SIZE, SIZE, 3))), "1 or 1 images"),
        (lambda m: render(m, "conv2:1", init=np.full((1, SIZE, SIZE, 3), 255.0)), r"\[0,1\]"),
        (lambda m: render(m, ["conv2:1", "conv2:2"], init=render(m, "conv2:1", steps=0)), "this call makes 2"),
        (lambda m: render(m, "conv2:1", init=REAL[None], param=Cppn()), "cannot start from a picture"),
        (lambda m: render(m, lambda T: tf.constant([1.0])), "does not depend on the pictures"),
    ],
)
def test_bad_values_are_said_in_plain_words(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: render(m.model, "conv2:1"), "open_model"),
        (lambda m: render(m, 3), "expected an Objective"),
        (lambda m: render(m, "conv2:1", transforms=Rotate((5,))), "list of functions"),
        (lambda m: render(m, "conv2:1", param=Fourier), "such as"),
    ],
)
def test_wrong_kinds_are_said_in_plain_words(model, call, message):
    with pytest.raises(TypeError, match=message):
        call(model)


def test_threads_may_begin_together():
    model = build()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(render, model, f"conv2:{n}", steps=2, retries=0) for n in range(8)]
        together = [call.result() for call in calls]
    assert traces(model) <= 2  # the second one where a unit was silent
    for n, rendering in enumerate(together):
        np.testing.assert_allclose(rendering.images, render(model, f"conv2:{n}", steps=2, retries=0).images, atol=1e-4)


def test_a_silent_unit_behind_a_loop_in_a_saved_model_is_said_to_be_dead(tmp_path):
    layers = [L.Reshape((8, 24)), L.GRU(5, return_sequences=True), L.Conv1D(4, 3, activation="relu", name="end")]
    network = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    network.get_layer("end").bias.assign([-50.0] * 4)
    network.export(tmp_path / "saved", verbose=False)
    rendering = render(open_model(tmp_path / "saved", trust=True), "end:1", steps=3, retries=0)
    assert rendering.status[0].startswith("did not activate")


@pytest.mark.parametrize("activation", ["silu", "gelu"])
def test_waking_units_up_makes_no_picture_of_a_deep_sparse_network_worse(activation, monkeypatch):
    layers = [keras.Input((24, 24, 3))]
    for number, width in enumerate((8, 12, 12)):
        layers += [L.Conv2D(width, 3), L.BatchNormalization(), L.Activation(activation, name=f"act{number}")]
    network = keras.Sequential(layers)
    random = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, L.Conv2D):
            layer.kernel.assign(random.normal(0, 1.5 / np.prod(layer.kernel.shape[:-1]) ** 0.5, layer.kernel.shape))
        if isinstance(layer, L.BatchNormalization):
            layer.beta.assign(random.normal(-0.7, 0.5, layer.beta.shape))
    model, units = open_model(network), [channel("act2", n) for n in range(12)]
    options = {"steps": 100, "retries": 0, "transforms": ()}
    woken = render(model, units, **options).activations
    monkeypatch.setattr("tf_interp.features.renderer.activation.LIMIT", 0)
    monkeypatch.setattr(silent_units, "find_gates", lambda layers: [])
    model.folded.cached("render", dict).clear()
    plain = render(model, units, **options).activations
    assert (woken > 0).sum() >= (plain > 0).sum() > 0
    assert np.maximum(woken, 0).sum() >= 0.95 * np.maximum(plain, 0).sum()


def test_a_one_hot_direction_is_a_channel_in_a_network_of_gates():
    model = build(activation="silu", bias=-2.0)
    options = {"steps": 20, "retries": 0, "param": Pixel(), "transforms": ()}
    one, other = (render(model, item, **options) for item in (channel("conv2", 3), direction("conv2", unit(3))))
    np.testing.assert_allclose(one.images, other.images, atol=1e-3)
    np.testing.assert_allclose(one.activations, other.activations, rtol=1e-3)


def test_penalties_alone_are_what_counts():
    model = build()
    for item in (-input_diff(REAL), -2.0 * activation_difference("conv1", REAL)):
        rendering = render(model, item, steps=10, retries=3)
        assert rendering.status == ("ok",)
        assert rendering.seeds == (0,)
        assert rendering.activations[0] > render(model, item, steps=0).activations[0]


def test_another_try_starts_from_the_given_picture_too(monkeypatch):
    model = silent_model(dead=[0])
    rendering = render(model, "conv2:0", init=REAL[None], steps=1, retries=2)
    np.testing.assert_allclose(rendering.images[0], REAL, atol=0.1)
    assert rendering.status[0].startswith("did not activate")


def test_ctrl_c_while_something_is_compiled_keeps_what_was_finished(monkeypatch):
    model = build()
    trace = RENDER.Program._trace

    stopped = []

    def stop(self, *args):
        if "conv1" in str(self.objective):
            assert not stopped, "compiled again"
            stopped.append(self)
            raise KeyboardInterrupt
        return trace(self, *args)

    monkeypatch.setattr(RENDER.Program, "_trace", stop)
    rendering = render(model, ["conv2:1", "conv1:1", "logits:1"], steps=3, retries=0)
    assert rendering.status[:2] == ("ok", "stopped after 0 of 3 steps")
    assert rendering.status[2].startswith("stopped")
    assert np.isfinite(rendering.images).all()
    assert np.isnan(rendering.activations[1:]).all()


def test_status_of_a_sum_follows_its_parts():
    assert (2.0 * channel("a", 1) - 0.1 * total_variation()).silence_level == 0.0
    assert (channel("a", 1) / 3 + channel("b", 1)).silence_level == 0.0
    for unknown in (-channel("a", 1), channel("a", 1) + 3, 0.1 * total_variation()):
        assert unknown.silence_level is None
    assert (channel("a", 1) - channel("b", 1)).silence_level is None


def test_a_restarted_rendering_has_the_same_pictures_and_no_memory(model):
    rendering = render(model, ["conv2:1", "conv2:2"], steps=4, retries=0)
    again = rendering.restarted()
    np.testing.assert_array_equal(again.images, rendering.images)
    assert all((slot == 0).all() for slot in again.state.slots)
    assert any((slot != 0).any() for slot in rendering.state.slots)
    assert again.state.step == rendering.state.step == 4
    on = render(model, ["conv2:1", "conv2:2"], steps=4, init=again, retries=0)
    assert on.state.step == 8
    assert (on.activations > rendering.activations).all()
