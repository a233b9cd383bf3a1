"""The sentinel's record of crossings, read on from where the last reading ended."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from twinstage.model.encoding import decode
from twinstage.model.names import Ecosystem, InstanceId, JobId
from twinstage.model.seen import Crossing
from twinstage.model.workload import WorkloadKey
from twinstage.runtime.local.naming import instance_id

_MOST = 4 << 20  # bytes a reading; the rest is read at the next


def read(ecosystem: Ecosystem, path: Path, after: int) -> tuple[Crossing, ...]:
    """Whole lines beyond ``after``; a crossing's seq is the offset of its line's end, so it grows and is never reused."""
    try:
        with path.open("rb") as file:
            file.seek(after)
            said = file.read(_MOST)
    except FileNotFoundError:
        return ()
    found, offset = [], after
    for line in said.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        offset += len(line)
        found.append(_crossing(ecosystem, offset, json.loads(line)))
    return tuple(found)


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
    )
