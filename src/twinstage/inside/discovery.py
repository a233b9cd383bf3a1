"""Reads an ecosystem's files to its Envoy, each as soon as it changes.

    python -m twinstage.inside.discovery --files /desired/envoy --socket /sockets/discovery.sock

Envoy could follow the files itself, with an inotify instance for each: an account has 128 of them, so a company would end at
seventeen services. Here one instance follows all. The files stay what is true: this process remembers nothing that matters,
may die at any moment, and what Envoy has stays in force until it is back.

Envoy asks for one set at a time (``POST /v3/discovery:routes``, its REST form of xDS) and names the version it has. The answer
waits until the file says something else: 200 with the file as it is, or 304 when nothing has changed for a while.
"""

import argparse
import asyncio
import json
import re
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import uvicorn

from twinstage.inside.modes import for_the_group
from twinstage.inside.watch import Watch

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

WHOLE = {"listeners": "lds.json", "clusters": "cds.json"}
"""Sets that are one file."""
EACH = {"routes": "rds", "endpoints": "eds", "extension_configs": "ecds"}
"""Sets that are a file each, in a directory, named as the set."""
_PATH = re.compile(r"/v3/discovery:([a-z_]+)")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}")
_LIMIT = 1 << 20
"""Bytes of a question: Envoy names all its extensions in each, which takes 77 KB."""
_HOLD = 25.0
"""Seconds after which an unchanged set is answered with 304; Envoy waits for 60."""
_REFUSED = 2.0
"""Seconds until what was sent, and is asked for again by somebody who still has what he had, is sent once more."""
_CONNECTIONS = 8192


@dataclass(frozen=True, kw_only=True)
class Said:
    """A file as it was last read."""

    stamp: tuple[int, int]
    version: str
    text: bytes


@dataclass(frozen=True, kw_only=True)
class Sent:
    version: str
    to: str
    """The version that the one who asked had."""
    at: float


@dataclass(kw_only=True)
class Discovery:
    """An ASGI application over one directory of files."""

    files: Path
    clock: Callable[[], float] = monotonic
    _said: dict[Path, Said] = field(default_factory=dict)
    _sent: dict[Path, Sent] = field(default_factory=dict)
    _changed: dict[Path, asyncio.Event] = field(default_factory=dict)

    def changed(self, path: Path | None) -> None:
        """This file may say something else now; None: any may."""
        for other in list(self._changed) if path is None else [path]:
            if (event := self._changed.pop(other, None)) is not None:
                event.set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = _PATH.fullmatch(scope["path"])
        body = await _body(receive)
        asked = _read(body) if body is not None else None
        place = self._place(path[1], asked) if path and asked is not None else None
        if asked is None or place is None:
            await _answer(send, 400, b"", "this is Envoy's: POST /v3/discovery:routes with one known resource name")
            return
        said = await self.news(place, str(asked.get("version_info") or ""))
        await _answer(send, *((200, said.text) if said else (304, b"")))

    def _place(self, kind: str, asked: Mapping[str, Any]) -> Path | None:
        if kind in WHOLE:
            return self.files / WHOLE[kind]
        names = asked.get("resource_names")
        if kind not in EACH or not isinstance(names, list) or len(names) != 1 or not _NAME.fullmatch(str(names[0])):
            return None
        return self.files / EACH[kind] / f"{names[0]}.json"

    async def news(self, place: Path, known: str) -> Said | None:
        """What the file says, as soon as that is another version than ``known``; None: not within the time."""
        end = self.clock() + _HOLD
        while (left := end - self.clock()) > 0:
            # The event before the file: a change between the two is then seen by one of them.
            event = self._changed.setdefault(place, asyncio.Event())
            said = self._look(place)
            pause = self._pause(place, said, known) if said else left
            if said and pause <= 0:
                self._sent[place] = Sent(version=said.version, to=known, at=self.clock())
                return said
            try:
                async with asyncio.timeout(min(left, pause)):
                    await event.wait()
            except TimeoutError:
                continue
        return None

    def _pause(self, place: Path, said: Said, known: str) -> float:
        """Seconds to wait before it is sent. Envoy asks again with what it has when it has refused what it was sent."""
        if said.version == known:
            return _HOLD
        sent = self._sent.get(place)
        again = sent is not None and (sent.version, sent.to) == (said.version, known)
        return sent.at + _REFUSED - self.clock() if sent and again else 0.0

    def _look(self, place: Path) -> Said | None:
        """The file, read again when it is another one."""
        try:
            found = place.stat()
            stamp = (found.st_ino, found.st_mtime_ns)
            kept = self._said.get(place)
            if kept is None or kept.stamp != stamp:
                text = place.read_bytes()
                kept = Said(stamp=stamp, version=str(json.loads(text)["version_info"]), text=text)
                self._said[place] = kept
            return kept
        except FileNotFoundError:
            self._said.pop(place, None)
        except (OSError, ValueError, KeyError, TypeError) as error:
            print(f"cannot read {place}: {error}", file=sys.stderr, flush=True)
        return None


async def _body(receive: Receive) -> bytes | None:
    """None: too long."""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > _LIMIT:
            return None
        if not message.get("more_body"):
            return body


def _read(body: bytes) -> Mapping[str, Any] | None:
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return asked if isinstance(asked, dict) else None


async def _answer(send: Send, status: int, body: bytes, words: str = "") -> None:
    content = body or words.encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def door(path: Path) -> socket.socket:
    """A listening Unix socket for its owner and group, made by us since the server would open it to everybody."""
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX)
    with for_the_group():
        made.bind(str(path))
    made.listen(1024)
    return made


async def run(files: Path, socket_path: Path) -> None:
    """Until SIGTERM or SIGINT: then whoever waits is let go at once, and asks again."""
    application = Discovery(files=files)
    with Watch([files, *(files / below for below in EACH.values())]) as watch:

        def look() -> None:
            for path in watch.changes():
                application.changed(path)

        asyncio.get_running_loop().add_reader(watch.fileno(), look)
        settings = uvicorn.Config(
            application,
            log_level="warning",
            access_log=False,
            lifespan="off",
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=0,
            timeout_keep_alive=60,
        )
        await uvicorn.Server(settings).serve(sockets=[door(socket_path)])


def main() -> None:
    parser = argparse.ArgumentParser(prog="twinstage.inside.discovery", description=__doc__)
    parser.add_argument(
        "--files", type=Path, required=True, help="folder with lds.json, cds.json, rds/, eds/ and ecds/"
    )
    parser.add_argument("--socket", type=Path, required=True, help="path of the socket that Envoy asks")
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS + 64
    limit = wanted if most == resource.RLIM_INFINITY else min(most, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    asyncio.run(run(arguments.files, arguments.socket))


if __name__ == "__main__":
    main()
