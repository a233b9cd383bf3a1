"""The sentinel's record of crossings, read on from where the last reading ended."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from twinstage.inside.report import files
from twinstage.model.encoding import decode
from twinstage.model.names import Ecosystem, InstanceId, JobId
from twinstage.model.seen import Crossing, SentinelSeen
from twinstage.model.workload import WorkloadKey
from twinstage.runtime.local.lacks import UNNOTED
from twinstage.runtime.local.naming import instance_id
from twinstage.runtime.local.network.wires import Sentinel
from twinstage.runtime.runtime import Unavailable

_MOST = 10_000  # crossings a reading, and the rest of their file; what follows is read at the next


def read(ecosystem: Ecosystem, path: Path, after: int) -> tuple[Crossing, ...]:
    """Whole lines beyond ``after``; a crossing's seq is the offset of its line's end, so it grows and is never reused.

    ``path`` is the first file's: a later one says in its name where it begins (inside/report.py). What lies before the
    first one that is left was read and taken away.
    """
    found: list[Crossing] = []
    held = sorted(files(path).items())
    for number, (begins, file) in enumerate(held):
        following = held[number + 1][0] if number + 1 < len(held) else None
        if following is None or following > after:
            after = max(after, begins)
            found += _lines(ecosystem, file, begins, after)
        if len(found) >= _MOST:
            break
    return tuple(found)


def counted(ecosystem: Ecosystem, sentinel: Sentinel | None) -> SentinelSeen | None:
    """What it counts; None where it does not answer."""
    try:
        told = sentinel.ask(op="status") if sentinel else {}
    except Unavailable:
        return None
    if "starts" not in told:  # one of an older Twinstage, which is replaced when its ecosystem is
        return None
    answers = {(str(kind), str(answered)): int(count) for kind, answered, count in told["answers"]}
    return SentinelSeen(
        ecosystem=ecosystem,
        answers=answers,
        unread=int(told["unread"]),
        starts=int(told["starts"]),
        lacking=() if told.get("noted", True) else (UNNOTED,),
    )


def _lines(ecosystem: Ecosystem, path: Path, begins: int, after: int) -> list[Crossing]:
    try:
        with path.open("rb") as file:
            file.seek(after - begins)
            said = file.read()
    except FileNotFoundError:
        return []  # taken away since it was listed: it was read
    found, offset = [], after
    for line in said.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        offset += len(line)
        found.append(_crossing(ecosystem, offset, json.loads(line)))
    return found


def _crossing(ecosystem: Ecosystem, seq: int, told: dict[str, Any]) -> Crossing:
    source: WorkloadKey | JobId
    if "job" in told["source"]:
        source = JobId(told["source"]["job"])
        instance = InstanceId(told["wire"])
    else:
        source = key = decode(WorkloadKey, told["source"]["workload"])
        instance = instance_id(key, int(told["wire"].rpartition(".")[2]))
    return Crossing(
        seq=seq,
        at=datetime.fromisoformat(told["at"]),
        ecosystem=ecosystem,
        source=source,
        instance=instance,
        target=told["target"],
        kind=told["kind"],
        answered=told["answered"],
        advice=told.get("advice", ""),
        count=int(told.get("count", 1)),
    )
