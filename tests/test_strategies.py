"""`find_strategies` on a network whose class is said in planted ways."""

import numpy as np
import pytest
from test_ablate_groups import make, make_groups, make_images

import tf_interp as ti

FEW = {"most": 3, "draws": 19, "alpha": 0.06}


def both(logits):
    """What red and green say together."""
    return logits[:, 0] + logits[:, 1]


@pytest.fixture(scope="module")
def planted():
    """Return a network, 40 pictures that are red or green, of which one is neither, and their groups."""
    rng = np.random.default_rng(0)
    model = make()
    levels = 0.05 + 0.03 * rng.random((40, 3))
    levels[:16, 0] += 0.6
    levels[16:, 1] += 0.4
    levels[7] = [0.05, 0.05, 0.95]
    images = np.clip(levels[:, None, None] + 0.01 * rng.random((40, 4, 4, 3)), 0, 1).astype(np.float32)
    return model, images, make_groups(model, images)


def test_two_planted_ways_and_one_picture_in_none(planted):
    model, images, groups = planted
    found = ti.find_strategies(model, images, groups, lambda y: both(y) - y[:, 2], **FEW)
    wanted = np.repeat([2, 1], [16, 24])
    wanted[7] = 0
    assert found.way.tolist() == wanted.tolist()
    part = images.mean((1, 2)) * [2, 3, 1]
    assert np.allclose(found.effects, part, atol=1e-5)
    assert np.allclose(found.centers[0], part[16:].mean(0), atol=1e-5)
    assert found.sentence() == "<lambda> is said in 2 ways (24, 15 pictures), this picture in none: 7"
    lines = found.explain().splitlines()
    assert lines[1].startswith(f"way 1 (24 pictures): green {part[16:, 1].mean():+.2g}, ")
    assert lines[3].startswith("picture 7: ")
    assert "adds" in lines[3]
    assert lines[4].startswith("2 ways stand out from one: silhouette 0.")
    table = found.to_dataframe()
    assert table.columns.tolist() == [
        "picture", "way", "reason", "effect of red", "effect of green", "effect of blue",
    ]  # fmt: skip
    assert table["reason"].notna().sum() == 1
    assert repr(found) == "Strategies('<lambda>', 2 ways, 1 of 40 pictures in none)"


def test_one_way_is_allowed(planted):
    model, images, groups = planted
    found = ti.find_strategies(model, images[16:], groups, both, **FEW)
    assert found.way.tolist() == [1] * 24
    assert found.sentence() == "both is said in 1 way"
    assert "do not stand out from one: silhouette" in found.explain()


def test_the_pictures_of_a_class_are_those_decided_or_labeled(planted):
    model, images, groups = planted
    decided = ti.find_strategies(model, images, groups, "red", **FEW)
    assert decided.pictures.tolist() == [row for row in range(16) if row != 7]
    labels = np.repeat([0, 2], [4, 36])
    labeled = ti.find_strategies(
        model, ti.Probe.from_arrays(images, labels=labels), groups, "red", pictures="labeled", **FEW
    )
    assert labeled.pictures.tolist() == [0, 1, 2, 3]
    assert "4 pictures are too few to look for several ways" in labeled.explain()
    assert ti.find_strategies(model, images, groups, "red", pictures="all", **FEW).pictures.tolist() == list(range(40))


def test_impossible_requests_are_refused(planted):
    model, images, groups = planted
    with pytest.raises(ValueError, match="none of these 24 pictures is taken by the network for 'red'"):
        ti.find_strategies(model, images[16:], groups, "red")
    with pytest.raises(ValueError, match="nothing is decided about 'both'"):
        ti.find_strategies(model, images, groups, both, pictures="decided")
    with pytest.raises(ValueError, match="a probe with labels"):
        ti.find_strategies(model, images, groups, "red", pictures="labeled")
    with pytest.raises(ValueError, match="pictures is one of"):
        ti.find_strategies(model, images, groups, "red", pictures="right")
    with pytest.raises(ValueError, match="smallest must be 2 or more, got 1"):
        ti.find_strategies(model, images, groups, "red", smallest=1)
    with pytest.raises(TypeError, match="find_strategies takes the result of find_groups, got Directions"):
        ti.find_strategies(model, make_images(), ti.Directions("parts", np.eye(3)), "red")
