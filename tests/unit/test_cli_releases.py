"""Shipping, taking back and ending releases: what people read, and what the shell is told."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from face_company import SHOP, START, Company, reason, rollout
from face_shell import DEFINITION, Shell, Ticking, repository

from twinstage.cli import following
from twinstage.cli.skip import Skippable
from twinstage.model.names import RolloutId, ServiceName
from twinstage.model.reasons import Owner
from twinstage.model.release import Evidence
from twinstage.model.rollout import IntentVerb, State
from twinstage.pipeline.states import SKIPPED


def test_submit_ships_the_head_of_the_branch_and_says_so(shell: Shell, company: Company, tmp_path: Path) -> None:
    commit = repository(tmp_path / "orders", DEFINITION.format(name="orders"))
    with Ticking(company):
        said = shell("submit", "orders")
    assert (said.status, said.err) == (0, "")
    assert "orders r_777777777777 live in 41 s" in said.out
    assert company.mirror.known(company.file.services[1].service) == [commit]


def test_submit_without_waiting_prints_the_rollout(shell: Shell, company: Company, tmp_path: Path) -> None:
    repository(tmp_path / "orders", DEFINITION.format(name="orders"))
    with Ticking(company):
        said = shell("submit", "orders", "--no-wait")
    assert said.status == 0
    assert said.out.startswith("ro_orders")


def test_submit_all_tells_all_that_is_wrong_before_anything_is_shipped(
    shell: Shell, company: Company, tmp_path: Path
) -> None:
    """catalog's definition is wrong, orders is sound, payments has no repository: in this order they are looked at."""
    repository(tmp_path / "catalog", "service: catalog\n")
    sound = repository(tmp_path / "orders", DEFINITION.format(name="orders"))
    said = shell("submit", "--all")
    assert said.status == 3
    assert "✘ catalog: cannot submit commit" in said.err
    assert "twinstage.yaml:1" in said.err
    assert "✘ payments: " in said.err
    assert "nothing is shipped: 2 services cannot be" in said.err
    asked = company.store.intents(pending=False)
    assert not [it for it in asked if it.verb is IntentVerb.SUBMIT], "not even of the sound one"
    assert company.mirror.has(ServiceName("orders"), sound), "it is there for the next time"
    with Ticking(company):
        assert shell("submit", "orders", "--no-wait").out.startswith("ro_orders")


def test_submit_all_ships_every_service(shell: Shell, company: Company, tmp_path: Path) -> None:
    commits = {name: repository(tmp_path / name, DEFINITION.format(name=name)) for name in SHOP}
    with Ticking(company):
        said = shell("submit", "--all", "--no-wait")
    assert (said.status, said.err) == (0, "")
    assert [line.split()[0] for line in said.out.splitlines()] == [f"ro_{name}" for name in SHOP]
    assert {name: company.store.rollout(RolloutId(f"ro_{name}")).commit for name in SHOP} == commits


def test_what_the_controller_refuses_does_not_keep_the_others(shell: Shell, company: Company, tmp_path: Path) -> None:
    for name in SHOP:
        repository(tmp_path / name, DEFINITION.format(name=name))
    with Ticking(company, refuses="catalog"):
        said = shell("submit", "--all", "--no-wait")
    assert said.status == 0
    assert "✘ catalog: it is being removed" in said.err
    assert "1 service not shipped; the others go on" in said.err
    assert [line.split()[0] for line in said.out.splitlines()] == ["ro_orders", "ro_payments"]


