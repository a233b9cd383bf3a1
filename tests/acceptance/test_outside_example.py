"""The example that calls a TLS host outside, as its page says: one host in production, another in staging, nothing else."""

import json
import os
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_ground import REPOSITORY, ended, short_directory
from acceptance_person import Person
from examples.outside import provider

from contract.local_bench import machine_address
from twinstage.client import Client
from twinstage.inside.outside import HERE
from twinstage.runtime.local.sandbox import toolchain

pytestmark = [pytest.mark.real, pytest.mark.acceptance, pytest.mark.timeout(240)]
PORT = 8443


class Somewhere(Person):
    """Somebody on a machine that knows the provider's two names."""

    def command(self, *arguments: str) -> list[str]:
        hosts = str(self.root / "hosts")
        if os.geteuid() == 0:
            view = ["unshare", "--mount", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
        else:
            bwrap = str(toolchain.bwrap_home() / toolchain.BWRAP)
            view = [bwrap, "--dev-bind", "/", "/", "--bind", hosts, "/etc/hosts", "--"]
        return [*view, *super().command(*arguments)]


@pytest.fixture(scope="module")
def home() -> Iterator[tuple[Person, Path]]:
    """The example, up and shipped, and its provider on this machine."""
    root = short_directory()
    person = Somewhere(root, REPOSITORY, None)
    person.environment[HERE] = ",".join(provider.HOSTS)
    (root / "hosts").write_text(f"127.0.0.1 localhost\n{machine_address()} {' '.join(provider.HOSTS)}\n")
    home = root / "home" / "outside"
    shutil.copytree(REPOSITORY / "examples" / "outside", home)
    listening = provider.server(home / "quotes" / "provider.pem", PORT)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        git(person, home, "init", "-qb", "main")
        commit(person, home, "Quotes at the provider's rate")
        done(person, home, "up")
        done(person, home, "submit", "quotes")
        yield person, home
    finally:
        ended(person)
        listening.shutdown()
        listening.server_close()
        thread.join()


def git(person: Person, home: Path, *arguments: str) -> None:
    said = person.run(str(shutil.which("git")), "-C", "quotes", *arguments, cwd=home)
    assert said.returncode == 0, said.stdout


def commit(person: Person, home: Path, title: str) -> None:
    named = ("-c", "user.name=Ada", "-c", "user.email=ada@quotes.example")
    git(person, home, "add", "-A")
    git(person, home, *named, "commit", "-qm", title, "-m", "Reviewed-by: Bob <bob@quotes.example>")


def done(person: Person, home: Path, *arguments: str) -> str:
    said = person.twinstage(*arguments, cwd=home)
    assert said.returncode == 0, said.stdout
    return said.stdout


def quote(port: int) -> dict[str, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/?amount=100", timeout=10) as answer:
        return dict(json.load(answer))


def test_each_ecosystem_is_answered_by_its_own_host(home: tuple[Person, Path]) -> None:
    with Client(home[0].root / "run" / "outside" / "api" / "api.sock", name="outside", patience=20) as client:
        (row,) = client.status().services
    production, staging = (row.ports[name].frontend for name in ("production", "staging"))
    assert quote(production) == {"quote": "108.00", "by": "api.rates.example"}
    assert quote(staging) == {"quote": "125.00", "by": "sandbox.rates.example"}


def test_what_it_newly_called_outside_stands_in_its_history(home: tuple[Person, Path]) -> None:
    assert "api.rates.example:8443" in done(*home, "why", "quotes")


def test_a_release_that_calls_productions_host_from_staging_gets_nowhere(home: tuple[Person, Path]) -> None:
    person, where = home
    main = where / "quotes" / "main.py"
    main.write_text(main.read_text().replace("{os.environ['RATES_URL']}", "https://api.rates.example:8443"))
    commit(person, where, "Ask the provider that counts")
    assert person.twinstage("submit", "quotes", cwd=where).returncode != 0
    said = done(person, where, "why", "quotes")
    assert "api.rates.example" in said
    assert "staging" in said
