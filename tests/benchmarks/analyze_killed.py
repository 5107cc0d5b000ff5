"""Is `tf-interp analyze` the same whenever it is killed? And how soon is the first record there?

    python tests/benchmarks/analyze_killed.py MODEL PHOTOS --layer A --layer B -- --range -1 1

An undisturbed run; then the same command in other folders, killed with SIGKILL at random moments and run again each
time, until there were enough kills. Prints the figures; the exit status is 1 if records differ from those of the
undisturbed run, or something was computed twice. What stands behind `--` goes to `tf-interp analyze`.
"""

import argparse
import collections
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

from tf_interp import read


def main() -> int:
    """Run both and compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("photos")
    parser.add_argument("--layer", action="append", required=True)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options, more = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1 :]
    words = ["analyze", options.model, "--probe", options.photos, *more, "-v"]
    words += [word for layer in options.layer for word in ("--layer", layer)]
    with tempfile.TemporaryDirectory() as folder:
        plain = pathlib.Path(folder, "plain")
        started = time.perf_counter()
        lines, status = run([*words, "--logdir", str(plain)])
        whole = time.perf_counter() - started
        first, busy = next((seconds, busy) for seconds, busy, line in lines if line.startswith("wrote"))
        usage = os.times()
        print(f"undisturbed: status {status}, {whole:.0f} s, first record after {first:.1f} s "
              f"({busy:.1f} s of processor time), in all "
              f"{usage.children_user + usage.children_system:.0f} s of processor time")  # fmt: skip
        expected, bad, kills, log = contents(plain), 0, 0, 0
        chance = random.Random(options.seed)
        while kills < options.kills:  # a new log whenever one was finished
            log += 1
            killed, done, status = pathlib.Path(folder, f"killed{log}"), [], -signal.SIGKILL
            while status == -signal.SIGKILL:
                # it takes until `first` to start: a few kills before that, the others all over the work
                after = chance.uniform(first / 3, 0.7 * whole) if kills < options.kills else None
                lines, status = run([*words, "--logdir", str(killed)], after)
                done += [line.split(" (")[0] for *_, line in lines if line.startswith(("finished", "wrote"))]
                if status == -signal.SIGKILL:
                    kills += 1
                    left = f"{len(list(read(killed))) if killed.exists() else 0} records can be read"
                    print(f"kill {kills} after {after:.1f} s: {left}, {len(list(killed.rglob('*.npz')))} pieces")
            twice = [line for line, count in collections.Counter(done).items() if count > 1]
            found = contents(killed)
            print(f"log {log}, status {status}: {len(found)} records of {len(expected)}, equal: {found == expected}, "
                  f"computed twice: {twice}", flush=True)  # fmt: skip
            bad += found != expected or bool(twice) or status != 0
        return int(bad > 0)


def run(words: list[str], after: float | None = None) -> tuple[list[tuple[float, float, str]], int]:
    """Run the command and return its lines with their times; kill it after some seconds."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "tf_interp.cli", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    if after is not None:
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    assert process.stderr is not None
    lines = [(time.perf_counter() - started, processor_time(process.pid), line.strip()) for line in process.stderr]
    return lines, process.wait()


def processor_time(pid: int) -> float:
    """Return the seconds that a process has used, from Linux; 0 elsewhere or when it has gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0


def contents(logdir: pathlib.Path) -> dict[tuple[str, int], tuple]:
    """Return what the records of a log hold, without the time that they took."""
    found = {}
    for record in read(logdir):
        data = {name: value for name, value in record.data.items() if name != "seconds"}
        found[record.tag, record.step] = (record.title, data, [image.tobytes() for image in record.images])
    return found


if __name__ == "__main__":
    sys.exit(main())
