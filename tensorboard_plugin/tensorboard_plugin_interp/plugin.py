"""Back end of the tab: reads records through TensorBoard's data provider and serves them as JSON and PNG.

The routes are a contract, written in `http_api.md`. Nothing is computed on request, and no path or address is taken
from a request or from data. All but one only read; that one keeps names that people give to groups.
"""

import concurrent.futures
import contextlib
import functools
import gzip
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from tensorboard import errors, plugin_util
from tensorboard.backend import http_util
from tensorboard.data import provider
from tensorboard.plugins import base_plugin
from werkzeug import wrappers

from tensorboard_plugin_interp import metadata, names_route
from tensorboard_plugin_interp.front_end import FrontEnd
from tensorboard_plugin_interp.kept_answers import KeptAnswers
from tensorboard_plugin_interp.problem import Problem
from tensorboard_plugin_interp.record_text import check_record

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
KEPT_SECONDS = 86_400  # by a browser: nothing is rewritten under an address that holds the time of writing
PICTURE_HEADERS = [("Content-Security-Policy", "default-src 'none'; sandbox")]
READING = ("GET", "HEAD")
READERS = 8  # threads that read the steps of one series
KNOWN_SERIES = 64  # of which it is remembered where their steps are
ALL_STEPS = 1_000_000  # how many steps to ask for: all that TensorBoard has kept
# What the two data providers raise when a file or a step vanishes between two questions.
VANISHED = (errors.NotFoundError, LookupError, TypeError, ValueError)


