"""Firefox by WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/), with nothing but the standard library."""

import base64
import contextlib
import itertools
import json
import os
import pathlib
import re
import select
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from typing import Any

FIREFOX = os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
LISTENING = re.compile(rb"WebDriver BiDi listening on ws://127\.0\.0\.1:(\d+)")
TEXT, CLOSE, PING = 1, 8, 9  # kinds of frames (RFC 6455)


class Page:
    """One page of a Firefox, and what it complained about."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET /session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._stream = self._socket.makefile("rb")
        assert b" 101 " in self._stream.readline(), "Firefox did not open a session"
        while self._stream.readline().strip():
            pass
        self._numbers = itertools.count(1)
        self.problems: list[str] = []
        self.asked: list[str] = []
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self._context = self.call("browsingContext.getTree")["contexts"][0]["context"]

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of a command; what happens before it is noted."""
        number = next(self._numbers)
        self._send(json.dumps({"id": number, "method": method, "params": parameters}).encode())
        while True:
            message = json.loads(self._receive())
            if message.get("id") == number:
                assert message["type"] == "success", message
                return message["result"]
            told = message.get("params", {})
            if message.get("method") == "log.entryAdded" and told["level"] == "error":
                self.problems.append(told["text"])
            if message.get("method") == "network.beforeRequestSent":
                self.asked.append(told["request"]["url"])

    def open(self, url: str) -> None:
        """Go to an address, and wait until it is loaded."""
        self.call("browsingContext.setViewport", context=self._context, viewport={"width": 1280, "height": 1000})
        self.call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def run(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript, which JSON can hold."""
        found = self.call(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert found["type"] == "success", found["exceptionDetails"]["text"]
        return json.loads(found["result"].get("value", "null"))

    def wait(self, expression: str, seconds: float = 30) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({expression})"):
            assert time.monotonic() < end, f"not within {seconds} s: {expression}"
            time.sleep(0.05)

    def shoot(self, path: pathlib.Path) -> None:
        """Keep what is seen."""
        path.parent.mkdir(exist_ok=True)
        shot = self.call("browsingContext.captureScreenshot", context=self._context)["data"]
        path.write_bytes(base64.b64decode(shot))

    def close(self) -> None:
        """End the connection, and with it the session."""
        self._stream.close()
        self._socket.close()

    def _send(self, content: bytes) -> None:
        mask = os.urandom(4)
        size = len(content)  # is to be written in as few bytes as it needs
        length = bytes([0x80 | size]) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))
        self._socket.sendall(bytes([0x80 | TEXT]) + length + mask + masked)

    def _receive(self) -> bytes:
        content = b""
        while True:
            first, second = self._stream.read(2)
            length = second & 127
            if length >= 126:
                length = int.from_bytes(self._stream.read(2 if length == 126 else 8))
            part = self._stream.read(length)
            assert first & 15 != CLOSE, "Firefox closed the connection"
            if first & 15 == PING:
                continue  # it does not insist on an answer
            content += part
            if first & 0x80:
                return content


@contextlib.contextmanager
def start_firefox(profile: pathlib.Path) -> Iterator[Page]:
    """Run Firefox without a window, with a profile of its own; end it afterwards."""
    profile.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [str(FIREFOX), "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(profile)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(profile), "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
    )
    try:
        page = Page(_find_port(process))
        try:
            yield page
        finally:
            page.close()
    finally:
        process.terminate()
        process.wait(30)
        assert process.stderr is not None
        process.stderr.close()


def _find_port(process: subprocess.Popen, seconds: float = 90) -> int:
    """Return the port that Firefox says it listens on."""
    assert process.stderr is not None
    said = b""
    end = time.monotonic() + seconds
    while not (found := LISTENING.search(said)):
        assert time.monotonic() < end, f"Firefox does not listen after {seconds} s: {said.decode(errors='replace')}"
        assert process.poll() is None, f"Firefox ended: {said.decode(errors='replace')}"
        if select.select([process.stderr], [], [], 0.2)[0]:
            said += os.read(process.stderr.fileno(), 65536)
    return int(found[1])
