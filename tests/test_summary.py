"""Event files: records come back unchanged, through us and through TensorBoard, and trouble is told, not hidden."""

import collections
import contextlib
import copy
import io
import itertools
import os
import pathlib
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tensorboard_plugin_interp import metadata
from tf_interp.records import Record, Writer, last_step, read, read_runs, summary, write


def make_record(step=1, layer="conv", kind="features", scalars=None, size=8):
    picture = np.random.default_rng(step).integers(0, 256, (size, size, 3), dtype=np.uint8)
    data = {"value": step / 8, "scalars": scalars or {}}
    return Record(kind, layer, step, f"{kind} at {step}", data, [picture, picture[..., 0]])


def event_file(folder):
    (path,) = pathlib.Path(folder).rglob("*tfevents*")
    return path


# --- there and back -------------------------------------------------------------------------------------------------


def test_records_come_back_unchanged_and_in_order(tmp_path):
    records = [make_record(step, layer) for step in (1, 2, 30) for layer in ("conv", "deep/er")]
    assert write(records, tmp_path) == tmp_path / "interp"
    assert list(read(tmp_path)) == records


def test_steps_are_sorted_and_the_last_of_a_repeated_step_counts(tmp_path):
    write([make_record(20), make_record(40)], tmp_path)
    again = make_record(20, scalars={"newer": 1})
    write([make_record(10), again], tmp_path)
    assert list(read(tmp_path)) == [make_record(10), again, make_record(40)]


def test_runs_are_told_apart(tmp_path):
    for run in ("b", "a"):
        write([make_record(scalars={run: 1})], tmp_path / run)
    assert [list(record.data["scalars"]) for record in read(tmp_path)] == [["a"], ["b"]]
    assert {run: len(list(records)) for run, records in read_runs(tmp_path).items()} == {"a": 1, "b": 1}
    assert list(read_runs(tmp_path / "a")) == ["."]
    assert list(read_runs(tmp_path / "a" / "interp")) == ["."]


def test_links_are_followed_as_tensorboard_follows_them_but_not_in_circles(tmp_path):
    logs, far = tmp_path / "logs", tmp_path / "disk" / "far"
    write([make_record()], far)
    write([make_record(step=2)], logs / "own")
    (logs / "linked").symlink_to(far)
    (logs / "again").symlink_to(logs / "own")  # the same run under two names is two runs
    (logs / "own" / "up").symlink_to(logs)
    (far / "here").symlink_to(".")
    assert {run: len(list(records)) for run, records in read_runs(logs).items()} == {"again": 1, "linked": 1, "own": 1}
    (tmp_path / "door").symlink_to(logs)
    assert list(read_runs(tmp_path / "door")) == ["again", "linked", "own"]


def test_each_record_is_on_disk_when_add_returns(tmp_path):
    with Writer(tmp_path) as writer:
        assert list(read(tmp_path)) == []
        for step in (1, 2, 3):
            writer.add(make_record(step))
            assert len(list(read(tmp_path))) == step
        writer.flush()


def test_closed_writer_goes_on_in_a_new_file(tmp_path):
    writer = Writer(tmp_path)
    writer.add(make_record(1))
    writer.close()
    writer.close()
    assert writer.path is None
    with pytest.raises(ValueError, match="must increase"):
        writer.add(make_record(1))
    writer.add(make_record(2))
    writer.close()
    assert [record.step for record in read(tmp_path)] == [1, 2]


