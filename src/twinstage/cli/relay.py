"""Between a person's terminal, or a script's pipes, and a command that runs elsewhere. Bytes pass as they are."""

import fcntl
import os
import select
import signal
import termios
import threading
import tty
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from twinstage import wire

if TYPE_CHECKING:
    from twinstage.client.visit import Visit

_CHUNK = 1 << 16
_IN, _OUT, _ERRORS = 0, 1, 2
_LONGEST = 64
"""Characters of a terminal's kind."""


def terminal(environment: Mapping[str, str]) -> wire.Terminal | None:
    """The person's, where both what is typed and what is shown is one; None: pipes."""
    if not (os.isatty(_IN) and os.isatty(_OUT)):
        return None
    columns, rows = os.get_terminal_size(_OUT)
    kind = environment.get("TERM", "")
    known = kind[:1].isalnum() and len(kind) <= _LONGEST and all(c.isalnum() or c in "-+._" for c in kind)
    return wire.Terminal(kind=kind if known and kind.isascii() else "dumb", rows=rows, columns=columns)


def run(visit: "Visit") -> tuple[int, str]:
    """Carries everything until the command is over. Returns its status, and in words how it ended."""
    if len(visit.descriptors) == 1:
        (ours,) = visit.descriptors
        with _raw(ours):
            _hand_over(ours, ends=False)
            _show({ours: _OUT})
    else:
        into, out, errors = visit.descriptors
        if os.isatty(_IN) and not os.isatty(_OUT):
            os.close(into)  # what is typed there is for whoever shows the output, as a pager does
        else:
            _hand_over(into, ends=True)
        _show({out: _OUT, errors: _ERRORS})
    return visit.end()


def _hand_over(into: int, *, ends: bool) -> None:
    """What comes in goes there, by a thread that ends with the process. ``ends``: so does the end of it."""

    def carry() -> None:
        with suppress(OSError):  # the command reads no more
            while chunk := os.read(_IN, _CHUNK):
                _write(into, chunk)
        if ends:
            with suppress(OSError):
                os.close(into)

    threading.Thread(target=carry, name="input", daemon=True).start()


def _show(shown: dict[int, int]) -> None:
    """From where -> to where, until nothing comes any more."""
    while shown:
        for source in select.select(list(shown), [], [])[0]:
            try:
                chunk = os.read(source, _CHUNK)
            except OSError:  # so a terminal ends
                chunk = b""
            if chunk:
                _write(shown[source], chunk)
            else:
                del shown[source]


def _write(target: int, chunk: bytes) -> None:
    while chunk:
        chunk = chunk[os.write(target, chunk) :]


@contextmanager
def _raw(other: int) -> Iterator[None]:
    """The terminal hands over every key, Ctrl-C too, and the other one has its size. As it was afterwards, however that comes."""
    before = termios.tcgetattr(_IN)

    def resized(_number: int, _frame: FrameType | None) -> None:
        with suppress(OSError):
            fcntl.ioctl(other, termios.TIOCSWINSZ, fcntl.ioctl(_OUT, termios.TIOCGWINSZ, bytes(8)))

    def told(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    handlers = {signal.SIGWINCH: resized, signal.SIGTERM: told, signal.SIGHUP: told}
    earlier = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        tty.setraw(_IN)
        yield
    finally:
        with suppress(termios.error):  # it was closed
            termios.tcsetattr(_IN, termios.TCSADRAIN, before)
        for number, handler in earlier.items():
            signal.signal(number, handler)
