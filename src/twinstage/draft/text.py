"""The file that is written: valid as it stands, and commented where a person should look."""

import json
import re
from collections.abc import Iterator

from twinstage.config.schema import File, modeline
from twinstage.draft.code import secret
from twinstage.draft.guess import Guess, Survey
from twinstage.draft.survey import STANDARD

_PLAIN = re.compile(r"(?:[A-Za-z/$]|\./)[^\x00-\x1f\x7f#:{}\[\],&*!|>'\"%@`]*")
NOTHING = 'echo "write the command that starts the service into twinstage.yaml" >&2; exit 1'


def text(found: Survey) -> str:
    """Ends in a newline. Every guess has what it comes from beside it."""
    lines = [
        modeline(File.SERVICE),
        "# How this service is built, checked, verified and run: in staging, as a canary and in production alike.",
        "",
    ]
    lines += _line("service", found.service)
    if found.build is not None:
        lines += _line("build", found.build)
    run = found.run or Guess(value=NOTHING, why="", look="nothing says how the service is started: write the command")
    lines += _line("run", run)
    if found.port is not None:
        lines += _line("port", found.port, quoted=False)
    if found.health is not None:
        lines += _line("health", found.health)
    else:
        lines += ["# health: /healthz   # a path that answers 200 once it can serve; without it an open port is enough"]
    lines += ["instances: {production: 2, staging: 1}"]
    lines += [*_depends_on(found), *_config(found), *_gates(found), *_verify(found)]
    # A file may be called anything; what it is called must not become a line of ours.
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines) + "\n"


def _line(key: str, guess: Guess, *, quoted: bool = True) -> list[str]:
    above = [f"# LOOK: {guess.look}"] if guess.look else []
    beside = f"   # {guess.why}" if guess.why else ""
    return [*above, f"{key}: {scalar(guess.value) if quoted else guess.value}{beside}"]


def _depends_on(found: Survey) -> Iterator[str]:
    if found.depends_on:
        yield "# The services that it calls, each found in NAME_URL. It can reach no others."
        yield "depends_on:"
        yield from (f"  - {guess.value}   # {guess.why}" for guess in found.depends_on)
    else:
        yield "# depends_on: [payments]   # the services that it calls, each found in NAME_URL; it can reach no others"


def _config(found: Survey) -> Iterator[str]:
    plain = [guess for guess in found.settings if not secret(guess.value)]
    if not plain:
        return
    yield "# Variables that it reads. Uncomment what it needs: one value, or one for each ecosystem."
    yield "# config:"
    yield from (f"#   {guess.value}: {{staging: ..., production: ...}}   # {guess.why}" for guess in plain)


def _gates(found: Survey) -> Iterator[str]:
    yield "gates:" if found.gates else "# gates:"
    for gate in (*STANDARD, *(gate for gate in found.gates if gate not in STANDARD)):
        if gate in found.gates:
            yield from (f"  {line}" for line in _line(gate, found.gates[gate]))
        else:
            yield f"#  {gate}: ...   # LOOK: no command was found, and the company's standard asks for one"


def _verify(found: Survey) -> Iterator[str]:
    if found.verify is not None:
        yield from _line("verify", found.verify)
        return
    yield "# verify: pytest tests/staging   # runs inside staging against the candidate at TWINSTAGE_URL"


def scalar(value: str) -> str:
    """As YAML reads it back: plain where that is safe, else in double quotes."""
    ambiguous = value.lower() in ("true", "false", "null", "yes", "no", "on", "off", "~")
    if _PLAIN.fullmatch(value) and not value.endswith(" ") and not ambiguous:
        return value
    return json.dumps(value, ensure_ascii=False)
