"""The plugin behind TensorBoard's own application, without a network, to ask it questions in tests."""

import pathlib
import time
import types
import urllib.parse
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of a library inside TensorBoard
    from tensorboard.backend import application
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.data import server_ingester
from tensorboard.util import grpc_util
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Response

from tensorboard_plugin_interp import metadata, plugin

ROOT = f"/data/plugin/{metadata.PLUGIN_NAME}"
PNG = plugin.PNG_MAGIC + b"rest"


def header(step: int = 0, **values: object) -> dict:
    return {
        "schema": 1,
        "kind": "features",
        "layer": "conv",
        "step": step,
        "title": "t",
        "data": {"units": []},
    } | values


def blobs(step: int = 0, pictures: int = 1, **values: object) -> list[bytes]:
    return metadata.pack(header(step, **values), [PNG + bytes([index]) for index in range(pictures)])


class Server:
    """The plugin behind TensorBoard's own application, over one of its two loaders."""

    def __init__(self, folder: pathlib.Path, fast: bool) -> None:
        self._ingester = None
        if fast:
            self._ingester = server_ingester.SubprocessServerDataIngester(
                server_ingester.get_server_binary(),
                str(folder),
                reload_interval=0,
                channel_creds_type=grpc_util.ChannelCredsType.LOCAL,
                samples_per_plugin={metadata.PLUGIN_NAME: 256},
            )
            self._ingester.start()
            self.provider = self._ingester.data_provider
        else:
            multiplexer = plugin_event_multiplexer.EventMultiplexer(
                size_guidance={"tensors": 10}, tensor_size_guidance={metadata.PLUGIN_NAME: 256}
            )
            multiplexer.AddRunsFromDirectory(str(folder))
            multiplexer.Reload()
            self.provider = data_provider.MultiplexerDataProvider(multiplexer, str(folder))
        self.plugin = plugin.InterpPlugin(types.SimpleNamespace(data_provider=self.provider, logdir=str(folder)))
        app = application.TensorBoardWSGI([self.plugin], data_provider=self.provider)
        self.client = Client(app, Response)

    def ask(self, route: str, **parameters: object) -> TestResponse:
        return self.client.get(f"{ROOT}/{route}?{urllib.parse.urlencode(parameters)}")

    def post(
        self, route: str, content: object, headers: dict[str, str] | None = None, **parameters: object
    ) -> TestResponse:
        """Send JSON, as a page of TensorBoard does."""
        address = f"{ROOT}/{route}?{urllib.parse.urlencode(parameters)}"
        return self.client.post(address, json=content, headers={"Origin": "http://localhost"} | (headers or {}))

    def runs(self, count: int = 1) -> dict:
        """Return what `/runs` says, once the loader has found `count` series."""
        for _ in range(200):
            runs = self.ask("runs").json["runs"]
            if sum(map(len, runs.values())) >= count:
                return runs
            time.sleep(0.02)
        raise AssertionError(f"fewer than {count} series after 4 s: {runs}")

    def close(self) -> None:
        if self._ingester is not None:
            self._ingester._stdin_handle.close()  # ends the data server
