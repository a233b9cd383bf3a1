"""Times, counts and identifiers as people read them. Pure: text in, text out."""

from collections.abc import Sequence
from datetime import datetime

from twinstage import wire


def span(seconds: float) -> str:
    """``0.4 s``, ``41 s``, ``3 m 05 s``, ``2 h 10 m``, ``3 d 4 h``."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def ago(then: datetime, now: datetime) -> str:
    """``just now``, ``3 m ago``: one unit is enough to judge age by."""
    seconds = (now - then).total_seconds()
    if seconds < 2:
        return "just now"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds)} s ago"


def until(then: datetime, now: datetime) -> str:
    """``until 12:03:21 (in 14 s)``; the date too where it is another day. Local time, as on the reader's clock."""
    left = (then - now).total_seconds()
    local, today = then.astimezone(), now.astimezone()
    clock = local.strftime("%H:%M:%S" if local.date() == today.date() else "%Y-%m-%d %H:%M")
    return f"until {clock} (in {span(left)})" if left > 0 else f"until {clock} (due)"


def moment(then: datetime, now: datetime) -> str:
    """``12:03:21``, with the date where it is another day. Local time."""
    local = then.astimezone()
    return local.strftime("%H:%M:%S" if local.date() == now.astimezone().date() else "%Y-%m-%d %H:%M:%S")


def short(identifier: str | None) -> str:
    """Enough of a commit or a release to tell it from its neighbours by eye."""
    if not identifier:
        return ""
    return identifier[:8] if identifier.startswith("r_") else identifier[:7]


def count(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def health(c: wire.Count | None) -> str:
    return f"{c.healthy}/{c.wanted}" if c else ""


def size(amount: int) -> str:
    """``0 B``, ``812 KiB``, ``1.4 GiB``."""
    value, unit = float(amount), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """``a, b and c``; the rest counted."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def bar(percent: float, width: int = 20, *, ascii_only: bool = False) -> str:
    """Filled to that share of 100; something is always seen of a share above 0."""
    full = round(width * max(0.0, min(percent, 100.0)) / 100)
    full = max(full, 1) if percent > 0 else 0
    on, off = ("#", ".") if ascii_only else ("━", "─")
    return on * full + off * (width - full)