def test_a_refused_gate_shows_gate_commit_cause_and_the_logs_end(
    shell: Shell, company: Company, tmp_path: Path
) -> None:
    commit = repository(tmp_path / "orders", DEFINITION.format(name="orders"))
    failed = Evidence(
        service=company.file.services[1].service, commit=commit, tree=commit, gate="unit", passed=False, by="twinstage",
        at=START, exit_status=1, detail="exit status 1", log_end="\x1b[31massert 3 == 4\x1b[0m\x1b]0;title\x07\n1 failed",
    )  # fmt: skip
    company.write(evidence=(failed,))
    why = reason("GATE_FAILED", gate="unit", commit=commit[:7], detail="exit status 1")
    with Ticking(company, State.FAILED, why):
        said = shell("submit", "orders")
    assert said.status == 1
    assert f"refused before staging: gate unit failed for commit {commit[:7]}: exit status 1" in said.out
    assert "│ assert 3 == 4" in said.out
    assert "│ 1 failed" in said.out
    assert "\x1b" not in said.out


def test_a_pinned_release_is_waiting_for_a_person(shell: Shell, company: Company, tmp_path: Path) -> None:
    repository(tmp_path / "orders", DEFINITION.format(name="orders"))
    why = reason("PINNED", Owner.OPERATOR, release="r_1", by="ada", why="it leaks")
    with Ticking(company, State.VERIFIED, why):
        said = shell("submit", "orders")
    assert said.status == 3
    assert "waits for a person: the service is pinned to r_1 by ada: it leaks" in said.out
    assert "twinstage resume orders" in said.out


def test_a_wrong_definition_is_refused_with_every_place(shell: Shell, company: Company, tmp_path: Path) -> None:
    repository(tmp_path / "orders", "service: orders\nrun: 7\ninstances: {production: 2}\nhealt: /\n")
    said = shell("submit", "orders")
    assert said.status == 3
    assert "twinstage.yaml:3" in said.err
    assert "twinstage.yaml:4" in said.err


def test_a_revision_that_is_not_there_is_a_usage_error(shell: Shell, company: Company, tmp_path: Path) -> None:
    repository(tmp_path / "orders", DEFINITION.format(name="orders"))
    said = shell("submit", "orders", "no-such-branch")
    assert said.status == 2
    assert "it has main" in said.err


