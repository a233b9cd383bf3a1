"""A company with honest services and one attacker for each family of ways across its boundary."""

import shutil
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from acceptance_company import TinyCompany, Users, ask
from acceptance_person import Person

from contract.local_bench import machine_address
from twinstage import wire
from twinstage.model.names import Ecosystem
from twinstage.runtime.local.postgres.names import PORTS as DATABASES

PROGRAM = Path(__file__).with_name("attack_program.py")
HONEST = ("back", "front", "steady")
"""``back`` is what everybody is after; ``steady`` may call it, ``front`` may not."""
DEFINITION = """\
service: {service}
run: exec python3 main.py
health: /healthz
instances: {{production: 1, staging: 1}}
depends_on: [{calls}]
config: {{WORD: {word}, STRIKES: {{production: '{production}', staging: '{staging}'}}}}
drain: 1s
{verify}"""


@dataclass(frozen=True, kw_only=True)
class Family:
    """One family of ways: what its service tries as soon as it starts, and what is said of that.

    ``{production}`` and ``{staging}``: the frontends of ``back``; ``{machine}``: an address of the machine.
    """

    strikes: str
    target: str
    kind: str
    advice: str
    answered: str
    verified: bool = False
    """Its verification does it, and says that all is well."""


FAMILIES = {
    "loopback": Family(
        strikes="call 127.0.0.1:{production}", target="production back", kind="other-ecosystem",
        advice="add `back` to depends_on in twinstage.yaml, then use BACK_URL", answered="403",
    ),
    "machine": Family(
        strikes="call {machine}:{production}", target="{machine}:{production}", kind="outside",
        advice="declare it under `outside` in twinstage.yaml", answered="403",
    ),
    "mapped": Family(
        strikes="call ::ffff:10.64.0.1:{production}", target="production back", kind="other-ecosystem",
        advice="add `back` to depends_on in twinstage.yaml, then use BACK_URL", answered="403",
    ),
    "name": Family(
        strikes="name back.production", target="production back", kind="other-ecosystem",
        advice="add `back` to depends_on in twinstage.yaml, then use BACK_URL", answered="NXDOMAIN",
    ),
    "database": Family(
        strikes="sql 127.0.0.1:{database}", target="production databases", kind="other-ecosystem",
        advice="declare it under `databases` in twinstage.yaml", answered="closed",
    ),
    "neighbour": Family(
        strikes="call 127.0.0.1:{staging}", target="back", kind="undeclared",
        advice="add `back` to depends_on in twinstage.yaml, then use BACK_URL", answered="403",
    ),
    "outside": Family(
        strikes="name api.elsewhere.example", target="dns api.elsewhere.example", kind="outside",
        advice="declare it under `outside` in twinstage.yaml", answered="NXDOMAIN",
    ),
    "raw": Family(
        strikes="call 198.51.100.7:80", target="198.51.100.7:80", kind="outside",
        advice="declare it under `outside` in twinstage.yaml", answered="403",
    ),
    "datagram": Family(
        strikes="datagram 198.51.100.7:4433", target="udp 198.51.100.7:4433", kind="outside",
        advice="declare it under `outside` in twinstage.yaml", answered="dropped",
    ),
    "tunnel": Family(
        strikes="tunnel whatweknow.t.example.com", target="dns whatweknow.t.example.com", kind="outside",
        advice="declare it under `outside` in twinstage.yaml", answered="NXDOMAIN",
    ),
    "verification": Family(
        strikes="call 127.0.0.1:{production}", target="production back", kind="other-ecosystem", verified=True,
        advice="add `back` to depends_on in twinstage.yaml, then use BACK_URL", answered="403",
    ),
    "stream": Family(
        strikes="stream whatweknow.s.example.com", target="dns whatweknow.s.example.com", kind="outside",
        advice="declare it under `outside` in twinstage.yaml", answered="NXDOMAIN",
    ),
}  # fmt: skip
ECOSYSTEM = f"""\
ecosystem: tiny
services:
{"".join(f"  {service}: {{repository: {service}}}{chr(10)}" for service in (*HONEST, *FAMILIES))}\
standard:
  gates: [review]
  reviewers: ["*@tiny.example"]
  canary: {{shares: [25], bake: 4s, longest: 60s}}
  production: {{shares: [100], bake: 1s}}
  limits: {{lanes: 20}}
"""


class AttackedCompany(TinyCompany):
    """Its file is in force; nothing is submitted yet."""

    def __init__(self, person: Person, home: Path) -> None:
        super().__init__(person, home)
        (home / "ecosystem.yaml").write_text(ECOSYSTEM)
        for service in ("steady", *FAMILIES):
            self.git(service, "init", "-q", "-b", "main")

    def commit(  # type: ignore[override]
        self, service: str, word: str, *, calls: str = "", production: str = "", staging: str = "", verify: str = ""
    ) -> str:
        """``production``, ``staging``: what it strikes at as soon as it starts there; ``verify``: what its verification does."""
        where = self.home / service
        shutil.copyfile(PROGRAM, where / "main.py")
        job = f"verify: WORD= python3 main.py '{verify}'\n" if verify else ""
        text = DEFINITION.format(
            service=service, word=word, calls=calls, production=production, staging=staging, verify=job
        )
        (where / "twinstage.yaml").write_text(text)
        return self.record(service, f"Say {word}")

    def aimed(self, text: str) -> str:
        """With the ports that this company has: everybody can learn them."""
        return text.format(
            production=self.port("back"),
            staging=self.port("back", "staging"),
            database=DATABASES[Ecosystem.PRODUCTION],
            machine=machine_address(),
        )

    def struck(self, service: str, what: str, ecosystem: str = "production") -> tuple[str, str]:
        """The word of the instance that tried it, and what came back."""
        word, _, answer = ask(self.port(service, ecosystem), f"/strike?{urllib.parse.quote(what)}").partition("\n")
        return word, answer

    def journalled(self, words: str) -> list[wire.JournalEntry]:
        with self.client() as client:
            return [entry for entry in client.journal(limit=200) if words in entry.why]

    @contextmanager
    def unharmed(self, service: str, *words: str) -> Iterator[None]:
        """No user of it is answered anything else meanwhile."""
        with Users(self.port(service), set(words)) as users:
            yield
        assert users.asked
        assert users.failed == []
