"""What Twinstage itself does to an ecosystem's databases, in a sandbox of its own that has the superuser's socket mounted.

    python3 databases.py prepare|drop|measure WORK.json

* ``prepare``: ``roles`` and ``databases`` exist; one that names ``from`` begins as a copy of that one. What exists is left.
* ``drop``: every database of ``owner`` goes, and then ``roles``.
* ``measure``: ends what ``login`` still does in ``database`` and prints ``schema DIGEST``: sha256 over its catalogue, and
  ``server SINCE``: from when it has run without a break.

Every step may be the last one before a kill: done again, each comes to the same. Work on a service's data is done as its
own role, so that nothing that lies there (a function, a trigger) ever runs as the superuser. Trouble is one line on
standard error that begins with ``twinstage:``, and exit status 1. Imports the standard library alone: it is one file.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_SUPERUSER = "postgres"
_AGAIN = 0.1
_NOISE = (b"--", b"\\restrict", b"\\unrestrict")
_LOCKS = "60s"
"""How long a copy waits for somebody's migration."""


class Trouble(Exception):
    """What cannot be done, and why."""


class Server:
    """One ecosystem's server, by its programs and its socket."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._bin, self._door = str(told["bin"]), str(told["door"])
        self._patience = float(told["patience"])
        self.environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "PGCONNECT_TIMEOUT": "10"}

    def words(self, program: str, role: str, database: str, *more: str) -> list[str]:
        return [f"{self._bin}/{program}", "-h", self._door, "-U", role, "-d", database, *more]

    def await_it(self) -> None:
        """Until it answers: it may be making its data directory. Raises Trouble."""
        end = time.monotonic() + self._patience
        while True:
            try:
                self.ask("SELECT 1")
                return
            except Trouble as trouble:
                if time.monotonic() > end:
                    raise Trouble(f"the database server does not answer: {trouble}; see database.log") from None
            time.sleep(_AGAIN)

    def ask(self, text: str) -> list[str]:
        """The first column of what the superuser is answered."""
        return self._run(
            self.words("psql", _SUPERUSER, "postgres", "-XAtq", "-v", "ON_ERROR_STOP=1"), text
        ).splitlines()

    def there(self, database: str) -> bool:
        return bool(self.ask(f"SELECT 1 FROM pg_database WHERE datname = {literal(database)};"))

    def schema(self, owner: str, database: str) -> str:
        """A digest of the catalogue: of what a dump of it says, without what changes from one dump to the next."""
        options = ("--schema-only", "--no-owner", "--no-privileges", f"--lock-wait-timeout={_LOCKS}")
        dumped = self._run(self.words("pg_dump", owner, database, *options), "").encode()
        lines = [line for line in dumped.splitlines() if line.strip() and not line.startswith(_NOISE)]
        return hashlib.sha256(b"\n".join(lines)).hexdigest()

    def copy(self, source: Mapping[str, str], owner: str, database: str) -> None:
        """Everything of one database into another one that is empty. Raises Trouble with what either side said."""
        out = self.words("pg_dump", source["owner"], source["name"], "-Fc", "-Z0", f"--lock-wait-timeout={_LOCKS}")
        options = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
        into = self.words("pg_restore", owner, database, *options)
        with subprocess.Popen(out, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment) as dump:
            assert dump.stdout is not None
            assert dump.stderr is not None
            restored = subprocess.run(into, stdin=dump.stdout, capture_output=True, env=self.environment)
            dump.stdout.close()  # a dump that is still writing meets nobody there, and ends
            said = dump.stderr.read()
        if dump.returncode or restored.returncode:
            words = _words(said if dump.returncode and not restored.returncode else restored.stderr or said)
            raise Trouble(f"cannot copy {source['name']} to {database}: {words}")

    def _run(self, argv: list[str], text: str) -> str:
        done = subprocess.run(argv, input=text.encode(), capture_output=True, env=self.environment)
        if done.returncode:
            raise Trouble(_words(done.stderr) or f"{Path(argv[0]).name} ended with status {done.returncode}")
        return done.stdout.decode("utf-8", "replace")


def prepare(server: Server, told: Mapping[str, Any]) -> None:
    server.await_it()
    server.ask("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;")
    server.ask("\n".join(line for role in told["roles"] for line in _role(role)))
    for wanted in told["databases"]:
        name, owner, source = wanted["name"], wanted["owner"], wanted["from"]
        if source is None or not server.there(source["name"]):
            _make(server, name, owner)
        elif not server.there(name):
            # Beside its name until it is whole: a copy that was cut off is begun anew.
            half = f"new.{hashlib.sha256(name.encode()).hexdigest()[:16]}"
            server.ask(f"DROP DATABASE IF EXISTS {identifier(half)} WITH (FORCE);")
            _make(server, half, owner)
            server.copy(source, owner, half)
            server.ask(f"ALTER DATABASE {identifier(half)} RENAME TO {identifier(name)};")


def drop(server: Server, told: Mapping[str, Any]) -> None:
    server.await_it()
    owned = (
        f"SELECT datname FROM pg_database JOIN pg_roles r ON r.oid = datdba WHERE rolname = {literal(told['owner'])};"
    )
    for name in server.ask(owned):
        server.ask(f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE);")
    server.ask("\n".join(f"DROP ROLE IF EXISTS {identifier(role['name'])};" for role in reversed(told["roles"])))


def measure(server: Server, told: Mapping[str, Any]) -> None:
    server.await_it()
    mine = f"usename = {literal(told['login'])} AND datname = {literal(told['database'])}"
    server.ask(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {mine};")
    schema = server.schema(told["owner"], told["database"])
    # Begins anew with the server, also when a crash of one of its processes makes it begin by itself.
    (since,) = server.ask("SELECT backend_start FROM pg_stat_activity WHERE backend_type = 'checkpointer';")
    print(f"server {since}\nschema {schema}", flush=True)


def _role(role: Mapping[str, Any]) -> Iterable[str]:
    name = identifier(role["name"])
    yield f"SELECT 'CREATE ROLE {name}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(role['name'])})"
    yield "\\gexec"
    nothing = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    yield f"ALTER ROLE {name} LOGIN {nothing} CONNECTION LIMIT {int(role['connections'])}"
    yield f"PASSWORD {literal(role['verifier'])};"
    if role["member"] is not None:
        yield f"GRANT {identifier(role['member'])} TO {name};"
        yield f"ALTER ROLE {name} SET role = {literal(role['member'])};"
        # On the role, so that it holds whatever the driver: a migration that waits for a lock stops all who come after it.
        yield f"ALTER ROLE {name} SET lock_timeout = {literal(role['lock_timeout'])};"


def _make(server: Server, name: str, owner: str) -> None:
    text = f"CREATE DATABASE {identifier(name)} OWNER {identifier(owner)} TEMPLATE template0"
    server.ask(
        f"SELECT {literal(text)} WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {literal(name)})\n\\gexec\n"
        f"REVOKE CONNECT, TEMPORARY ON DATABASE {identifier(name)} FROM PUBLIC;"
    )


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _words(said: bytes) -> str:
    """What a program said last that is worth reading, in one line; what to do where we know."""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    text = next(
        (line for line in lines if "error:" in line or "ERROR:" in line or "FATAL:" in line), "".join(lines[-1:])
    )
    full = "No space left on device" in " ".join(lines)
    return f"{text[:500]}; the disk is full: `twinstage disk` shows what is held" if full else text[:500]


def main() -> int:
    work = {"prepare": prepare, "drop": drop, "measure": measure}
    try:
        verb, told = work[sys.argv[1]], json.loads(Path(sys.argv[2]).read_text())
        verb(Server(told), told)
    except Trouble as trouble:
        print(f"twinstage: cannot {sys.argv[1]} databases: {trouble}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
