"""The command line against a controller on a real Unix socket: what people read, and what the shell is told."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from face_company import START, Company, Served, moved, reason, release, rollout

from twinstage.cli import demo, following, main, watch
from twinstage.forge.repository import Repository
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem, JobId, Place
from twinstage.model.reasons import Owner, Reason
from twinstage.model.release import Evidence
from twinstage.model.rollout import IntentVerb, Rollout, State
from twinstage.runtime.local import host, places

CATALOG, ORDERS, NEXT = release("catalog", "c"), release("orders", "1"), release("orders", "7")
DEFINITION = """service: {name}
run: serve
instances: {{production: 2, staging: 1}}
gates: {{lint: "true", unit: "true", integration: "true"}}
"""

Shell = Callable[..., "Said"]


class Said:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    """Runs one command as a shell would; piped, in a directory without definitions."""
    monkeypatch.delenv("TWINSTAGE_ECOSYSTEM", raising=False)
    monkeypatch.setattr(following, "EVERY", 0.01)
    (tmp_path / "here").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "here")

    def run(*args: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["twinstage", *args])
        capsys.readouterr()
        status = main.run()
        return Said(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served() as running:
        yield running


@pytest.fixture
def company(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    made = Company(tmp_path)
    served.show(made)
    monkeypatch.setattr(places, "socket_root", lambda: served.root)
    yield made
    made.store.close()


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "socket_root", lambda: tmp_path / "none")


def repository(where: Path, text: str) -> str:
    where.mkdir()
    (where / "twinstage.yaml").write_text(text)
    name = ("-c", "user.name=ada", "-c", "user.email=ada@shop.example")
    for args in (("init", "-q", "-b", "main"), ("add", "."), (*name, "commit", "-q", "-m", "First")):
        subprocess.run(["git", "-C", str(where), *args], check=True)
    return Repository(where).resolve()


class Ticking:
    """A stand-in for the controller: answers what is asked, and ships what is submitted as far as ``end``."""

    def __init__(self, company: Company, end: State = State.LIVE, why: Reason | None = None) -> None:
        self.company, self.end, self.why = company, end, why or reason("LIVE")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Ticking":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.company.woken.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            self.company.woken.wait()
            self.company.woken.clear()
            for intent in self.company.store.intents():
                if intent.verb is IntentVerb.SUBMIT:
                    self._ship(intent.args["service"], intent.args["commit"])
                else:
                    self.company.answer(True, f"{intent.verb} it is")

    def _ship(self, service: str, commit: str) -> None:
        company = self.company
        it = rollout(f"ro_{service}", service, State.BUILDING, reason("BUILDING", commit=commit[:7]), commit=commit)
        it = replace(it, submitted=company.now)
        company.write(rollouts=((None, it),))
        company.answer(True, f"{service} is on its way", it.id)
        company.now += timedelta(seconds=11)
        self._move(it, replace(it, state=State.GATING, reason=reason("GATES_RUNNING", gates="unit")))
        company.now += timedelta(seconds=30)
        it = company.store.rollout(it.id)
        made = release(service, "7").id if self.end is State.LIVE else None
        self._move(it, replace(it, state=self.end, reason=self.why, release=made, entered=company.now))

    def _move(self, before: Rollout, after: Rollout) -> None:
        entry = moved(after.id, after.service, after.state, after.reason.sentence)
        self.company.write(rollouts=((before, after),), journal=(entry,))


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


def test_submit_all_ships_what_it_can_and_tells_the_rest(shell: Shell, company: Company, tmp_path: Path) -> None:
    repository(tmp_path / "orders", DEFINITION.format(name="orders"))
    repository(tmp_path / "catalog", "service: catalog\n")
    with Ticking(company):
        said = shell("submit", "--all")
    assert said.status == 0
    assert "live in" in said.out
    assert "catalog" in said.err
    assert "twinstage.yaml:1" in said.err
    assert "2 services not shipped" in said.err


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


def test_orders_are_answered_in_words(shell: Shell, company: Company) -> None:
    with Ticking(company):
        assert shell("resume", "orders").out.strip() == "resume it is"
        assert shell("rollback", "orders", "--why", "it leaks").out.strip() == "rollback it is"
    (back,) = [i for i in company.store.intents(pending=False) if i.verb is IntentVerb.ROLLBACK]
    assert back.why == "it leaks"
    assert "@" in back.by
    assert shell("rollback", "orders").status == 2


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


def test_logs_of_a_service_name_the_instance_of_each_line(shell: Shell, company: Company) -> None:
    company.live(CATALOG, ORDERS)
    for number in range(2):
        name = f"production.orders.web.{ORDERS.id}.1.main.{number}"
        company.runtime.logs[name] = f"started {number}\nlistening\n".encode()
    out = shell("logs", "orders").out
    assert f"production.orders.web.{ORDERS.id}.1.main.1 | started 1" in out
    assert shell("logs", "orders", "-n", "1").out.count("started") == 0


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
    assert shell("logs", job.id).out == "whole log\nassert 3 == 4\n"
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


def test_an_unreachable_controller_is_trouble_of_the_platform(shell: Shell, nobody: None) -> None:
    said = shell("status", "-e", "shop")
    assert said.status == 4
    assert "cannot reach the controller of shop: nothing listens on" in said.err
    assert "twinstage up" in said.err


def test_the_company_is_told_by_option_then_file_then_the_only_one(
    shell: Shell, company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.live(CATALOG)
    assert shell("status").status == 0
    (tmp_path / "here" / "ecosystem.yaml").write_text("ecosystem: bank  # with a mistake\nservice: {}\n")
    assert "controller of bank" in shell("status").err
    monkeypatch.setenv("TWINSTAGE_ECOSYSTEM", "shop")
    assert shell("status").status == 0
    assert "controller of other" in shell("status", "-e", "other").err


def test_several_companies_have_to_be_told_apart(shell: Shell, company: Company) -> None:
    other = places.socket_root() / "bank" / "api"
    other.mkdir(parents=True)
    (other / "api.sock").touch()
    said = shell("status")
    shutil.rmtree(other.parent)
    assert said.status == 2
    assert "bank, shop are up" in said.err


def test_nothing_is_up(shell: Shell, nobody: None) -> None:
    assert shell("status").status == 4
    down = shell("down")
    assert (down.status, down.out.strip()) == (0, "nothing is up")


def test_check_tells_every_mistake_at_once(shell: Shell, nobody: None, tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "twinstage.yaml").write_text(DEFINITION.format(name="orders"))
    good = shell("check")
    assert (good.status, "3 gates" in good.out) == (0, True)
    (here / "twinstage.yaml").write_text("service: orders\nrun: 7\nhealt: /\n")
    bad = shell("check")
    assert bad.status == 3
    assert "3 mistakes" in bad.err or "4 mistakes" in bad.err
    assert "twinstage.yaml:3" in bad.err
    (here / "company.yaml").write_text("ecosystem: shop\nservices: {orders: {repositry: ../orders}}\n")
    assert "repository" in shell("check", "company.yaml").err
    assert shell("check", "nothing.yaml").status == 2


def test_usage_and_version(shell: Shell) -> None:
    assert shell("version").out.startswith("twinstage ")
    assert shell("sbmit").status == 2
    assert shell("submit").status == 2
    helped = shell("--help").out
    assert "Exit statuses" in helped
    assert "trouble of the platform" in " ".join(helped.split())


def test_an_unexpected_error_is_one_line_and_a_file(
    shell: Shell, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("twinstage.cli.table.draw", broken)
    said = shell("status")
    assert said.status == 4
    first, second = said.err.splitlines()[:2]
    assert first == "twinstage itself failed: ZeroDivisionError: by nought"
    path = Path(next(word for word in second.split() if word.startswith("/")).rstrip(";"))
    assert "in broken" in path.read_text()
    path.unlink()


def test_up_tells_every_mistake_and_starts_nothing(
    shell: Shell, nobody: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "up", lambda *_: pytest.fail("started"))
    (tmp_path / "here" / "ecosystem.yaml").write_text(
        "ecosystem: shop\nservices: {orders: {branch: main}}\nruntim: x\n"
    )
    said = shell("up")
    assert said.status == 3
    assert "ecosystem.yaml has 2 mistakes" in said.err
    assert "runtime" in said.err
    assert shell("up", "elsewhere.yaml").status == 2


def test_up_brings_the_file_into_force_and_says_what_to_do_next(
    shell: Shell, company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "up", lambda _file, report: report("starting production"))
    (tmp_path / "here" / "ecosystem.yaml").write_text("ecosystem: shop\nservices: {orders: {repository: ../orders}}\n")
    with Ticking(company):
        said = shell("up")
        company.live(ORDERS)
        again = shell("up")
    assert (said.status, said.err) == (0, "")
    assert "starting production" in said.out
    assert "shop is up after" in said.out
    assert "twinstage submit --all" in said.out
    assert "http://127.0.0.1:10001" in again.out


def test_a_machine_that_cannot_is_told_what_it_lacks(
    shell: Shell, nobody: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise host.HostTrouble(
            "cannot bring up sealed ecosystems on this machine:\n- no user namespaces: write a profile"
        )

    monkeypatch.setattr(host, "up", refuses)
    (tmp_path / "here" / "ecosystem.yaml").write_text("ecosystem: shop\nservices: {orders: {repository: ../orders}}\n")
    said = shell("up")
    assert said.status == 4
    assert said.err.splitlines() == [
        "cannot bring up sealed ecosystems on this machine:", "- no user namespaces: write a profile",
    ]  # fmt: skip


def test_down_twice_is_answered_sensibly(
    shell: Shell, company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[str] = []
    monkeypatch.setattr(host, "down", stopped.append)
    monkeypatch.setattr(places, "state_root", lambda: tmp_path / "state")
    (tmp_path / "here" / "ecosystem.yaml").write_text("ecosystem: shop\n")
    assert shell("down").out == "shop was never up here\n"
    (tmp_path / "state" / "shop").mkdir(parents=True)
    assert "shop is down; `twinstage up` continues" in shell("down").out
    monkeypatch.setattr(places, "socket_root", lambda: tmp_path / "none")
    assert shell("down").out == "shop is down\n"
    assert stopped == ["shop", "shop"]


def test_demo_hands_its_arguments_to_the_play(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[list[str]] = []

    class Play:
        def __init__(self, command: list[str]) -> None:
            played.append(command)

        def wait(self) -> int:
            return 1

    monkeypatch.setattr(demo.subprocess, "Popen", Play)
    assert shell("demo", "--exit", "--help").status == 1
    assert played == [[sys.executable, "-m", "twinstage.demo", "--exit", "--help"]]
