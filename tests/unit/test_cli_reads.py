"""What the command line shows, piped."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from face_company import LACKING, START, Company, QuietRuntime, moved, reason, release, rollout
from face_shell import Shell

from twinstage.cli import watch
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem, JobId, Phase, Place
from twinstage.model.reasons import Owner
from twinstage.model.release import Outside
from twinstage.model.rollout import Freeze, Kind, Skip, State
from twinstage.model.seen import Health, Lack

CATALOG, ORDERS, NEXT = release("catalog", "c"), release("orders", "1"), release("orders", "7")


def test_status_shows_services_as_rows_with_ports_and_the_mirror(shell: Shell, company: Company) -> None:
    company.live(CATALOG, ORDERS)
    said = shell("status")
    assert said.status == 0
    assert "mirror: 2 of 2 services whole" in said.out
    (line,) = [row for row in said.out.splitlines() if row.startswith("orders ")]
    assert "r_111111 1/1" in line
    assert "r_111111 2/2" in line
    assert "10001 → 12001" in line
    assert "14001 → 16001" in line
    assert "\x1b" not in said.out


def test_status_fits_a_narrow_terminal(shell: Shell, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.live(CATALOG, ORDERS)
    why = reason("BAKING", Owner.CLOCK, START + timedelta(minutes=1), share=5)
    canary = rollout("ro_5d1", "orders", State.CANARY, why, release=NEXT.id, share=5, exposed=START)
    company.write(releases=(NEXT,), rollouts=((None, canary),))
    monkeypatch.setenv("COLUMNS", "80")
    said = shell("status")
    assert max(map(len, said.out.splitlines())) <= 80
    assert "r_777777 5%" in said.out
    assert "95%" in said.out
    assert "canary on 5 % of production traffic" in said.out


def test_json_is_the_document_and_nothing_else(shell: Shell, company: Company) -> None:
    company.live(CATALOG, ORDERS)
    company.write(rollouts=((None, rollout("ro_5d1", "catalog", State.GATING, reason("GATES_RUNNING", gates="unit"))),))
    assert json.loads(shell("status", "--json").out)["ecosystem"] == "shop"
    assert json.loads(shell("status", "orders", "--json").out)["name"] == "orders"
    assert json.loads(shell("why", "catalog", "--json").out)["rollout"]["id"] == "ro_5d1"
    assert json.loads(shell("boundary", "--json").out)["enforced"] is True


def test_status_of_one_service_lists_its_instances(shell: Shell, company: Company) -> None:
    company.live(CATALOG, ORDERS)
    out = shell("status", "orders").out
    assert "http://127.0.0.1:10001" in out
    assert "production.orders.web.r_111111111111.1.main.1" in out


def test_why_answers_for_a_service_a_rollout_and_a_release(shell: Shell, company: Company) -> None:
    company.live(CATALOG, ORDERS)
    why = reason("WAITS_FOR_PLACE", Owner.PLATFORM, lanes=10)
    waits = rollout("ro_5d1", "orders", State.CANDIDATE, why, release=NEXT.id)
    company.write(releases=(NEXT,), rollouts=((None, waits),), journal=(moved("ro_5d1", "orders", State.CANDIDATE),))
    for subject in ("orders", "ro_5d", NEXT.id):
        out = shell("why", subject).out
        assert "waits for a free lane in staging (10 in use)" in out
        assert "limits.lanes" in out
        assert "the platform" in out
    assert "was never submitted" in shell("why", "payments").out
    missing = shell("why", "paymen")
    assert (missing.status, "cannot tell what paymen is" in missing.err) == (2, True)


def test_a_freeze_is_a_line_of_the_status_and_a_word_at_the_service(shell: Shell, company: Company) -> None:
    company.live(CATALOG, ORDERS)
    freeze = Freeze(service=ORDERS.service, by="ada", why="a sale", at=START, until=START + timedelta(hours=3))
    why = reason("VERIFYING")
    waits = rollout("ro_5d1", "orders", State.VERIFYING, why, release=NEXT.id)
    company.write(freezes=(freeze,), releases=(NEXT,), rollouts=((None, waits),))
    out = shell("status").out
    (line,) = [row for row in out.splitlines() if row.startswith("frozen: orders until ")]
    assert line.endswith("(in 3 h 00 m) by ada: a sale")
    assert len([row for row in out.splitlines() if row.startswith("frozen  ")]) == 1, out
    (freeze_of_one,) = json.loads(shell("status", "--json").out)["freezes"]
    assert (freeze_of_one["service"], freeze_of_one["why"]) == ("orders", "a sale")
    (told,) = [row for row in shell("why", "orders").out.splitlines() if row.startswith("frozen")]
    assert "by ada: a sale" in told
    assert "frozen" in shell("status", "orders").out
    assert "frozen" not in shell("status", "catalog").out


def test_a_skip_is_shown_wherever_its_rollout_is(shell: Shell, company: Company) -> None:
    company.live(CATALOG, ORDERS)
    asked = Skip(phase=Phase.STAGING, by="ada", why="orders are lost", at=START)
    it = rollout(
        "ro_5d1", "orders", State.VERIFIED, reason("VERIFIED"), release=NEXT.id, skips=frozenset({asked.phase}),
        skipped=(asked,),
    )  # fmt: skip
    company.write(releases=(NEXT,), rollouts=((None, it),))
    assert "staging is skipped by ada: orders are lost" in shell("status").out
    out = shell("why", "orders").out
    assert [row for row in out.splitlines() if row.startswith("skipped") and "staging, by ada: orders are lost" in row]
    assert json.loads(shell("why", "orders", "--json").out)["rollout"]["skipped"][0]["phase"] == "staging"


def shipped(company: Company) -> None:
    """orders: one live after all phases, one that skipped two and failed, one rolled back to, one on its way."""
    went = (State.GATING, State.STAGING, State.CANARY, State.PRODUCTION, State.LIVE)
    company.live(CATALOG)
    company.write(
        releases=(ORDERS, NEXT),
        rollouts=((None, rollout("ro_1", "orders", State.LIVE, reason("LIVE"), release=ORDERS.id, submitted=START,
                                 entered=START + timedelta(seconds=100), subject="Sell more", commit="1" * 40)),),
    )  # fmt: skip
    for number, state in enumerate(went):
        company.now = START + timedelta(seconds=20 * (number + 1))
        why = "the canary is as good as production: 0 of 61" if state is State.PRODUCTION else ""
        company.write(journal=(moved("ro_1", "orders", state, why),))
    asked = Skip(phase=Phase.STAGING, by="ada", why="orders are lost", at=START)
    failed = rollout(
        "ro_2", "orders", State.FAILED, reason("CRASHING", detail="0 of 2"), release=NEXT.id, commit="7" * 40,
        submitted=company.now, entered=company.now + timedelta(seconds=9), skips=frozenset({Phase.STAGING}),
        skipped=(asked,),
    )  # fmt: skip
    back = rollout(
        "ro_3", "orders", State.LIVE, reason("LIVE"), release=ORDERS.id, kind=Kind.ROLLBACK, by="grace@desk",
        submitted=company.now, entered=company.now + timedelta(seconds=3),
    )  # fmt: skip
    open_ = rollout("ro_4", "orders", State.BUILDING, reason("BUILDING", commit="999"), submitted=company.now)
    company.write(rollouts=((None, failed), (None, back), (None, open_)))
    entries = [moved("ro_2", "orders", s) for s in (State.GATING, State.VERIFIED, State.CANARY, State.RETREATING)]
    entries.append(moved("ro_3", "orders", State.VERIFIED, "rolls orders back from r_7 to r_1: customers complain"))
    entries += [moved("ro_3", "orders", s) for s in (State.PRODUCTION, State.LIVE)]
    company.write(journal=tuple(entries))


def test_history_tells_what_went_when_and_how(shell: Shell, company: Company) -> None:
    shipped(company)
    out = shell("history", "orders").out
    assert "\x1b" not in out
    blocks = ["\n".join(lines) for lines in _blocks(out)]
    assert len(blocks) == 4
    now, back, failed, live = blocks
    assert now.startswith("▸  orders")
    assert "building commit 999" in now
    assert "live by a rollback" in back
    assert "customers complain" in back
    assert "by grace@desk" in back
    assert "development" not in back, "it only came back"
    assert failed.startswith("✘  orders")
    assert "failed in canary" in failed
    assert "staging skipped" in failed
    assert "its instances keep failing in production: 0 of 2" in failed
    assert live.startswith("✔  orders")
    assert "after 1 m 40 s\n" in live
    assert "Sell more, by ada@build7" in live
    assert "1111111 Sell more" in live
    assert "development 40 s · staging 20 s · canary 20 s · production 20 s" in live
    assert "the canary is as good as production: 0 of 61" in live


def _blocks(out: str) -> list[list[str]]:
    blocks: list[list[str]] = []
    for line in out.splitlines():
        if line[:1].strip():
            blocks.append([])
        blocks[-1].append(line)
    return blocks


def test_history_fits_a_narrow_terminal_and_ends_at_its_limit(
    shell: Shell, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shell("history").out == "nothing was ever submitted\n"
    assert shell("history", "orders").out == "orders was never submitted\n"
    shipped(company)
    monkeypatch.setenv("COLUMNS", "70")
    assert max(map(len, shell("history").out.splitlines())) <= 70
    said = shell("history", "-n", "2").out
    assert [line[0] for line in said.splitlines() if line[:1].strip()] == ["▸", "✔", "t"]
    assert "the last 2 releases; --limit shows more" in said
    found = json.loads(shell("history", "orders", "--json").out)
    assert [(p["rollout"]["id"], p["seconds"]) for p in found[1:]] == [("ro_3", 3.0), ("ro_2", 9.0), ("ro_1", 100.0)]
    assert (found[0]["ended"], found[3]["steps"][0]["phase"]) == (None, "development")
    assert shell("history", "nobody").status == 2
    assert shell("history", "-n", "0").status == 2


def test_logs_of_a_service_name_the_instance_of_each_line(shell: Shell, company: Company) -> None:
    company.live(CATALOG, ORDERS)
    for number in range(2):
        name = f"production.orders.web.{ORDERS.id}.1.main.{number}"
        company.runtime.logs[name] = f"started {number}\nlistening\n".encode()
    out = shell("logs", "orders").out
    assert f"production.orders.web.{ORDERS.id}.1.main.1 | started 1" in out
    assert shell("logs", "orders", "-n", "1").out.count("started") == 0


def test_logs_of_a_rollout_that_retreated_are_what_its_instances_said(shell: Shell, company: Company) -> None:
    company.live(CATALOG, ORDERS)
    company.write(
        releases=(NEXT,),
        rollouts=(
            (None, rollout("ro_5d1", "orders", State.FAILED, reason("CANARY_WORSE", detail="x"), release=NEXT.id)),
        ),
    )
    gone = [f"production.orders.web.{NEXT.id}.1.main.0", f"staging.orders.web.{NEXT.id}.1.main.0"]
    company.runtime.logs |= dict.fromkeys(gone, b"no such table\n")
    company.runtime.logs[f"production.orders.web.{ORDERS.id}.1.main.0"] = b"all is well\n"
    said = shell("logs", "ro_5d1")
    assert said.status == 0
    assert said.out.splitlines() == [f"{name} | no such table" for name in gone]
    assert json.loads(shell("why", "ro_5d1", "--json").out)["spoken"] == gone


def test_logs_of_a_rollout_are_those_of_its_jobs(shell: Shell, company: Company) -> None:
    job = Job(
        id=JobId("ro_5d1.gate.unit.0.1"), kind=JobKind.GATE, name="unit", place=Place.WORKSHOP, service=ORDERS.service,
        rollout=rollout("ro_5d1", "orders", State.GATING, reason("VERIFIED")).id, commit="9" * 40, round=0, attempt=1,
        command="pytest", limit=timedelta(minutes=1), source="x", result=JobResult.FAILED, log_end="assert 3 == 4",
    )  # fmt: skip
    company.write(
        rollouts=((None, rollout("ro_5d1", "orders", State.GATING, reason("GATES_RUNNING", gates="unit"))),),
        jobs=(job,),
    )
    assert shell("logs", "ro_5d1").out == "assert 3 == 4\n"
    company.runtime.logs[job.id] = b"whole log\x1b[2J\nassert 3 == 4"
    assert shell("logs", job.id).out == "whole log\\x1b[2J\nassert 3 == 4\n"
    assert shell("logs", "nothing").status == 2


def test_watch_prints_a_line_for_every_change(shell: Shell, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.live(CATALOG, ORDERS)
    seen = iter([watch._next])

    def changed(*args: object) -> object:
        following_one = next(seen, None)
        if following_one is None:
            raise KeyboardInterrupt
        company.see(Ecosystem.PRODUCTION, (CATALOG, 2), (ORDERS, 1))
        return following_one(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(watch, "_next", changed)
    said = shell("watch")
    assert said.status == 0
    lines = [line for line in said.out.splitlines() if "orders: production runs" in line]
    assert [line.split(", ")[1] for line in lines] == ["2/2 healthy", "1/2 healthy"]


def test_status_and_boundary_show_a_host_that_both_ecosystems_call(shell: Shell, company: Company) -> None:
    hosts = dict.fromkeys(Ecosystem, "rates.example:443")
    rates = {"rates": Outside(hosts=hosts, shared="read-only, no account")}
    company.live(CATALOG, replace(ORDERS, definition=replace(ORDERS.definition, outside=rates)))
    assert "both ecosystems call rates.example:443 (orders): read-only, no account" in shell("boundary").out
    assert "shares rates.example:443 with production" in shell("status").out
    for found in (json.loads(shell("boundary", "--json").out), json.loads(shell("status", "--json").out)["mirror"]):
        assert found["shared"] == [{"service": "orders", "host": "rates.example:443", "why": "read-only, no account"}]


def test_status_and_boundary_say_which_limits_are_in_force(shell: Shell, company: Company) -> None:
    company.live(CATALOG, ORDERS)
    assert "limits: 1 of 2 are in force; `twinstage boundary` names the others" in shell("status").out
    told = shell("boundary").out
    assert "✔ limit of memory: by the kernel" in told
    assert "no limit of quotas" not in told, "it is among the lacks"
    company.runtime.report = replace(company.runtime.report, limits=company.runtime.report.limits[:1])
    assert "limits: all 1 are in force" in shell("status").out
    company.runtime.report = QuietRuntime().report
    for verb in ("status", "boundary"):
        found = json.loads(shell(verb, "--json").out)["limits"]
        assert [(it["what"], it["in_force"]) for it in found] == [("memory", True), ("quotas", False)]


def test_boundary_lists_walls_and_lacks_readably_in_eighty_columns(
    shell: Shell, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    walls = (
        "user: what counts as root in an ecosystem is nobody to the machine, whatever it does",
        "pid: it sees and signals no process but its own",
    )
    long = Lack(name="one kernel", means="a hole in it is a hole in every wall, and so it is " * 2, takes="two of them")
    company.runtime.report = replace(company.runtime.report, means=walls, lacking=(long, *LACKING))
    monkeypatch.setenv("COLUMNS", "80")
    lines = shell("boundary").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line[:8] for line in lines if line.startswith("  ✔")] == ["  ✔ user", "  ✔ pid:", "  ✔ limi"]
    named = lines.index("  ! one kernel")
    assert lines[named + 1].startswith("    means:      a hole in it")
    assert lines[named + 2].startswith("                "), "it goes on below itself"
    assert lines[named + 3 :][:2] == ["    would take: two of them", "  ! no groups"]
    assert lines[lines.index("  ! not in force: quotas") + 2] == "    would take: another file system"


def test_one_service_is_readable_in_eighty_columns(
    shell: Shell, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.live(CATALOG, ORDERS)
    company.see(Ecosystem.PRODUCTION, (ORDERS, 2), ill={ORDERS.id: Health.CRASHING})
    monkeypatch.setenv("COLUMNS", "80")
    lines = shell("status", "orders").out.splitlines()
    assert max(map(len, lines)) <= 80
    first = next(n for n, line in enumerate(lines) if line.startswith("production baseline  crashing"))
    assert lines[first + 1 : first + 3] == [
        "  production.orders.web.r_111111111111.1.main.0",
        "    exited with status 1",
    ]
