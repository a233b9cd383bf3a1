"""``python3 -m twinstage.inside.probe TARGETS.json``: a line of JSON for each technique, then how many there were.

Ends with 0 whenever everything was tried: whether anything passed is in the lines. 2: it could not begin.
"""

import json
import sys
from pathlib import Path

from twinstage.inside.probe import calls, files, names, network, processes, sockets, sources
from twinstage.inside.probe.technique import Targets, Technique, tried

TECHNIQUES: tuple[Technique, ...] = (
    *network.TECHNIQUES,
    *sources.TECHNIQUES,
    *names.TECHNIQUES,
    *sockets.TECHNIQUES,
    *processes.TECHNIQUES,
    *calls.TECHNIQUES,
    *files.TECHNIQUES,
)


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python3 -m twinstage.inside.probe TARGETS.json", file=sys.stderr)
        return 2
    try:
        targets = Targets.read(json.loads(Path(sys.argv[1]).read_text()))
    except (OSError, KeyError, TypeError, ValueError) as trouble:
        print(f"twinstage: cannot read what to probe in {sys.argv[1]}: {trouble}", file=sys.stderr)
        return 2
    for technique in TECHNIQUES:
        print(tried(technique, targets).line(), flush=True)
    print(json.dumps({"tried": len(TECHNIQUES)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
