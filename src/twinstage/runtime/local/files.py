"""Files that others read while we write: whole or not at all, and left alone when nothing changed."""

import os
import stat
from pathlib import Path


def write(path: Path, text: str, mode: int = 0o640, *, durable: bool = True) -> bool:
    """Write and rename into place; True when the content is new. The group comes from the setgid directory.

    ``durable``: outlives a loss of power; not needed for what is derived from other files.
    """
    try:
        if path.read_text() == text and stat.S_IMODE(path.stat().st_mode) == mode:
            return False
    except FileNotFoundError:
        pass  # the usual case: it is new
    part = path.with_name(f".{path.name}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    part.replace(path)
    return True


def tail(path: Path, most: int) -> str:
    """The last ``most`` bytes, from a line's beginning where there is one; empty when there is no file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            said = file.read(most)
    except FileNotFoundError:
        return ""
    if size > most:
        said = said.partition(b"\n")[2] or said
    return said.decode("utf-8", "replace")
