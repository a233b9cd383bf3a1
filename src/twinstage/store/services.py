"""The company's file, its services, and the ports that each of them has for as long as it exists."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlalchemy import Connection, Executable, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from twinstage.model.encoding import dumps
from twinstage.model.names import Ecosystem, Port, ServiceName
from twinstage.model.policy import EcosystemFile, Policy, ServiceEntry
from twinstage.model.rollout import Freeze, Intent, ServiceState
from twinstage.store import tables as t
from twinstage.store.database import Database
from twinstage.store.reading import read
from twinstage.store.rows import Change, Entry
from twinstage.store.trouble import NoPorts
from twinstage.store.writing import write

FRONTENDS: Mapping[Ecosystem, int] = {Ecosystem.PRODUCTION: 10000, Ecosystem.STAGING: 14000}
BACKENDS: Mapping[Ecosystem, int] = {Ecosystem.PRODUCTION: 12000, Ecosystem.STAGING: 16000}
"""First port of each range of 1000. A service's four ports are equally far into them, so that people can tell them."""


class Services(Database):
    def ecosystem(self) -> EcosystemFile | None:
        """The company's file as last taken; None before the first."""
        with self.reading() as connection:
            body = connection.execute(select(t.ecosystem.c.body)).scalar()
        return None if body is None else read(EcosystemFile, body)

    def policy(self) -> Policy:
        """The company's standard; the defaults before there is a file."""
        file = self.ecosystem()
        return Policy() if file is None else file.policy

    def services(self) -> dict[ServiceName, ServiceState]:
        """Every service that was ever in the file, by name; see ``removed``."""
        with self.reading() as connection:
            bodies = connection.execute(select(t.services.c.body).order_by(t.services.c.name)).scalars().all()
        states = [read(ServiceState, body) for body in bodies]
        return {state.service: state for state in states}

    def freezes(self) -> dict[ServiceName | None, Freeze]:
        """Those that stand, by the service they freeze; None: the one of all."""
        with self.reading() as connection:
            bodies = connection.execute(select(t.freezes.c.body).order_by(t.freezes.c.scope)).scalars().all()
        return {freeze.service: freeze for freeze in (read(Freeze, body) for body in bodies)}

    def configure(self, file: EcosystemFile, free: Callable[[Port], bool], intent: Intent, journal: Entry) -> None:
        """Take the company's file: new services get ports, known ones their new repository, missing ones are removed.

        ``free`` says whether a frontend port can be bound on this machine; one that cannot is never given out.
        The intent is answered in the same transaction.
        """
        with self.writing() as connection:
            connection.execute(_kept(file))
            known = {s.service: s for s in self._states(connection)}
            for entry in file.services:
                self._enter(connection, entry, known.pop(entry.service, None), free)
            for gone in known.values():
                if not gone.removed:
                    left = replace(gone, removed=True, removed_at=intent.answered, version=gone.version + 1)
                    _update(connection, left)
            write(connection, Change(at=intent.answered or intent.at, intent=intent, journal=(journal,)))

    def _states(self, connection: Connection) -> list[ServiceState]:
        return [read(ServiceState, body) for body in connection.execute(select(t.services.c.body)).scalars()]

    def _enter(
        self, connection: Connection, entry: ServiceEntry, known: ServiceState | None, free: Callable[[Port], bool]
    ) -> None:
        if known is not None:
            state = replace(
                known, repository=entry.repository, branch=entry.branch, path=entry.path, removed=False, removed_at=None
            )
            if state != known:
                _update(connection, replace(state, version=known.version + 1))
            return
        offset = _offset(connection, entry.service, free)
        state = ServiceState(
            service=entry.service,
            repository=entry.repository,
            branch=entry.branch,
            path=entry.path,
            baselines=(),
            frontends={eco: Port(first + offset) for eco, first in FRONTENDS.items()},
            backends={eco: Port(first + offset) for eco, first in BACKENDS.items()},
            secrets_version=dict.fromkeys(Ecosystem, 1),
        )
        values = {"name": state.service, "version": state.version, "body": dumps(state)}
        connection.execute(insert(t.services).values(values))


def _kept(file: EcosystemFile) -> Executable:
    body = dumps(file)
    return upsert(t.ecosystem).values(id=1, body=body).on_conflict_do_update(index_elements=["id"], set_={"body": body})


def _update(connection: Connection, state: ServiceState) -> None:
    values = {"version": state.version, "body": dumps(state)}
    connection.execute(update(t.services).where(t.services.c.name == state.service).values(values))


def _offset(connection: Connection, service: ServiceName, free: Callable[[Port], bool]) -> int:
    taken = set(connection.execute(select(t.offsets.c.number)).scalars())
    for number in range(1000):
        if number not in taken and all(free(Port(first + number)) for first in FRONTENDS.values()):
            connection.execute(insert(t.offsets).values(number=number, service=service))
            return number
    raise NoPorts(
        f"cannot give ports to {service}: none of 10000-10999 is free together with its like in 14000-14999; "
        "stop what listens there"
    )
