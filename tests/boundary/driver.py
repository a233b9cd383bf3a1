"""The first process of the tests' ecosystem: does what a line of JSON on its standard input says, answers with one.

``{"run": argv, "input": text, "timeout": seconds}`` -> ``{"code", "out", "err"}``; ``{"start": argv, "log": path}`` ->
``{"pid"}``; ``{"poll": pid}`` -> ``{"code": null or its status}``; ``{"end": pid, "signal": number}`` -> ``{"code"}``
when it has ended. The end of this process is the end of the sandbox.
"""

import json
import subprocess
import sys
from pathlib import Path

started: dict[int, subprocess.Popen[bytes]] = {}


def do(order: dict) -> dict:
    if "run" in order:
        try:
            done = subprocess.run(
                order["run"], input=order.get("input", ""), text=True, capture_output=True, timeout=order["timeout"]
            )
        except subprocess.TimeoutExpired as late:
            return {"code": -1, "out": str(late.stdout), "err": f"{late} {late.stderr!r}"}
        return {"code": done.returncode, "out": done.stdout, "err": done.stderr}
    if "start" in order:
        with Path(order["log"]).open("ab") as log:
            process = subprocess.Popen(order["start"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        started[process.pid] = process
        return {"pid": process.pid}
    if "poll" in order:
        return {"code": started[order["poll"]].poll()}
    process = started.pop(order["end"])
    process.send_signal(order["signal"])
    return {"code": process.wait(30)}


print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    print(json.dumps(do(json.loads(line))), flush=True)