class InterpPlugin(base_plugin.TBPlugin):
    """The tab "Interpretability".

    Args:
        context: what TensorBoard gives to plugins; its data provider is used, and where the log is.
    """

    plugin_name = metadata.PLUGIN_NAME

    def __init__(self, context: base_plugin.TBContext) -> None:
        self._provider = context.data_provider
        self._logdir = getattr(context, "logdir", None) or ""
        self._front_end = FrontEnd()
        self._reading = threading.Lock()
        # To ask the data server where a step is takes as long as to read it: what it said last is kept.
        self._known = KeptAnswers(KNOWN_SERIES)

    def is_active(self) -> bool:
        """Return False: TensorBoard already calls a plugin active when data bears its name, without asking it."""
        return False

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """Return where the front end starts and what the tab is called."""
        return base_plugin.FrontendMetadata(es_module_path=self._front_end.start, tab_name=metadata.TAB_NAME)

    def get_plugin_apps(self) -> dict[str, Callable]:
        """Return the routes: five of data, and one for each file of the front end."""
        routes = {"/runs": self._runs, "/record": self._record, "/series": self._series, "/image": self._image}
        routes |= {f"/static/{name}": functools.partial(self._front_end.send, name) for name in self._front_end.names}
        writing = {"/names": _guard(self._names, ("GET", "HEAD", "POST"))}
        return {route: _guard(answer) for route, answer in routes.items()} | writing

    def _runs(self, request: wrappers.Request) -> wrappers.Response:
        """What there is. `?run=` asks for the steps of that run only: with a thousand runs, all steps take seconds.

        `?brief` says the rest in few words: each tag once, and of each run where its tags end.
        """
        ctx, experiment = _origin(request)
        series = self._provider.list_blob_sequences(ctx, experiment_id=experiment, plugin_name=self.plugin_name)
        only = [request.args["run"]] if "run" in request.args else None
        if only and only[0] not in series and "or_latest" in request.args:
            only = _written_last(series)
        kept = {}
        for run, tag, data in self._read(request, only):
            written = dict(sorted((datum.step, datum.wall_time) for datum in data))
            kept[run, tag] = {"steps": list(written), "written": list(written.values())}
        about = {
            tag: dict(zip(("kind", "layer", "variant"), metadata.split_tag(tag), strict=True))
            for tag in sorted({tag for tags in series.values() for tag in tags})
        }
        whole = set(series) if only is None or "brief" not in request.args else set(only)
        runs = {
            run: {
                tag: {
                    **about[tag],
                    "steps": None,
                    **kept.get((run, tag), {}),
                    "last_step": entry.max_step,
                    "wall_time": entry.max_wall_time,
                }
                for tag, entry in tags.items()
            }
            for run, tags in series.items()
            if run in whole
        }
        if "brief" not in request.args:
            return _json(request, {"runs": runs})
        others = {
            run: {tag: [entry.max_step, entry.max_wall_time] for tag, entry in tags.items()}
            for run, tags in series.items()
            if run not in whole
        }
        return _json(request, {"runs": runs, "tags": about, "brief": others})

    def _record(self, request: wrappers.Request) -> wrappers.Response:
        run, tag = _text(request, "run"), _text(request, "tag")
        datum, same = self._datum(request, run, tag, _integer(request, "step"))
        text = check_record(self._header(request, datum), datum, _addresses(run, tag, datum))
        return _packed(request, text, KEPT_SECONDS if same else 0)

    def _series(self, request: wrappers.Request) -> wrappers.Response:
        """All steps of one series, or those above `?after=`: what is known need not be read again while a run grows."""
        run, tag = _text(request, "run"), _text(request, "tag")
        after = _integer(request, "after") if "after" in request.args else None
        every = self._one(request, run, tag)
        found = [datum for datum in every if after is None or datum.step > after]

        def read(datum: provider.BlobSequenceDatum) -> bytes | None:
            with contextlib.suppress(Problem):  # one bad step must not hide the others
                return self._header(request, datum)
            return None

        steps = []
        # The data server takes 40 ms to begin with each blob, however small, but serves many at once. What they hold is
        # looked at one by one, and that of one series at a time: a header of half a megabyte is a tree of many.
        with self._reading, concurrent.futures.ThreadPoolExecutor(READERS) as readers:
            for datum, header in zip(found, readers.map(read, found), strict=True):
                with contextlib.suppress(Problem):
                    steps += [] if header is None else [check_record(header, datum, _addresses(run, tag, datum))]
            rest = {
                "unreadable": len(found) - len(steps),
                "written": [[datum.step, datum.wall_time] for datum in every],
            }
            text = b'{"steps": [%b], %b' % (b", ".join(steps), json.dumps(rest)[1:].encode("ascii"))
            steps.clear()
            return _packed(request, text)

    def _image(self, request: wrappers.Request) -> wrappers.Response:
        step, index = _integer(request, "step"), _integer(request, "index")
        datum, _ = self._datum(request, _text(request, "run"), _text(request, "tag"), step)
        if not 0 <= index < len(datum.values) - 1:
            raise Problem(404, f"step {step} has {len(datum.values) - 1} pictures, there is no picture {index}")
        png = self._blob(request, datum.values[index + 1])
        if not png.startswith(PNG_MAGIC):
            raise Problem(422, f"picture {index} of step {step} is not a PNG")
        return http_util.Respond(request, png, "image/png", expires=KEPT_SECONDS, headers=PICTURE_HEADERS)

    def _names(self, request: wrappers.Request) -> wrappers.Response:
        """What people call the groups of a run; a POST gives one of them a name."""
        run = _text(request, "run")
        ctx, experiment = _origin(request)
        this = provider.RunTagFilter(runs=[run])  # with a thousand runs, all take half a second
        if run not in self._provider.list_blob_sequences(
            ctx, experiment_id=experiment, plugin_name=self.plugin_name, run_tag_filter=this
        ):
            raise Problem(404, f"no records under run {run!r}")
        posted = request.method == "POST"
        try:
            folder = names_route.find_folder(self._logdir, run)
        except Problem as problem:
            if posted:
                raise
            return _json(request, names_route.tell_nothing(str(problem)))
        return _json(request, names_route.change_name(folder, request) if posted else names_route.tell_names(folder))

    def _read(
        self, request: wrappers.Request, runs: list[str] | None, tags: list[str] | None = None
    ) -> Iterator[tuple[str, str, list[provider.BlobSequenceDatum]]]:
        """Yield `(run, tag, kept steps)`; the steps refer to pictures, whose bytes are not read."""
        ctx, experiment = _origin(request)
        found = self._provider.read_blob_sequences(
            ctx,
            experiment_id=experiment,
            plugin_name=self.plugin_name,
            downsample=ALL_STEPS,
            run_tag_filter=provider.RunTagFilter(runs=runs, tags=tags),
        )
        for run, series in found.items():
            for tag, data in series.items():
                self._known.keep((experiment, run, tag), {datum.step: datum for datum in data})
                yield run, tag, list(data)

    def _one(self, request: wrappers.Request, run: str, tag: str) -> list[provider.BlobSequenceDatum]:
        """Return the steps of one series, sorted, without duplicates; 404 if there is none."""
        for _, _, data in self._read(request, [run], [tag]):
            # Without the fast loader an unsorted file comes unsorted.
            return [datum for _, datum in sorted({datum.step: datum for datum in data}.items())]
        raise Problem(404, f"no records under run {run!r}, tag {tag!r}")

    def _datum(
        self, request: wrappers.Request, run: str, tag: str, step: int
    ) -> tuple[provider.BlobSequenceDatum, bool]:
        """Return where one step is, and whether it was written at the time that was asked for."""
        written = request.args.get("written", type=float)
        known = self._known.get((_origin(request)[1], run, tag), {}).get(step)
        if known is not None and known.wall_time == written:
            return known, True
        for datum in self._one(request, run, tag):
            if datum.step == step:
                return datum, datum.wall_time == written
        raise Problem(404, f"no record of {tag!r} at step {step}")

    def _blob(self, request: wrappers.Request, reference: provider.BlobReference) -> bytes:
        try:
            blob = self._provider.read_blob(_origin(request)[0], blob_key=reference.blob_key)
        except errors.InvalidArgumentError as error:  # the data server fails on a key whose JSON needs an escape
            raise Problem(
                422,
                "TensorBoard's fast data loader cannot read run or layer names with quotation marks, backslashes or "
                "control characters: start it with --load_fast=false",
            ) from error
        except VANISHED as error:
            raise Problem(404, "this record has vanished from the log directory") from error
        if not isinstance(blob, bytes):
            raise Problem(422, "this record does not hold bytes: it was not written by tf-interp")
        return blob

    def _header(self, request: wrappers.Request, datum: provider.BlobSequenceDatum) -> bytes:
        """Return the header of one record, as it was written."""
        if not datum.values:
            raise Problem(422, f"the record of step {datum.step} is empty")
        return self._blob(request, datum.values[0])


