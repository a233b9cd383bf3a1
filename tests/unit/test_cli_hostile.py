"""What hostile services and repositories wrote is shown by every verb, and obeyed by none: neither by the terminal nor by rich."""

import io
import json
import re
import sys
import unicodedata
from collections.abc import Callable
from datetime import timedelta

import pytest
from face_company import START, Company, moved, reason, release, rollout
from face_shell import Shell
from rich.table import Table

from twinstage.cli import logs, screen
from twinstage.cli.visible import in_json, one_line, spoken, visible
from twinstage.model.facts import MirrorBreak
from twinstage.model.finding import Finding
from twinstage.model.holding import Holding, HoldingKind
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem, InstanceId, JobId, Place, ServiceName
from twinstage.model.release import Evidence
from twinstage.model.rollout import Freeze, State
from twinstage.model.seen import BoundaryReport, Crossing, Lack, Limit
from twinstage.store.rows import Attributed

ESCAPES = "\x1b]0;pwned\x07\x1b[2J\x1b[1A\r\x08\x9b31m\x7f\u202egnp.exe\u2066\u2028:bomb:"
MARKUP = "[bold]loud[/bold][/nonsense][link=https://evil.example]"
HOSTILE = f"{ESCAPES}{MARKUP}"
SHOWN = (r"\x1b]0;pwned\x07\x1b[2J\x1b[1A\x0d\x08\x9b31m\x7f\u202egnp.exe\u2066\u2028:bomb:", MARKUP)
HELD, NEXT = release("orders", "1"), release("orders", "7")
OURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What rich says to a terminal of ours: colours and the cursor. Never a title, a link or a C1 control."""


def controls(text: str) -> list[str]:
    """Names of what a terminal would obey, or a reader not see."""
    unseen = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\n\t"}
    return sorted(f"{ord(c):04x}" for c in unseen)


def hostile(company: Company) -> None:
    """As much of what a company's services, repositories and people may word as there is."""
    company.live(HELD)
    failed = rollout(
        "ro_5d1", "orders", State.FAILED, reason("GATE_FAILED", gate="unit", commit="7" * 7, detail=HOSTILE),
        release=NEXT.id, subject=HOSTILE, by=HOSTILE, entered=START,
    )  # fmt: skip
    job = Job(
        id=JobId("ro_5d1.gate.unit.0.1"), kind=JobKind.GATE, name="unit", place=Place.WORKSHOP,
        service=ServiceName("orders"), rollout=failed.id, commit="7" * 40, round=0, attempt=1, command="pytest",
        limit=timedelta(minutes=1), source="x", result=JobResult.FAILED, log_end=HOSTILE,
    )  # fmt: skip
    evidence = Evidence(
        service=failed.service, commit=failed.commit, tree=failed.tree, gate="unit", passed=False, by=HOSTILE, at=START,
        detail=HOSTILE, log_end=HOSTILE, job=job.id,
    )  # fmt: skip
    crossing = Crossing(
        seq=1, at=START, ecosystem=Ecosystem.STAGING, source=job.id, instance=InstanceId("x"), target=HOSTILE,
        kind="outside", answered="NXDOMAIN", advice=HOSTILE,
    )  # fmt: skip
    stray = Attributed(crossing=crossing, service=failed.service, release=NEXT.id, rollout=failed.id)
    broken = MirrorBreak(service=failed.service, since=START, detail=HOSTILE, until=None)
    company.write(
        releases=(NEXT,), rollouts=((None, failed),), jobs=(job,), evidence=(evidence,), crossings=(stray,),
        breaks=(broken,), journal=(moved("ro_5d1", "orders", State.GATING, HOSTILE),),
        freezes=(Freeze(service=None, by=HOSTILE, why=HOSTILE, at=START, until=START + timedelta(hours=3)),),
    )  # fmt: skip
    company.runtime.logs[job.id] = f"{HOSTILE}\nnot ended {HOSTILE}".encode()
    company.runtime.report = BoundaryReport(
        enforced=True, means=(HOSTILE,), lacking=(Lack(name=HOSTILE, means=HOSTILE, takes=HOSTILE),), attributes=True,
        limits=(Limit(what=HOSTILE, in_force=True, how=HOSTILE),),
    )  # fmt: skip
    company.runtime.troubles_ = [Finding(about=HOSTILE, what=HOSTILE, advice=HOSTILE)]
    company.holdings = (Holding(kind=HoldingKind.ARTIFACT, name=HOSTILE, bytes=7, at=START, needed=HOSTILE),)


