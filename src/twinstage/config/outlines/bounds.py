"""What an instance or job may take, key by key: in both files."""

from collections.abc import Iterable, Mapping

from twinstage.config.shapes import Key, Size, Whole
from twinstage.config.value import sized
from twinstage.model.bounds import LEAST, MOST, SIZES, Bounds

ABOUT = {
    "memory": "memory of all its processes together",
    "processes": "processes and threads together",
    "files": "files and connections that one process may have open",
    "tmp": "what it may write into `/tmp`, and as much again into `/dev/shm`: both are held in memory",
    "work": "what a job may write into its working copy, and a build into what it builds",
}


def keys(names: Iterable[str], default: str = "") -> Mapping[str, Key]:
    """``default``: in words, where it is not the standard's own."""
    return {name: Key(shape=_shape(name), default=default or _default(name), about=ABOUT[name]) for name in names}


def _shape(name: str) -> Size | Whole:
    kind = Size if name in SIZES else Whole
    return kind(low=LEAST[name], high=MOST[name])


def _default(name: str) -> str:
    amount = getattr(Bounds(), name)
    return sized(amount) if name in SIZES else f"{amount:,}"
