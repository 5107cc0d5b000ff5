"""Rendered units on disk: names that tell everything apart, files that are whole or not there."""

import dataclasses
import functools

import networks
import numpy as np
import pytest
import tensorflow as tf
from recipe_networks import open_small

from tf_interp.features import Adam, Fourier, channel, class_logit, objective, total_variation
from tf_interp.features.many.render_many import render_many
from tf_interp.features.many.unit_cache import RenderedUnit, UnitCache, describe, round_pictures
from tf_interp.features.transforms import Jitter

SETTINGS = {"steps": 4, "param": Fourier(), "optimizer": Adam(), "transforms": (Jitter(2),)}
UNIT = RenderedUnit(
    "conv:1", round_pictures(networks.pictures(2)), np.array([1.5, np.nan], np.float32), ("ok", "became NaN")
)


@pytest.fixture(scope="module")
def model():
    return open_small()


@dataclasses.dataclass(frozen=True)
class Setting:
    size: int


def scaled(factor):
    return lambda T: factor * tf.reduce_mean(T("conv"))


WEIGHT = 2.0


def weighted(T):
    return WEIGHT * tf.reduce_mean(T("conv"))


def test_equal_values_are_described_alike():
    assert describe({"b": 1, "a": np.arange(3)}) == describe({"a": np.arange(3), "b": 1})
    assert describe(Setting(1)) == describe(Setting(1))
    assert describe(scaled(2)) == describe(scaled(2))
    assert describe({"x", "y", "z"}) == describe({"z", "y", "x"})


DIFFERENT = [
    None, 0, 1, 1.0, "1", True, (1,), ((1,),), {"a": 1}, {"a": 2}, np.float32(1), np.int32(1), np.ones(2), np.zeros(2),
    np.ones((2, 1)), Setting(1), Setting(2), Jitter(1), Fourier(), Fourier(sd=0.02), Adam(), scaled(2), scaled(3),
    lambda T: T("conv"), lambda T: T("conv2"), lambda T, k=1: T("conv"), lambda T, k=2: T("conv"),
    lambda T: T("a") in {"x", "y", "z"}, lambda T: [T(n) for n in ("a", "b")], lambda T: [T(n) for n in ("a", "c")],
    functools.partial(scaled, 2), functools.partial(scaled, 3), weighted, tf.nn.relu, len, np.tanh, Setting,
]  # fmt: skip


def test_different_values_are_described_differently():
    texts = [describe(value) for value in DIFFERENT]
    assert len(set(texts)) == len(DIFFERENT)


def test_a_number_that_a_function_reads_from_its_module_counts(monkeypatch):
    before = describe(weighted)
    monkeypatch.setitem(globals(), "WEIGHT", 3.0)
    assert describe(weighted) != before


def test_what_cannot_be_told_apart_is_refused():
    with pytest.raises(TypeError, match="cannot tell one object from another"):
        describe({"a": [object()]})


def test_descriptions_hold_nothing_of_this_process():
    structures = [spec.structure() for spec in SPECS]
    for text in map(describe, [*DIFFERENT, *structures, SETTINGS]):
        assert " at 0x" not in text, "an address: the file would not be found again"
        assert "<code" not in text


@objective
def redness(T, weight):
    return weight * tf.reduce_mean(T("input")[..., 0], [1, 2])


SPECS = [
    channel("conv", 1) - 0.1 * total_variation(),
    channel("conv", 1),
    channel("conv", 2),
    channel("conv2", 1),
    channel("conv", 1) - 0.2 * total_variation(),
    class_logit("dog"),
    class_logit("owl"),
    redness(0.5),
    redness(0.6),
]


def test_every_objective_has_a_file_of_its_own(model, tmp_path):
    cache = UnitCache(tmp_path, model, SETTINGS)
    names = [cache.path(spec).name for spec in SPECS]
    assert len(set(names)) == len(SPECS)
    assert names[1].startswith("conv-1-")
    assert cache.path(class_logit(1)).stem.split("-")[-1] == cache.path(class_logit("dog")).stem.split("-")[-1]


def test_another_network_or_setting_is_another_file(model, tmp_path):
    names = {
        UnitCache(tmp_path, network, {**SETTINGS, **settings}).path(SPECS[0]).name
        for network, settings in [
            (model, {}),
            (model, {"steps": 5}),
            (model, {"param": Fourier(decay_power=1.5)}),
            (model, {"transforms": ()}),
            (open_small(seed=1), {}),
            (open_small(preprocess=lambda x: x - 0.5), {}),
            (open_small(preprocess=None), {}),
        ]
    }
    assert len(names) == 7
    assert UnitCache(tmp_path, open_small(), SETTINGS).path(SPECS[0]).name in names


