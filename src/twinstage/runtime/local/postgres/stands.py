"""How the database server, our own work on databases, and a gate with throwaway databases stand in their sandboxes. Pure."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import twinstage.inside.databases
import twinstage.inside.throwaway
from twinstage.model.database import MAIN
from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.runtime.local import instance
from twinstage.runtime.local.instance import Stand
from twinstage.runtime.local.postgres import names, server
from twinstage.runtime.local.postgres.binaries import Binaries
from twinstage.runtime.local.postgres.credentials import Credentials
from twinstage.runtime.local.sandbox import scripts, toolchain
from twinstage.runtime.local.sandbox.toolchain import Bind

_PATIENCE = 60
"""Seconds in which a server may begin to answer: its first start makes the data directory."""
_LOCK_TIMEOUT = "5s"
_VERBS = {JobKind.PREPARE: "prepare", JobKind.DROP: "drop"}
THROWAWAY_PORT = 5432


def of_server(ecosystem: Ecosystem, binaries: Binaries) -> Stand:
    """The ecosystem's server: keeps its network, to listen on its 127.0.0.1."""
    told = server.files(ecosystem, binaries)
    binds = [
        *instance.seen(server.PROGRAM),
        *binaries.binds,
        Bind(source=server.DATA, target=server.DATA, writable=True),
        Bind(source=server.DOOR, target=server.DOOR, writable=True),
    ]
    stand = instance.stand(binds, {}, server.PROGRAM, "/", told["run"], alone=False)
    return replace(stand, files={**stand.files, **told}, cache=server.DOOR)


def of_work(job: Job, name: str, binaries: Binaries, credentials: Credentials) -> Stand:
    """PREPARE and DROP."""
    return _work(_VERBS[job.kind], name, _told(job, credentials), binaries)


def of_measure(job: Job, name: str, binaries: Binaries) -> Stand:
    """What a migration is measured by: another sandbox than the release's, which never sees the superuser's socket."""
    (database,) = job.databases
    told = {
        "owner": names.role(job.service, job.data),
        "login": names.migrator(job.service, job.data),
        "database": names.database(job.service, database, job.data),
    }
    return _work("measure", name, told, binaries)


def beside(stand: Stand, job: Job, binaries: Binaries) -> Stand:
    """The same gate beside a server of its own, which sees the programs of ``binaries``."""
    told = {
        "bin": binaries.bin,
        "port": THROWAWAY_PORT,
        "role": names.role(job.service, MAIN),
        "databases": [names.database(job.service, name, MAIN) for name in job.databases],
    }
    start = (
        f"{stand.limits}exec {toolchain.BIN}/python3 {scripts.INSIDE}/throwaway.py {scripts.INSIDE}/work.json "
        f'-- /bin/sh -c "$(cat {scripts.INSIDE}/run)"\n'
    )
    program = Path(twinstage.inside.throwaway.__file__).read_text()
    return replace(stand, files={**stand.files, "throwaway.py": program, "work.json": json.dumps(told), "init": start})


def throwaway_urls(job: Job) -> dict[str, str]:
    """Variables of a gate's databases. There is no password to them; some drivers insist on one."""
    return {
        names.variable(name): names.url(
            names.role(job.service, MAIN),
            "throwaway",
            names.database(job.service, name, MAIN),
            host=instance.HOST,
            port=THROWAWAY_PORT,
        )
        for name in job.databases
    }


def urls(
    databases: tuple[str, ...], login: str, where: tuple[Ecosystem, ServiceName, str], credentials: Credentials
) -> dict[str, str]:
    """Variables of an ecosystem's databases for who comes in as ``login``. ``where``: ecosystem, service, data."""
    ecosystem, service, data = where
    return {
        names.variable(name): names.url(
            login,
            credentials.password(login),
            names.database(service, name, data),
            port=names.PORTS[ecosystem],
        )
        for name in databases
    }


def _work(verb: str, name: str, told: Mapping[str, object], binaries: Binaries) -> Stand:
    program = Path(twinstage.inside.databases.__file__).read_text()
    whole = {**told, "bin": binaries.bin, "door": server.DOOR, "patience": _PATIENCE}
    command = f"exec {toolchain.BIN}/python3 {scripts.INSIDE}/databases.py {verb} {scripts.INSIDE}/work.json"
    binds = [*instance.seen(name), *binaries.binds, Bind(source=server.DOOR, target=server.DOOR)]
    stand = instance.stand(binds, {}, server.PROGRAM, "/", command, alone=True)
    files = {**stand.files, "databases.py": program, "work.json": json.dumps(whole)}
    return replace(stand, files=files, cache=server.DOOR)


def _told(job: Job, credentials: Credentials) -> dict[str, object]:
    owner, login = names.role(job.service, job.data), names.migrator(job.service, job.data)
    main = names.role(job.service, MAIN)
    return {
        "owner": owner,
        "roles": [
            {
                "name": role,
                "verifier": credentials.verifier(role),
                "connections": server.OF_ONE_ROLE,
                "member": member,
                "lock_timeout": _LOCK_TIMEOUT,
            }
            for role, member in ((owner, None), (login, owner))
        ],
        "databases": [
            {
                "name": names.database(job.service, name, job.data),
                "owner": owner,
                "from": None if job.data == MAIN else {"name": names.database(job.service, name, MAIN), "owner": main},
            }
            for name in job.databases
        ],
    }
