"""Under `MirroredStrategy` training is what it is without us, and records are those of one device."""

import os
import pathlib
import subprocess
import sys


def test_replicas_train_as_without_us_and_give_the_records_of_one_device(tmp_path):
    script = pathlib.Path(__file__).with_name("mirrored_training.py")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines()[-1] == "all the same"