def test_threads_may_share_a_writer(tmp_path):
    with Writer(tmp_path) as writer:

        def add(layer):
            for step in range(1, 11):
                writer.add(make_record(step, layer))

        threads = [threading.Thread(target=add, args=(f"layer{index}",)) for index in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(list(read(tmp_path))) == 80


# --- the last step ----------------------------------------------------------------------------------------------------


def test_last_step_is_the_highest_of_our_records_over_files_and_tags(tmp_path, monkeypatch):
    assert last_step(tmp_path) is None
    with Writer(tmp_path) as writer:
        assert last_step(tmp_path) is None  # the file holds its version and no record
        writer.add(make_record(0))
        assert last_step(tmp_path) == 0
        writer.add(make_record(2**40, layer="first"))
        writer.add(make_record(7, layer="last"))
    assert last_step(tmp_path) == 2**40
    write([make_record(300)], tmp_path)
    assert last_step(tmp_path) == 2**40
    monkeypatch.setattr(metadata, "PLUGIN_NAME", "somebody")
    write([make_record(2**50)], tmp_path)
    monkeypatch.undo()
    assert last_step(tmp_path) == 2**40


def count_bytes(monkeypatch, call):
    """Return how many bytes `call` asks event files for."""
    counts = []

    class Counting(io.FileIO):
        def read(self, size=-1):
            data = super().read(size)
            counts.append(len(data))
            return data

        def readinto(self, buffer):
            counts.append(super().readinto(buffer))
            return counts[-1]

    def open_counting(path, mode, buffering=-1):
        return io.BufferedReader(Counting(path, mode)) if buffering else Counting(path, mode)

    monkeypatch.setattr("tf_interp.records.event_file.open", open_counting, raising=False)
    call()
    monkeypatch.undo()
    return sum(counts)


def test_last_step_reads_one_event_and_no_other_pictures(tmp_path, monkeypatch):
    write([make_record(step, size=300) for step in range(1, 21)], tmp_path)
    size = event_file(tmp_path).stat().st_size
    assert count_bytes(monkeypatch, lambda: list(read(tmp_path))) >= size  # the count is right
    assert count_bytes(monkeypatch, lambda: last_step(tmp_path)) < size / 20 + 10_000
    assert last_step(tmp_path) == 20


# --- TensorBoard sees the same ----------------------------------------------------------------------------------------


def python_provider(logdir):
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer, tag_types

    multiplexer = plugin_event_multiplexer.EventMultiplexer(
        size_guidance={tag_types.TENSORS: 100}, tensor_size_guidance={metadata.PLUGIN_NAME: 0}
    )
    multiplexer.AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    yield data_provider.MultiplexerDataProvider(multiplexer, str(logdir))


def rust_provider(logdir):
    from tensorboard.data import server_ingester
    from tensorboard.util import grpc_util

    ingester = server_ingester.SubprocessServerDataIngester(
        server_ingester.get_server_binary(),
        str(logdir),
        reload_interval=0,
        channel_creds_type=grpc_util.ChannelCredsType.LOCAL,
        samples_per_plugin={metadata.PLUGIN_NAME: 0},
    )
    ingester.start()
    yield ingester.data_provider
    ingester._stdin_handle.close()


@pytest.fixture(params=[python_provider, rust_provider], ids=["python", "rust"])
def open_provider(request):
    """Return a function from a log directory to one of TensorBoard's two data providers, loaded."""
    opened = []

    def open_(logdir):
        opened.append(request.param(logdir))
        return next(opened[-1])

    yield open_
    for provider in opened:
        assert next(provider, None) is None


def until(look, timeout=20.0):
    """Return what `look` returns as soon as it is true: the data server loads in the background."""
    deadline = time.monotonic() + timeout
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def read_through(provider, steps):
    """Return {(run, tag): [Record]} as TensorBoard serves them, once it has the last step."""
    from tensorboard import context, data

    where = {"ctx": context.RequestContext(), "experiment_id": "e"}
    which = {"plugin_name": metadata.PLUGIN_NAME, "downsample": 1000}

    def look():
        found = provider.read_blob_sequences(
            **where, **which, run_tag_filter=data.provider.RunTagFilter(runs=None, tags=None)
        )
        done = found and all(series[-1].step == steps[-1] for tags in found.values() for series in tags.values())
        return found if done else None

    return {
        (run, tag): [
            Record.from_blobs([provider.read_blob(ctx=where["ctx"], blob_key=ref.blob_key) for ref in datum.values])
            for datum in series
        ]
        for run, tags in until(look).items()
        for tag, series in tags.items()
    }


@pytest.mark.filterwarnings("ignore:(subprocess|Implicitly):ResourceWarning")  # TensorBoard's data server
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras reading its learning rate
def test_tensorboard_shows_every_record_beside_keras_own_callback(tmp_path, open_provider):
    import keras
    import tensorflow as tf
    from tensorboard import context, data

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    steps = range(4, 64, 4)
    with Writer(tmp_path / "run") as writer:
        watch = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: writer.add(
                make_record(steps[epoch], scalars={"share": epoch / 4, "unknown": None})
            )
        )
        model.fit(
            tf.ones((8, 2)), tf.ones((8, 1)), batch_size=2, epochs=len(steps), verbose=0,
            callbacks=[keras.callbacks.TensorBoard(tmp_path / "run"), watch],
        )  # fmt: skip
        provider = open_provider(tmp_path)
        expected = [make_record(step, scalars={"share": i / 4, "unknown": None}) for i, step in enumerate(steps)]
        assert read_through(provider, steps) == {("run/interp", "features/conv"): expected}
        scalars = provider.read_scalars(
            context.RequestContext(), experiment_id="e", plugin_name="scalars", downsample=1000,
            run_tag_filter=data.provider.RunTagFilter(runs=None, tags=["interp/share", "interp/unknown", "epoch_loss"]),
        )  # fmt: skip
    assert set(scalars) == {"run/interp", "run/train"}
    series = scalars["run/interp"]["interp/share"]
    assert [(datum.step, datum.value) for datum in series] == [(step, i / 4) for i, step in enumerate(steps)]
    assert "interp/unknown" not in scalars["run/interp"]
    assert len(scalars["run/train"]["epoch_loss"]) == len(steps)
    assert list(read(tmp_path)) == expected


