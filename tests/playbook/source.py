"""What a commit of the play holds: one definition, read by both platforms, and what ails it."""

from collections.abc import Mapping
from dataclasses import dataclass

from twinstage.config.definition import definition
from twinstage.model.names import ServiceName
from twinstage.model.release import Definition

REVIEWED = "Reviewed-by: Bob <bob@shop.example>"
STRAY = "10.99.0.1:80"
"""What a straying commit calls; nobody declares it."""

MAIN = """\
import http.server, os, sys, threading, urllib.request

WORD = {word!r}


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ill = os.environ.get("ILL") == "yes" and self.path != "/healthz"
        self.send_response(500 if ill else 200)
        self.end_headers()
        self.wfile.write(WORD.encode())

    def log_message(self, *_):
        pass


def stray(address):
    try:
        urllib.request.urlopen(f"http://{{address}}/", timeout=2)
    except OSError:
        pass


if __name__ == "__main__":
    for address in sys.argv[1:]:
        threading.Thread(target=stray, args=(address,), daemon=True).start()
    http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answers).serve_forever()
"""
PSQL = "postgres/18/bin/psql"
"""In a commit with a database."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One commit of a service."""

    service: str
    calls: tuple[str, ...] = ()
    ails: str = ""
    """``gate``, ``verify`` and ``wares``, the migration, fail; ``strays``: calls what it does not declare; ``canary``:
    answers with errors in production alone; ``unreviewed``."""
    slow: str = ""
    """``build``, ``verify`` or ``wares``, the migration, takes ``seconds``: longer than what is done meanwhile."""
    seconds: int = 60
    schema: str = ""
    """What it migrates its database ``wares`` with; empty: it has none."""

    @property
    def text(self) -> str:
        """twinstage.yaml"""
        return "\n".join(
            [
                f"service: {self.service}",
                f'build: "{self._job("build")}"',
                f"run: exec python3 main.py {STRAY if self.ails == 'strays' else ''}".rstrip(),
                "health: /healthz",
                "instances: {production: 2, staging: 1}",
                f"depends_on: [{', '.join(self.calls)}]",
                f"config: {{ILL: {{staging: 'no', production: {'yes' if self.ails == 'canary' else 'no'!r}}}}}",
                "gates:",
                f"  lint: {'exit 1' if self.ails == 'gate' else 'python3 -m py_compile main.py'}",
                "  unit: python3 -c 'import main'",
                f'verify: "{self._job("verify")}"',
                "drain: 1s",
                "databases: {wares: {migrate: sh migrate.sh}}" if self.schema else "",
                "",
            ]
        )

    def _job(self, name: str) -> str:
        return f"sleep {self.seconds}" if self.slow == name else "false" if self.ails == name else "true"

    def definition(self) -> Definition:
        return definition(self.text, f"{self.service}/twinstage.yaml", service=ServiceName(self.service))

    def files(self, word: str) -> Mapping[str, str]:
        """What is committed, by name; it answers ``word``. Its migration takes PSQL."""
        migration = f'{self._job("wares")} && {PSQL} -Xq -c "{self.schema}" "$WARES_DATABASE_URL"\n'
        return {"twinstage.yaml": self.text, "main.py": MAIN.format(word=word), "migrate.sh": migration}


def ecosystem(services: tuple[str, ...]) -> str:
    """ecosystem.yaml of a company that is in a hurry and always has users; each repository lies beside it."""
    return "\n".join(
        [
            "ecosystem: tiny",
            "services:",
            *(f"  {service}: {{repository: {service}}}" for service in services),
            "standard:",
            "  gates: [lint, unit, review]",
            '  reviewers: ["*@shop.example"]',
            "  canary: {shares: [24, 25], bake: 1s, longest: 60s}",
            "  production: {shares: [100], bake: 1s}",
            "",
        ]
    )