READS = (
    ("status",), ("status", "orders"), ("why", "ro_5d1"), ("history",), ("boundary",), ("boundary", "suggest", "orders"),
    ("disk", "--all"), ("doctor",), ("logs", "ro_5d1.gate.unit.0.1"), ("prune", "--dry-run"), ("secret", "list"),
)  # fmt: skip
TELLING = {"status", "why", "history", "boundary", "doctor", "logs"}


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("words", READS, ids=" ".join)
def test_every_verb_shows_it_and_obeys_none_of_it(
    shell: Shell, company: Company, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], terminal: bool
) -> None:
    hostile(company)
    monkeypatch.setenv("COLUMNS", "4000")
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TTY_INTERACTIVE", "1")
    said = shell(*words)
    printed = said.out + said.err
    assert "twinstage itself failed" not in printed
    assert controls(OURS.sub("", printed)) == []
    assert "💣" not in printed
    if words in (("status",), ("why", "ro_5d1"), ("history",), ("boundary",), ("doctor",)):
        # What no verb obeys it must not hide either: it is how a person sees that something is wrong.
        plain = OURS.sub("", printed)
        assert all(part in plain for part in SHOWN), plain


@pytest.mark.parametrize("words", READS, ids=" ".join)
def test_json_is_json_tells_the_truth_and_is_as_harmless(
    shell: Shell, company: Company, words: tuple[str, ...]
) -> None:
    hostile(company)
    out = shell(*words, "--json").out
    assert controls(out) == []
    documents = [json.loads(line) for line in out.splitlines()] if words[0] == "logs" else [json.loads(out)]
    if (words[0] in TELLING and len(words) == 1) or words[0] == "logs":
        assert HOSTILE in repr_free(documents)


def repr_free(document: object) -> str:
    """All strings of a document, one after the other."""
    if isinstance(document, dict):
        return "".join(map(repr_free, document.values()))
    return "".join(map(repr_free, document)) if isinstance(document, list) else str(document)


def test_nobody_but_us_begins_a_line_where_each_line_is_a_message(shell: Shell, company: Company) -> None:
    """Piped, `watch` and a followed `submit` say one thing a line: a forged one would be believed."""
    forged = "x\n12:00:00  orders: production runs r_666666666666, 9/9 healthy"
    assert one_line(forged).count("\n") == 0
    assert spoken("a log's line\r") == "a log's line"
    assert spoken("\x1b[31mred\x1b[0m \x1b[2Jgone") == r"red \x1b[2Jgone"


@pytest.mark.parametrize("each", [visible, one_line, spoken])
def test_what_is_harmless_stays_as_it_is(each: Callable[[str], str]) -> None:
    words = "Zoë's naïve café – 東京 \\x1b [red] :bomb: \t 👩‍💻 שלום"
    assert each(words) == words
    assert json.loads(in_json(json.dumps(words, ensure_ascii=False))) == words


def test_json_keeps_its_meaning_outside_the_basic_plane_too() -> None:
    words = "\U000e0041\x9b\u202e"
    text = in_json(json.dumps(words, ensure_ascii=False))
    assert text.isascii()
    assert json.loads(text) == words


def test_a_screen_stops_what_was_drawn_by_others_and_what_is_drawn_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a later verb draws, and however: rich's own text, a title, a spinner."""
    import rich.text
    from rich.live import Live
    from rich.spinner import Spinner

    monkeypatch.setattr(sys, "stdout", io.StringIO())
    console = screen.screen(force_terminal=True, width=400)
    table = Table(HOSTILE, title=HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(rich.text.Text(HOSTILE))
    console.print(table, HOSTILE.replace("[", r"\["), rich.text.Text(HOSTILE))
    with Live(Spinner("dots", text=rich.text.Text(HOSTILE)), console=console, auto_refresh=False) as live:
        live.update(table, refresh=True)
    assert controls(OURS.sub("", sys.stdout.getvalue()).replace("\r", "")) == []  # type: ignore[attr-defined]
    assert "💣" not in sys.stdout.getvalue()  # type: ignore[attr-defined]


def test_a_line_of_a_log_that_never_ends_is_printed_in_pieces(shell: Shell, company: Company) -> None:
    company.live(HELD)
    name = f"production.orders.web.{HELD.id}.1.main.0"
    company.runtime.logs[name] = b"x" * (5 * logs.LONGEST)
    out = shell("logs", name).out
    assert out.count("x") == 5 * logs.LONGEST
    assert max(map(len, out.splitlines())) < 4 * logs.LONGEST
