"""The header of a record as JSON that is passed on as it was written: to write it anew takes longer than all else."""

import json
from collections.abc import Iterable

from tensorboard.data import provider

from tensorboard_plugin_interp import metadata
from tensorboard_plugin_interp.problem import Problem

UNKNOWN_TO_BROWSERS = (b"NaN", b"Infinity")


def check_record(header: bytes, datum: provider.BlobSequenceDatum, images: Iterable[str]) -> bytes:
    """Return the JSON that the routes answer of one record: its header, its step, and where its pictures are.

    Args:
        header: as it was written.
        datum: what TensorBoard says of this step.
        images: an address for each picture.

    Raises:
        Problem: 422, where the header cannot be read by this version or by a browser.
    """
    try:
        read, _ = metadata.unpack([header])
        if not isinstance(read.get("data"), dict):
            raise Problem(422, f"the record of step {datum.step} has no data")
        text = header.strip()
        # Only where a word of such a number stands, be it in a sentence: it is searched for in no time.
        if not text.isascii() or any(word in text for word in UNKNOWN_TO_BROWSERS):
            text = json.dumps(read, allow_nan=False).encode("ascii")
    except ValueError as error:
        raise Problem(422, f"the record of step {datum.step} cannot be read: {error}") from error
    added = json.dumps({"step": datum.step, "images": list(images)}).encode("ascii")
    return b"%b, %b" % (text[:-1], added[1:])  # of two values for one key the last one counts
