"""The example that calls a TLS host outside, as its page says: one host in production, another in staging, nothing else."""

import json
import os
import shutil
import threading
from collections.abc import Iterator

import pytest
from acceptance_company import Company
from acceptance_ground import REPOSITORY, ended, short_directory
from acceptance_person import Person
from examples.outside import provider

from contract.local_bench import machine_address
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
def outside() -> Iterator[Company]:
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
        company = Company(person, home, "outside", "quotes.example")
        company.git("quotes", "init", "-q", "-b", "main")
        company.record("quotes", "Quotes at the provider's rate")
        company.done("up")
        company.done("submit", "quotes")
        yield company
    finally:
        ended(person)
        listening.shutdown()
        listening.server_close()
        thread.join()


def quote(outside: Company, ecosystem: str) -> dict[str, str]:
    return dict(json.loads(outside.ask("quotes", "/?amount=100", ecosystem)))


def test_each_ecosystem_is_answered_by_its_own_host(outside: Company) -> None:
    assert quote(outside, "production") == {"quote": "108.00", "by": "api.rates.example"}
    assert quote(outside, "staging") == {"quote": "125.00", "by": "sandbox.rates.example"}


def test_what_it_newly_called_outside_stands_in_its_history(outside: Company) -> None:
    assert "api.rates.example:8443" in outside.done("why", "quotes")


def test_a_release_that_calls_productions_host_from_staging_gets_nowhere(outside: Company) -> None:
    main = outside.home / "quotes" / "main.py"
    main.write_text(main.read_text().replace("{os.environ['RATES_URL']}", "https://api.rates.example:8443"))
    outside.record("quotes", "Ask the provider that counts")
    assert outside.twinstage("submit", "quotes").returncode != 0
    said = outside.done("why", "quotes")
    assert "api.rates.example" in said
    assert "staging" in said