def _guard(answer: Callable[[wrappers.Request], wrappers.Response], methods: Sequence[str] = READING) -> Callable:
    """Return the WSGI app of one route: these methods only, and problems as one line of JSON."""

    @wrappers.Request.application
    def app(request: wrappers.Request) -> wrappers.Response:
        if request.method not in methods:
            error = {"error": f"{request.method} is not allowed here, only {', '.join(methods)}"}
            return http_util.Respond(request, error, "application/json", 405, headers=[("Allow", ", ".join(methods))])
        try:
            return answer(request)
        except Problem as problem:
            return http_util.Respond(request, {"error": str(problem)}, "application/json", problem.code)

    return app


def _origin(request: wrappers.Request) -> tuple[Any, str]:
    """Return what the data provider wants to know of a request: its context and the experiment."""
    return plugin_util.context(request.environ), plugin_util.experiment_id(request.environ)


def _json(request: wrappers.Request, answer: dict[str, Any]) -> wrappers.Response:
    return http_util.Respond(request, json.dumps(answer, allow_nan=False), "application/json")


def _packed(request: wrappers.Request, text: bytes, kept: int = 0) -> wrappers.Response:
    """Return JSON, packed as quickly as it can be: most browsers are on the same machine, and wait for it."""
    packed = gzip.compress(text, compresslevel=1, mtime=0)
    return http_util.Respond(request, packed, "application/json", expires=kept, content_encoding="gzip")


def _written_last(series: Mapping[str, Mapping[str, provider.BlobSequenceTimeSeries]]) -> list[str]:
    """Return the name of the run that was written last, or nothing where there is none."""
    times = {run: max((entry.max_wall_time for entry in tags.values()), default=0) for run, tags in series.items()}
    return sorted(times, key=lambda run: (-times[run], run))[:1]


def _addresses(run: str, tag: str, datum: provider.BlobSequenceDatum) -> list[str]:
    """Return an address for each picture, relative to the routes.

    `written` keeps a browser from showing pictures of an earlier training in the same folder from its cache.
    """
    about = {"run": run, "tag": tag, "step": datum.step}
    count = max(0, len(datum.values) - 1)
    return [f"image?{urlencode(about | {'index': index, 'written': datum.wall_time})}" for index in range(count)]


def _text(request: wrappers.Request, name: str) -> str:
    if name not in request.args:
        raise Problem(400, f"the parameter {name!r} is missing")
    return request.args[name]


def _integer(request: wrappers.Request, name: str) -> int:
    text = _text(request, name)
    if not re.fullmatch("-?[0-9]{1,18}", text):
        raise Problem(400, f"the parameter {name!r} must be an integer")
    return int(text)
