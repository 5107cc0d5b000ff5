"""A file is there whole or not at all."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tf_interp.records.whole_file import replace_file


def test_threads_that_write_the_same_file_do_not_meet(tmp_path):
    place, barrier = tmp_path / "same", threading.Barrier(4, timeout=20)

    def write(number):
        def fill(file):
            barrier.wait()  # all have opened theirs
            file.write(bytes([number]) * 1000)
            barrier.wait()

        replace_file(place, fill)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    content = place.read_bytes()
    assert len(content) == 1000
    assert len(set(content)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["same"]


def test_an_error_leaves_no_file_beside_its_place(tmp_path):
    def fail(file):
        file.write(b"half")
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        replace_file(tmp_path / "one", fail)
    assert not list(tmp_path.iterdir())
