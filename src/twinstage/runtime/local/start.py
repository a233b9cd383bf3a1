"""What a controller notes about its start: which Twinstage it runs, or why it could not. `up` reads it from outside."""

import contextlib
import hashlib
from pathlib import Path

import twinstage
from twinstage.runtime.local.files import write
from twinstage.runtime.local.layout import COMPANY, Layout


def installed(layout: Layout) -> str:
    """Named after our own source files and the company's settings: what a controller reads once, when it starts."""
    root = Path(twinstage.__file__).parent
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(f"{path.relative_to(root)}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    found.update((layout.state / "settings.json").read_bytes())
    return found.hexdigest()


def note(layout: Layout) -> None:
    """Written by a controller that starts."""
    write(_code(layout), installed(layout))


def outdated(layout: Layout) -> bool:
    """Whether the controller that started last runs something else than what is installed; asked from outside."""
    try:
        return _code(layout).read_text() != installed(layout)
    except FileNotFoundError:
        return True  # one that came before this was noted


def failed(layout: Layout, why: str) -> None:
    """Written by a controller that cannot start; where not even that can be written, its log is all there is."""
    with contextlib.suppress(OSError):
        write(_failure(layout), why)


def failure(layout: Layout) -> str:
    """Why the controller could not start, with paths as they are outside; empty when it could, or has not been tried."""
    try:
        return _failure(layout).read_text().replace(f"{COMPANY}/", f"{layout.state}/")
    except FileNotFoundError:
        return ""


def forget(layout: Layout) -> None:
    """It is tried anew."""
    _failure(layout).unlink(missing_ok=True)


def _code(layout: Layout) -> Path:
    return layout.store.parent / "code"


def _failure(layout: Layout) -> Path:
    return layout.store.parent / "failure"
