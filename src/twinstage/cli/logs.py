"""``twinstage logs``"""

import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Annotated

import typer

from twinstage import wire
from twinstage.cli.company import Json, Named, reach
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.visible import in_json, spoken
from twinstage.client import Client, Refused

EVERY = 0.5
"""Seconds between two looks of --follow."""
LONGEST = 64 * 1024
"""Bytes of a line; a longer one is printed in pieces, so that one without an end does not fill the memory."""

Subject = Annotated[
    str,
    typer.Argument(
        metavar="SERVICE|INSTANCE|JOB|ROLLOUT", help="Whose log: `status SERVICE` lists instances.", show_default=False
    ),
]
Tail = Annotated[int, typer.Option("--tail", "-n", min=0, max=100_000, help="Lines of each log to begin with; 0: all.")]


def logs(
    subject: Subject,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.", show_default=False)] = False,
    tail: Tail = 200,
    ecosystem: Named = None,
    json: Json = False,
) -> None:
    """Print logs: of a service's instances, of one instance, of a job, or of all a rollout's jobs and instances.

    Of a rollout that is over, too: what its instances said stays until it is collected.
    """
    with reach(ecosystem) as client:
        sources = _sources(client, subject)
        if not sources:
            raise Stop(Exit.DONE, f"{subject} has no instance and no job that could have written anything")
        printer = _Printer(client, sources, tail, json)
        try:
            found = printer.once(last=not follow)
            while follow:
                time.sleep(EVERY)
                printer.once(last=False)
        except KeyboardInterrupt:
            return
    if not found:
        raise Stop(Exit.USAGE, f"cannot show a log of {subject}: none is left", hint="`twinstage why` has the journal")


def _sources(client: Client, subject: str) -> list[str]:
    """Names of the logs that are meant, oldest first."""
    names = {row.name for row in client.services()}
    if subject in names:
        return [instance.id for instance in client.service(subject).instances]
    try:
        journey = client.why(subject)
    except Refused as refused:
        if refused.problem.status != 404:
            raise
        return [subject]
    jobs = [job.id for job in journey.jobs]
    release = journey.rollout.release
    if release is None or journey.rollout.service not in names:
        return [*jobs, *journey.spoken]
    # One that has only just started may not have written anything yet.
    running = [i.id for i in client.service(journey.rollout.service).instances if i.release == release]
    return [*jobs, *journey.spoken, *(id for id in running if id not in journey.spoken)]


class _Printer:
    """Knows of each log how much of it was printed."""

    def __init__(self, client: Client, sources: list[str], tail: int, json: bool) -> None:
        self._client, self._sources, self._tail, self._json = client, sources, tail, json
        self._read = dict.fromkeys(sources, 0)
        self._begun = dict.fromkeys(sources, b"")
        """The line of each that has no end yet."""

    def once(self, *, last: bool) -> bool:
        """Print what is new of all of them; with ``last`` a line without an end too. False: none of them has a log."""
        found = False
        for source in self._sources:
            tail = self._tail if self._read[source] == 0 else 0
            try:
                lines = self._lines(source)
                for line in deque(lines, maxlen=tail) if tail else lines:
                    self._print(source, line)
            except Refused:
                # One of several may have gone, or not have begun; the one that was asked for by name must be there.
                if len(self._sources) == 1:
                    raise
                continue
            found = True
            if last and self._begun[source]:
                self._print(source, self._begun[source])
        sys.stdout.flush()
        return found

    def _lines(self, source: str) -> Iterator[bytes]:
        for chunk in self._client.log(source, self._read[source]):
            self._read[source] += len(chunk)
            *whole, self._begun[source] = (self._begun[source] + chunk).split(b"\n")
            yield from whole
            if len(self._begun[source]) > LONGEST:
                yield self._begun[source]
                self._begun[source] = b""

    def _print(self, source: str, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        if self._json:
            text = in_json(wire.LogLine(source=source, text=text).model_dump_json())
        else:
            text = f"{source} | {spoken(text)}" if len(self._sources) > 1 else spoken(text)
        sys.stdout.write(text + "\n")