# --- what is refused --------------------------------------------------------------------------------------------------


def test_steps_of_a_tag_must_increase(tmp_path):
    with Writer(tmp_path) as writer:
        writer.add(make_record(5))
        writer.add(make_record(5, layer="other"))
        for step in (5, 4):
            with pytest.raises(ValueError, match=rf"'features/conv' was already written at step 5, got step {step}"):
                writer.add(make_record(step))
        writer.add(make_record(6, scalars={"a": 1}))
        with pytest.raises(ValueError, match="'interp/a' was already written at step 6"):
            writer.add(make_record(6, layer="other", scalars={"a": 2}))
    assert [(record.layer, record.step) for record in read(tmp_path)] == [("conv", 5), ("other", 5), ("conv", 6)]


def test_a_writer_left_behind_can_be_taken_over(tmp_path):
    stale = Writer(tmp_path)
    stale.add(make_record(1))
    with Writer(tmp_path, take_over=True) as writer:
        writer.add(make_record(2))
        assert stale.path is None
        with pytest.raises(ValueError, match="already open in another Writer"):
            stale.add(make_record(3))
    assert [record.step for record in read(tmp_path)] == [1, 2]


def test_one_live_writer_per_folder(tmp_path):
    with Writer(tmp_path / "run"):
        with pytest.raises(ValueError, match="already open in another Writer"):
            Writer(tmp_path / "x" / ".." / "run")
        Writer(tmp_path / "other").close()
    writer = Writer(tmp_path / "run")
    del writer  # a forgotten writer holds nothing
    Writer(tmp_path / "run").close()


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/none"])
def test_log_directory_that_cannot_be_made_is_refused_at_once(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot be written to .*give a folder"):
        Writer(tmp_path / place)
    Writer(tmp_path).close()


def test_remote_log_directory_is_refused():
    with pytest.raises(ValueError, match="only folders of this machine"):
        Writer("gs://bucket/logs")
    assert not pathlib.Path("gs:").exists()


@pytest.mark.parametrize("scalars", [{"a": "1"}, {"a": True}, {"a": [1]}, [1]])
def test_scalars_must_be_numbers(tmp_path, scalars):
    with Writer(tmp_path) as writer, pytest.raises(ValueError, match="must be name -> number or None"):
        writer.add(make_record(scalars=scalars))
    assert list(read(tmp_path)) == []


def test_event_that_is_too_large_is_refused(tmp_path, monkeypatch):
    assert summary.MAX_EVENT_BYTES == 64 * 2**20
    monkeypatch.setattr(summary, "MAX_EVENT_BYTES", 10_000)
    with Writer(tmp_path) as writer:
        with pytest.raises(ValueError, match="use fewer or smaller pictures"):
            writer.add(make_record(1, size=100))
        writer.add(make_record(1))
    assert list(read(tmp_path)) == [make_record(1)]


@pytest.mark.parametrize("place", ["missing", "file"])
def test_reading_what_is_no_folder(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"expected a log directory, found (a file|nothing)"):
        read(tmp_path / place)


# --- the disk ---------------------------------------------------------------------------------------------------------


def test_deleted_file_is_made_again_once_with_a_warning(tmp_path):
    with Writer(tmp_path / "run") as writer:
        writer.add(make_record(1))
        shutil.rmtree(tmp_path / "run")
        with pytest.warns(UserWarning, match="was deleted or does not grow: records go on in"):
            writer.add(make_record(2))
        writer.add(make_record(3))
        assert [record.step for record in read(tmp_path)] == [2, 3]
        os.remove(event_file(tmp_path))
        for step in (4, 5):
            with pytest.raises(OSError, match="was deleted or does not grow, after another"):
                writer.add(make_record(step))


def test_file_that_is_cut_behind_our_back_is_noticed(tmp_path):
    with Writer(tmp_path) as writer:
        writer.add(make_record(1))
        os.truncate(writer.path, 100)
        with pytest.warns(UserWarning, match="does not grow"):
            writer.add(make_record(2))
    assert [record.step for record in read(tmp_path)] == [2]


def test_folder_that_cannot_be_made_again_is_an_oserror(tmp_path):
    with Writer(tmp_path / "run") as writer:
        shutil.rmtree(tmp_path / "run")
        (tmp_path / "run").write_text("in the way")
        with pytest.raises(OSError, match=r"was deleted or does not grow: the log directory .* cannot be written to"):
            writer.add(make_record(1))


@contextlib.contextmanager
def file_size_limit(size):
    """Let no file of this process grow beyond a size: a full disk without a disk of our own.

    It ends with the test's own code, since the test runner's output may be such a file too.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_is_an_oserror_and_leaves_whole_records(tmp_path):
    with file_size_limit(40_000), Writer(tmp_path) as writer:
        steps = itertools.count(1)
        with pytest.raises(OSError, match=r"was not written, [0-9,]+ bytes are free") as caught:
            collections.deque(writer.add(make_record(step, size=40)) for step in steps)
        step = next(steps) - 1
        assert caught.value.filename == str(writer.path)
        assert writer.path.stat().st_size < 40_000  # the half record was taken back
        assert [record.step for record in read(tmp_path)] == list(range(1, step))
        with file_size_limit(1_000_000):
            writer.add(make_record(step, size=40))
    assert [record.step for record in read(tmp_path)] == list(range(1, step + 1))


def test_disk_that_is_full_from_the_start_leaves_no_empty_file(tmp_path):
    with file_size_limit(0), pytest.raises(OSError, match="was not written"):
        Writer(tmp_path)
    assert list(tmp_path.rglob("*tfevents*")) == []


# --- damaged files ----------------------------------------------------------------------------------------------------


def test_file_cut_anywhere_keeps_all_complete_records_without_a_word(tmp_path):
    write([make_record(step, size=2) for step in (1, 2, 3)], tmp_path)
    path = event_file(tmp_path)
    data = path.read_bytes()
    ends = [start + length + 4 for start, length, _ in summary.read_events(path)]
    counts = []
    for cut in range(len(data), 0, -1):
        os.truncate(path, cut)
        counts.append(len(list(read(tmp_path))))
        assert counts[-1] == max(0, sum(end <= cut for end in ends) - 1)  # the first event is the file's version
    assert set(counts) == {0, 1, 2, 3}


def test_flipped_bytes_are_reported_and_cost_only_their_record(tmp_path):
    write([make_record(step, size=2) for step in (1, 2, 3)], tmp_path)
    path = event_file(tmp_path)
    data = path.read_bytes()
    spans = [(start, length) for start, length, _ in summary.read_events(path)]
    for position in range(0, len(data), 7):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :])
        hit = next(i for i, (start, length) in enumerate(spans) if position < start + length + 4)
        in_header = position < spans[hit][0]
        what = "the rest of the file is lost" if in_header else "what follows is read"
        message = f"damaged at byte {spans[hit][0] - 12}, behind {hit} whole events; {what}"
        with pytest.warns(UserWarning, match=message) as caught:
            steps = [record.step for record in read(tmp_path)]
        assert len(caught) == 1
        assert steps == [step for step in (1, 2, 3) if step < hit or (step > hit and not in_header)]


@pytest.mark.filterwarnings("ignore:.*damaged at byte")
def test_last_step_of_a_damaged_file_is_that_of_the_records_that_can_be_read(tmp_path):
    write([make_record(step, layer, size=2) for step, layer in ((1, "a"), (300, "b"), (2, "a"))], tmp_path)
    path = event_file(tmp_path)
    data = path.read_bytes()
    seen = set()
    for position in range(0, len(data), 3):
        for wrong in (data[:position], data[:position] + bytes([data[position] ^ 0x41]) + data[position + 1 :]):
            path.write_bytes(wrong)
            expected = max((record.step for record in read(tmp_path)), default=None)
            assert last_step(tmp_path) == expected, (position, len(wrong))
            seen.add(expected)
    assert seen == {None, 1, 2, 300}


def test_damage_that_may_hide_the_last_step_is_told(tmp_path):
    write([make_record(step, size=2) for step in (1, 2, 3)], tmp_path)
    path = event_file(tmp_path)
    data = bytearray(path.read_bytes())
    start, _, _ = list(summary.read_events(path))[2]  # of step 2
    data[start - 12] ^= 1
    path.write_bytes(data)
    with pytest.warns(
        UserWarning, match=f"damaged at byte {start - 12}, behind 2 events; the rest of the file is lost"
    ):
        assert last_step(tmp_path) == 1
    data[start - 12] ^= 1
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="damaged at byte [0-9]+; what follows is read"):
        assert last_step(tmp_path) == 2


@pytest.mark.parametrize("content", [b"\0" * 100, np.random.default_rng(0).bytes(100)], ids=["zeros", "random"])
def test_file_of_rubbish_is_one_warning(tmp_path, content):
    (tmp_path / "events.out.tfevents.1.rubbish").write_bytes(content)
    (tmp_path / "events.out.tfevents.2.empty").write_bytes(b"")
    write([make_record()], tmp_path)
    with pytest.warns(UserWarning, match="rubbish: damaged at byte 0, behind 0 whole events") as caught:
        assert list(read(tmp_path)) == [make_record()]
    assert len(caught) == 1


def test_records_of_a_newer_schema_are_skipped_with_one_warning(tmp_path, monkeypatch):
    with Writer(tmp_path) as writer:
        writer.add(make_record(1))
        for step in (2, 3):
            record = make_record(step)
            object.__setattr__(record, "schema", metadata.SCHEMA + 1)
            writer.add(record)
        writer.add(make_record(4))
    with pytest.warns(UserWarning, match="record skipped: .* schema .* upgrade") as caught:
        assert [record.step for record in read(tmp_path)] == [1, 4]
    assert len(caught) == 1


# --- copies, forks and sudden ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda writer: pickle.loads(pickle.dumps(writer))])  # noqa: S301
def test_copies_hold_no_file_and_open_their_own_when_used(tmp_path, clone):
    with Writer(tmp_path) as writer:
        writer.add(make_record(1))
        other = clone(writer)
        assert other.path is None
        with pytest.raises(ValueError, match="already open in another Writer"):
            other.add(make_record(2))
        path = writer.path
    with pytest.raises(ValueError, match="was already written at step 1"):
        other.add(make_record(1))
    other.add(make_record(2))
    assert other.path not in (None, path)
    other.close()
    assert [record.step for record in read(tmp_path)] == [1, 2]


def test_forked_process_writes_a_file_of_its_own(tmp_path):
    script = """
import os, sys, threading
from test_summary import make_record
from tf_interp.records import Writer
writer = Writer(sys.argv[1])
writer.add(make_record(1))
child = os.fork()
if not child:
    writer.add(make_record(2))
    os._exit(0)
os.waitpid(child, 0)
writer.add(make_record(3))
writer.close()
"""
    run_script(script, tmp_path)
    assert [record.step for record in read(tmp_path)] == [1, 2, 3]
    assert len(list(tmp_path.rglob("*tfevents*"))) == 2


def run_script(script, *args, **options):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *map(str, args)],
        check=True, cwd=pathlib.Path(__file__).parent, timeout=60, **options,
    )  # fmt: skip


def test_killed_process_loses_at_most_the_record_in_flight(tmp_path):
    script = """
import itertools, sys
from test_summary import make_record
from tf_interp.records import Writer
writer = Writer(sys.argv[1])
for step in itertools.count(1):
    writer.add(make_record(step, size=100))
    print(step, flush=True)
"""
    for number in range(3):
        logdir = tmp_path / str(number)
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(logdir)], stdout=subprocess.PIPE, cwd=pathlib.Path(__file__).parent
        )
        assert child.stdout.readline() == b"1\n"
        time.sleep(0.05 * number + 0.013)
        child.send_signal(signal.SIGKILL)
        told = 1 + len(child.communicate()[0].splitlines())
        steps = [record.step for record in read(logdir)]
        assert steps == list(range(1, len(steps) + 1))
        assert len(steps) - told in (0, 1)
