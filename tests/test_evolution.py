"""The animation holds one frame per step, of the unit asked for."""

import numpy as np
import pytest
from PIL import Image

from tf_interp import Record, save_evolution, write


@pytest.fixture
def records():
    """Two units that become brighter over three steps, unit 7 always above unit 3."""

    def sheet(step):
        return np.concatenate([np.full((8, 8), 50 * step + 20 * unit, np.uint8) for unit in range(2)], axis=1)

    units = [
        {"channel": channel, "name": f"channel {channel}", "picture": index} for index, channel in enumerate((3, 7))
    ]
    data = {"units": units, "pictures": {"image": 0, "rows": 1, "columns": 2, "count": 2}}
    return [Record("features", "block/conv", step, "", data, [sheet(step)]) for step in range(3)]


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("unit", [7, "channel 7"])
def test_one_frame_per_step_of_the_unit_asked_for(records, tmp_path, suffix, unit):
    write(records, tmp_path / "logs")
    with Image.open(
        save_evolution(tmp_path / "logs", tmp_path / f"a{suffix}", layer="conv", unit=unit, side=32)
    ) as file:
        assert file.n_frames == 3
        assert file.size == (32, 32 + 18)
        for step in range(3):
            file.seek(step)
            assert abs(file.convert("L").getpixel((16, 16)) - (50 * step + 20)) <= 3


def test_all_units_stand_side_by_side(records, tmp_path):
    with Image.open(save_evolution(records, tmp_path / "a.webp", layer="block/conv", side=32)) as file:
        assert file.size == (64, 50)
        assert file.convert("L").getpixel((16, 16)) < file.convert("L").getpixel((48, 16))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "dense"}, "block/conv"),
        ({"layer": "conv", "unit": 4}, "channel 3"),
        ({"layer": "conv", "unit": "x"}, "channel 7"),
    ],
)
def test_a_wrong_name_lists_what_there_is(records, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        save_evolution(records, tmp_path / "a.gif", **options)


def test_several_runs_are_refused(records, tmp_path):
    for run in ("a", "b"):
        write(records, tmp_path / "logs" / run)
    with pytest.raises(ValueError, match=r"one run.*\['a', 'b'\]"):
        save_evolution(tmp_path / "logs", tmp_path / "a.gif", layer="conv")


def test_another_ending_is_refused_before_reading(tmp_path):
    with pytest.raises(ValueError, match=r"\.webp"):
        save_evolution("nowhere", tmp_path / "a.mp4", layer="conv")
