"""One inotify instance for whole directories: which files were renamed into place. Asked of the C library: Python has none."""

import ctypes
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_MOVED_TO, _DELETE, _OVERFLOW = 0x80, 0x200, 0x4000
_HEAD = struct.Struct("iIII")
_ROOM = 1 << 16


class Watch:
    """Readable (``fileno``) when there are ``changes``.

    Raises OSError when the kernel gives no instance, or a directory is missing.
    """

    def __init__(self, directories: Sequence[Path]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._checked(self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK), "inotify_init1")
        self._directories = {
            self._checked(
                self._libc.inotify_add_watch(self._handle, os.fsencode(directory), _MOVED_TO | _DELETE),
                f"watch {directory}",
            ): directory
            for directory in directories
        }

    @staticmethod
    def _checked(answer: int, what: str) -> int:
        if answer < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"cannot {what}: {os.strerror(number)}")
        return answer

    def fileno(self) -> int:
        return self._handle

    def changes(self) -> Iterator[Path | None]:
        """Files that were put in place or removed since the last call; None: more than the kernel could keep, so any."""
        try:
            data = os.read(self._handle, _ROOM)
        except BlockingIOError:
            return
        while data:
            watch, mask, _, length = _HEAD.unpack_from(data)
            name = data[_HEAD.size : _HEAD.size + length].rstrip(b"\0")
            data = data[_HEAD.size + length :]
            if mask & _OVERFLOW:
                yield None
            elif watch in self._directories:
                yield self._directories[watch] / os.fsdecode(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)
