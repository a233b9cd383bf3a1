"""An ecosystem's databases under test: the jobs that a controller would put, and SQL as an instance runs it."""

import itertools
import os
import subprocess
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil

from contract.bench import PORTS, key, serve
from contract.local_bench import PSQL, LocalBench
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem, JobId, Place, RolloutId, ServiceName
from twinstage.model.workload import Workload
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.postgres import names
from twinstage.runtime.local.postgres.credentials import Credentials

_numbers = itertools.count(1)


class Data:
    """Of the suite's company: one database of ``orders``, new to each test."""

    def __init__(self, local: LocalBench, layout: Layout) -> None:
        self.local, self.layout = local, layout
        self.name = f"t{next(_numbers)}"
        self.psql = f'{PSQL} "${names.variable(self.name)}"'

    # ------------------------------------------------------------------------------------------------------------ jobs

    def job(
        self,
        kind: JobKind,
        *,
        service: str = "orders",
        data: str = "main",
        command: str = "",
        place: Place = Place.PRODUCTION,
        limit: timedelta = timedelta(minutes=2),
    ) -> Job:
        number = next(_numbers)
        migrates = kind is JobKind.MIGRATE
        made = self.local.command(command, limit=limit)
        return replace(
            made,
            id=JobId(f"00000001.{kind}.{place}-orders.0.{os.getpid()}{number}"),
            kind=kind,
            name=self.name if migrates else "databases",
            place=place,
            rollout=RolloutId("00000001"),
            service=ServiceName(service),
            source=made.source if migrates else "",
            artifact=made.artifact if migrates else None,
            databases=(self.name,),
            data=data,
        )

    def done(self, job: Job) -> Job:
        """Put, and over."""
        self.local.runtime.put_job(job, self.local.fence)
        self.local.settle(
            lambda: (found := self.local.runtime.jobs().get(job.id)) is not None and found.result is not None
        )
        return self.local.runtime.jobs()[job.id]

    def prepared(self, **more: object) -> None:
        job = self.done(self.job(JobKind.PREPARE, **more))  # type: ignore[arg-type]
        assert job.result is JobResult.SUCCEEDED, job.log_end

    def migrated(self, sql: str, **more: object) -> Job:
        """By psql, with that SQL on its standard input."""
        return self.done(self.job(JobKind.MIGRATE, command=f"{self.psql} <<'END'\n{sql}\nEND", **more))  # type: ignore[arg-type]

    def dropped(self, **more: object) -> None:
        job = self.done(self.job(JobKind.DROP, **more))  # type: ignore[arg-type]
        assert job.result is JobResult.SUCCEEDED, job.log_end

    # ------------------------------------------------------------------------------------------------------- instances

    def served(
        self,
        service: str = "orders",
        *,
        ecosystem: Ecosystem = Ecosystem.PRODUCTION,
        data: str = "main",
        declares: bool = True,
    ) -> Workload:
        """A healthy workload that runs the SQL that it is posted, and its route."""
        which = replace(key(service, ecosystem=ecosystem), data=data)
        workload = self.local.workload(which, "exec python3 main.py", 1)
        workload = replace(workload, databases=(self.name,) if declares else ())
        serve(self.local, workload)
        return workload

    def sql(
        self, text: str, *, service: str = "orders", ecosystem: Ecosystem = Ecosystem.PRODUCTION, url: str = ""
    ) -> str:
        """What an instance of the service is answered; psql's complaint where it is none."""
        headers = {"X-Url": url} if url else {}
        port = PORTS[service][ecosystem][0]
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", text.encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return str(answer.read().decode().strip())
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read().decode().strip()}"

    # ------------------------------------------------------------------------------------------------------ what is told

    def password(self, role: str, ecosystem: Ecosystem = Ecosystem.PRODUCTION) -> str:
        return Credentials(self.layout.keys / f"{ecosystem}.key").password(role)

    def url(self, role: str, database: str, *, ecosystem: Ecosystem = Ecosystem.PRODUCTION, port: int = 0) -> str:
        """As whoever knows that role's password would write it."""
        return names.url(role, self.password(role, ecosystem), database, port=port or names.PORTS[ecosystem])

    def postmaster(self, place: Place) -> psutil.Process:
        """The first process of that place's database server."""
        mark = str(self.layout.kept(place))
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if "/state/database/data" in words and words[0].endswith("/postgres"):
                told = Path(f"/proc/{process.pid}/mountinfo").read_text()
                if f"{mark}/database" in told:
                    return process
        raise AssertionError(f"there is no database server in {place}")


def everywhere(layout: Layout, secret: str) -> list[str]:
    """Argument lists of all processes, and files on the disk (logs, configuration, data, orders), in which it stands."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            said = path.read_bytes()
        except OSError:
            continue
        if secret.encode() in said:
            found.append(f"{path}: {said.decode(errors='replace')}")
    tops = [str(layout.state), str(layout.sockets)]
    # By its standard input: an argument list with what is looked for would be found.
    listed = subprocess.run(["grep", "-rlaF", "-f", "-", *tops], input=secret, capture_output=True, text=True)
    return found + listed.stdout.splitlines()