def test_a_unit_comes_back_as_it_was(model, tmp_path):
    cache = UnitCache(tmp_path / "new" / "folder", model, SETTINGS)
    assert cache.read(SPECS[1]) is None
    cache.write(SPECS[1], UNIT)
    back = cache.read(SPECS[1])
    np.testing.assert_array_equal(back.images, UNIT.images)
    np.testing.assert_array_equal(back.activations, UNIT.activations)
    assert (back.name, back.status, back.ok) == (UNIT.name, UNIT.status, False)
    assert back.images.dtype == np.float32
    assert cache.read(SPECS[2]) is None
    assert [path.name for path in cache.folder.iterdir()] == [cache.path(SPECS[1]).name]


@pytest.mark.parametrize("shape", [(1, 4, 5, 1), (1, 4, 5, 4), (2, 4, 5, 7)])
def test_pictures_of_any_number_of_channels_are_kept(model, tmp_path, shape):
    images = round_pictures(np.random.default_rng(0).random(shape, np.float32))
    cache = UnitCache(tmp_path, model, SETTINGS)
    cache.write(SPECS[1], RenderedUnit("x", images, np.zeros(len(images), np.float32), ("ok",) * len(images)))
    np.testing.assert_array_equal(cache.read(SPECS[1]).images, images)


def damage(path, how):
    whole = path.read_bytes()
    if how == "other arrays":
        np.savez(path, images=np.zeros(3))
    elif how == "wrong shapes":
        np.savez(path, images=np.zeros((2, 4, 4, 3), np.uint8), activations=np.zeros(1), status=np.array('["ok"]'))
    elif how == "a picture file":
        path.write_bytes(b"\x89PNG\r\n" + whole)
    elif how == "a flipped byte":
        path.write_bytes(whole[:200] + bytes([whole[200] ^ 255]) + whole[201:])
    else:
        path.write_bytes(whole[: len(whole) // 2] if how == "half" else b"")


@pytest.mark.parametrize("how", ["half", "empty", "a flipped byte", "other arrays", "wrong shapes", "a picture file"])
def test_a_damaged_file_is_not_there(model, tmp_path, how):
    cache = UnitCache(tmp_path, model, SETTINGS)
    cache.write(SPECS[1], UNIT)
    damage(cache.path(SPECS[1]), how)
    assert cache.read(SPECS[1]) is None
    cache.write(SPECS[1], UNIT)
    assert cache.read(SPECS[1]).status == UNIT.status


def test_a_file_is_moved_to_its_place_when_it_is_whole(model, tmp_path, monkeypatch):
    cache = UnitCache(tmp_path, model, SETTINGS)
    cache.write(SPECS[1], UNIT)

    def stop(file, **arrays):
        file.write(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", stop)
    with pytest.raises(KeyboardInterrupt):
        cache.write(SPECS[1], UNIT)
    assert [path.name for path in tmp_path.iterdir()] == [cache.path(SPECS[1]).name]
    assert cache.read(SPECS[1]).status == UNIT.status


def test_a_file_in_place_of_the_folder_is_an_error(model, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(ValueError, match="must be a folder, found a file"):
        UnitCache(tmp_path / "taken", model, SETTINGS)


TABLE = np.arange(3.0)


def looks_up(T):
    return tf.reduce_mean([T("conv") * row for row in (lambda: TABLE)()])


def test_an_array_that_a_function_reads_from_its_module_counts(monkeypatch):
    before = describe(looks_up)
    monkeypatch.setitem(globals(), "TABLE", np.arange(3.0) + 1)
    assert describe(looks_up) != before


def test_pictures_of_other_weights_are_not_kept(tmp_path):
    model = open_small()
    units = render_many(model, ["conv2:1"], cache=tmp_path, steps=1, retries=0)
    model.model.get_layer("conv2").kernel.assign(-model.model.get_layer("conv2").kernel)
    assert len(list(units)) == 1
    assert not list(tmp_path.iterdir())


def test_weights_are_read_once_for_all_units_of_a_batch(tmp_path, monkeypatch):
    model, calls = open_small(), []
    digest = type(model).digest
    monkeypatch.setattr(type(model), "digest", lambda self: calls.append(1) or digest(self))
    list(render_many(model, [f"conv2:{unit}" for unit in range(4)], cache=tmp_path, steps=1, retries=0, batch_size=2))
    assert len(calls) == 1 + 2  # at the beginning, and after each batch
    assert len(list(tmp_path.iterdir())) == 4
