"""The checksum of event files: the same as TensorBoard's, for every length."""

import time

import numpy as np
import pytest
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from tf_interp.records.checksum import _crc32c, mask_crc32c

DATA = np.random.default_rng(0).bytes(5000)


@pytest.mark.parametrize(
    ("data", "crc"),
    [(b"", 0), (b"a", 0xC1D04330), (b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43)],
)
def test_published_values(data, crc):
    """Of RFC 3720, B.4, and of the catalogue of CRC algorithms."""
    assert _crc32c(data) == crc


@pytest.mark.parametrize("start", range(0, 80, 20))
def test_same_as_tensorboard_for_every_length(start):
    lengths = [*range(start, start + 20), *range(250 + start, 270 + start), 1024 + start, 4096 + start]
    for length in lengths:
        assert mask_crc32c(DATA[:length]) == masked_crc32c(DATA[:length]), length


def test_zeros_in_front_count():
    assert len({mask_crc32c(bytes(zeros) + b"abc") for zeros in range(600)}) == 600


def test_every_bit_counts():
    data = DATA[:700]
    flipped = {
        mask_crc32c(data[:i] + bytes([data[i] ^ 1 << bit]) + data[i + 1 :]) for i in range(700) for bit in (0, 7)
    }
    assert len(flipped) == 1400
    assert mask_crc32c(data) not in flipped


def test_quick_enough_for_pictures():
    took = []
    for function in (mask_crc32c, masked_crc32c):
        before = time.process_time()
        function(DATA * 200)
        took.append(time.process_time() - before)
    assert 3 * took[0] < took[1]  # measured: 25 times as fast