def test_ctrl_c_stops_the_showing_and_says_that_the_rollout_goes_on(
    shell: Shell, company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(tmp_path / "orders", DEFINITION.format(name="orders"))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(following.progress.Lines, "show", interrupted)
    with Ticking(company, State.VERIFIED, reason("VERIFIED")):
        said = shell("submit", "orders")
    assert said.status == 130
    assert "still shipping" in said.err
    assert "twinstage watch" in said.err


def test_orders_are_answered_in_words(shell: Shell, company: Company) -> None:
    with Ticking(company):
        assert shell("resume", "orders").out.strip() == "resume it is"
        assert shell("rollback", "orders", "--why", "it leaks").out.strip() == "rollback it is"
    (back,) = [i for i in company.store.intents(pending=False) if i.verb is IntentVerb.ROLLBACK]
    assert back.why == "it leaks"
    assert "@" in back.by
    assert shell("rollback", "orders").status == 2


def test_a_rollback_past_a_schema_change_has_to_be_forced_in_so_many_words(shell: Shell, company: Company) -> None:
    with Ticking(company):
        shell("rollback", "orders", "--why", "it leaks")
        shell("rollback", "orders", "--force", "--why", "it leaks")
    plain, forced = [i for i in company.store.intents(pending=False) if i.verb is IntentVerb.ROLLBACK]
    assert dict(plain.args) == {"service": "orders"}
    assert dict(forced.args) == {"service": "orders", "force": "yes"}


def test_a_freeze_is_asked_for_with_its_end(shell: Shell, company: Company) -> None:
    with Ticking(company):
        assert shell("freeze", "--why", "a sale").out.strip() == "freeze it is"
        assert shell("freeze", "orders", "-m", "a sale", "--until", "2027-03-01T18:00Z").status == 0
        assert shell("unfreeze", "orders").out.strip() == "unfreeze it is"
        assert json.loads(shell("unfreeze", "--json").out)["verb"] == "unfreeze"
    every, one, *ends = company.store.intents(pending=False)[1:]
    assert (dict(every.args), every.why) == ({"service": "", "until": ""}, "a sale")
    assert dict(one.args) == {"service": "orders", "until": "2027-03-01T18:00:00+00:00"}
    assert [dict(i.args) for i in ends] == [{"service": "orders"}, {}]
    assert shell("freeze", "orders").status == 2
    when = shell("freeze", "-m", "a sale", "--until", "noon")
    assert (when.status, "18:00" in when.err) == (2, True)


def test_a_skip_names_the_phases_and_the_open_rollout(shell: Shell, company: Company) -> None:
    it = rollout("ro_5d1", "orders", State.VERIFIED, reason("PINNED", Owner.OPERATOR, release="r", by="a", why="b"))
    company.write(rollouts=((None, it),))
    with Ticking(company):
        said = shell("skip", "orders", "staging", "canary", "-m", "orders are lost", "--no-wait")
        assert (said.status, said.out.strip()) == (0, "skip it is")
        assert shell("skip", "ro_5d", "canary", "--why", "orders are lost").status == 3, "it waits for a person"
        assert shell("skip", "catalog", "canary", "--why", "x").status == 3
    intents = [i for i in company.store.intents(pending=False) if i.verb is IntentVerb.SKIP]
    assert [i.args["phases"] for i in intents] == ["staging canary", "canary"]
    assert {i.args["rollout"] for i in intents} == {"ro_5d1"}
    assert shell("skip", "orders", "qa", "-m", "x").status == 2
    assert shell("skip", "orders", "production", "-m", "x").status == 2
    assert {phase.value for phase in Skippable} == {phase.value for phase in SKIPPED.values()}
    assert shell("skip", "orders", "-m", "x").status == 2
    assert shell("skip", "orders", "staging").status == 2


def test_an_emergencys_phases_are_left_out_with_the_submission(shell: Shell, company: Company, tmp_path: Path) -> None:
    repository(tmp_path / "orders", DEFINITION.format(name="orders"))
    with Ticking(company, State.GATING, reason("GATES_RUNNING", gates="unit")):
        said = shell(
            "submit", "orders", "--skip", "development", "--skip", "canary", "-m", "orders are lost", "--no-wait"
        )
    assert (said.status, said.err.strip()) == (0, "skip it is")
    (intent,) = [i for i in company.store.intents(pending=False) if i.verb is IntentVerb.SKIP]
    assert (intent.args["phases"], intent.args["rollout"], intent.why) == (
        "development canary",
        "ro_orders",
        "orders are lost",
    )
    for wrong in (["orders", "--skip", "canary"], ["orders", "-m", "x"], ["--all", "--skip", "canary", "-m", "x"]):
        assert shell("submit", *wrong).status == 2


def test_an_order_that_is_refused_is_status_3(shell: Shell, company: Company) -> None:
    tick = threading.Thread(
        target=lambda: company.woken.wait() and company.answer(False, "there is nothing to go back to")
    )
    tick.start()
    said = shell("rollback", "orders", "--why", "it leaks")
    tick.join()
    assert (said.status, said.err.strip()) == (3, "there is nothing to go back to")


def test_abort_waits_until_it_is_cleared_away(shell: Shell, company: Company) -> None:
    over = reason("ABORTED", Owner.OPERATOR, by="ada", why="mistake")
    it = rollout("ro_5d1", "orders", State.STAGING, reason("VERIFIED"))
    company.write(rollouts=((None, it),))

    def tick() -> None:
        company.woken.wait()
        company.answer(True, "it retreats", "ro_5d1")
        company.write(rollouts=((it, replace(it, state=State.ABORTED, reason=over)),))

    thread = threading.Thread(target=tick)
    thread.start()
    said = shell("abort", "orders", "-m", "mistake")
    thread.join()
    assert said.status == 0
    assert "aborted by ada: mistake" in said.out
