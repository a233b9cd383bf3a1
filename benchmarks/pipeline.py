"""What Twinstage itself adds to the way of a release: the whole way, minus build, gates, verification and bake.

A company of one service on this machine, with users; a release after another goes from submission to production by the real
command line. Taken away is what anybody would wait for: the union of the times in which its jobs ran, and the bakes that the
standard asks for. What is left holds the starts of jobs and instances, health checks, ticks, routes and their confirmations.

    .venv/bin/python benchmarks/pipeline.py [--releases N]
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from traffic import machine

from twinstage import wire
from twinstage.client import Client
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.places import Places

NAME = "bench"
BAKE, SETTLE = timedelta(seconds=2), timedelta(seconds=1)
SHARES = (50, 100)
ECOSYSTEM = f"""\
ecosystem: {NAME}
services:
  web: {{repository: web}}
standard:
  gates: [lint, unit, review]
  reviewers: ["*@shop.example"]
  canary: {{shares: [25], bake: {BAKE.seconds}s, longest: 60s}}
  production: {{shares: {list(SHARES)}, bake: {SETTLE.seconds}s}}
"""
DEFINITION = """\
service: web
build: python3 -m compileall -q .
run: exec python3 main.py
health: /
instances: {production: 2, staging: 1}
gates:
  lint: python3 -m py_compile main.py
  unit: python3 -c 'import main'
verify: python3 verify.py
drain: 1s
"""
MAIN = """\
import http.server, os

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"%d")

    def log_message(self, *_):
        pass

if __name__ == "__main__":
    http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answers).serve_forever()
"""

VERIFY = """\
import os, urllib.request

asked = urllib.request.Request(os.environ["TWINSTAGE_URL"], headers={"baggage": os.environ["TWINSTAGE_BAGGAGE"]})
urllib.request.urlopen(asked, timeout=5)
"""


@contextmanager
def company() -> Iterator[Path]:
    """Up, and nothing left behind."""
    root = Path(tempfile.mkdtemp(prefix="tsp-", dir="/tmp"))
    os.environ["TWINSTAGE_ROOT"] = str(root / "company")
    home = root / "home"
    (home / "web").mkdir(parents=True)
    git(home / "web", "init", "-q", "-b", "main")
    (home / "ecosystem.yaml").write_text(ECOSYSTEM)
    try:
        twinstage("up", str(home / "ecosystem.yaml"))
        yield home
    finally:
        twinstage("down", "--ecosystem", NAME)
        shutil.rmtree(root)
        del os.environ["TWINSTAGE_ROOT"]


def twinstage(*arguments: str) -> None:
    """Quiet when it succeeds; ends the benchmark with all it said when it does not."""
    command = [sys.executable, "-m", "twinstage.cli.entry", *arguments]
    ran = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode != 0:
        raise RuntimeError(f"`twinstage {' '.join(arguments)}` ended with status {ran.returncode}:\n{ran.stdout}")


def git(directory: Path, *arguments: str) -> None:
    named = ["-c", "user.name=Ada", "-c", "user.email=ada@shop.example"]
    subprocess.run(["git", "-C", str(directory), *named, *arguments], check=True, stdout=subprocess.DEVNULL)


def release(home: Path, number: int) -> None:
    """One commit from writing to production."""
    (home / "web" / "main.py").write_text(MAIN % number)
    (home / "web" / "verify.py").write_text(VERIFY)
    (home / "web" / "twinstage.yaml").write_text(DEFINITION)
    git(home / "web", "add", "-A")
    git(home / "web", "commit", "-q", "-m", f"Answer {number}\n\nReviewed-by: Bob <bob@shop.example>")
    twinstage("submit", "web", "--ecosystem", NAME)


@contextmanager
def users(port: int) -> Iterator[None]:
    """Somebody asks the production frontend without pause: a canary is judged by what users see."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.01):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                answer.read()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def covered(spans: Iterable[tuple[datetime, datetime]]) -> float:
    """Seconds of the union of these spans."""
    total, end = timedelta(0), None
    for first, last in sorted(spans):
        begins = first if end is None or first > end else end
        if last > begins:
            total += last - begins
            end = last
    return total.total_seconds()


def parts(journey: wire.Journey) -> Mapping[str, float]:
    """Seconds: ``whole``, ``jobs``, ``bakes``, ``own``, and what each state took of the whole."""
    rows = [row for row in journey.history if row.what == "rollout" and row.after]
    states = {f"in {a.after.split()[0]}": 0.0 for a in rows}
    for before, after in pairwise(rows):
        states[f"in {before.after.split()[0]}"] += (after.at - before.at).total_seconds()
    whole = (rows[-1].at - journey.rollout.submitted).total_seconds()
    jobs = covered((job.started, job.ended) for job in journey.jobs if job.started and job.ended)
    bakes = (BAKE + len(SHARES) * SETTLE).total_seconds()
    return {"whole": whole, "jobs": jobs, "bakes": bakes, "own": whole - jobs - bakes, **states}


def main() -> None:
    parser = argparse.ArgumentParser(description="What Twinstage itself adds to the way of a release.")
    parser.add_argument("--releases", type=int, default=5)
    told = parser.parse_args()
    print(machine(), flush=True)
    with company() as home:
        client = Client(Layout.on_host(Places.of(NAME)).api, name=NAME, patience=30)
        release(home, 0)
        port = client.service("web").ports["production"].frontend
        with users(port):
            for number in range(1, told.releases + 1):
                release(home, number)
        passages = client.history(service="web", limit=told.releases)
        found = [parts(client.why(passage.rollout.id)) for passage in passages]
    print(f"{f'{told.releases} releases of one service':34}{'median':>9}{'least':>9}{'most':>9}   of the whole")
    for name in found[0]:
        took = [part.get(name, 0.0) for part in found]
        share = statistics.median(part.get(name, 0.0) / part["whole"] for part in found)
        title = {"whole": "submitted to live", "jobs": "build, gates, verify", "own": "Twinstage's own"}.get(name, name)
        print(f"{title:34}{statistics.median(took):>7.2f} s{min(took):>7.2f} s{max(took):>7.2f} s{share:>12.2f}")


if __name__ == "__main__":
    main()
