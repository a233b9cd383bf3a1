"""A company's life on one machine: it ships, is refused, is killed in every part, and goes on.

One story, told in order: each test starts from the company that the one before left.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from acceptance_company import TinyCompany, Users, ask
from acceptance_person import Person
from acceptance_traces import left_behind, processes, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def tiny(somebody: Person) -> Iterator[TinyCompany]:
    """Up, with `back` and `front` in production, answering "one"."""
    company = TinyCompany(somebody, somebody.root / "company")
    company.done("up")
    company.done("submit", "--all")
    yield company
    company.twinstage("down")


def kill(tiny: TinyCompany, *words: str) -> None:
    """SIGKILL whatever of the company's processes carries these words; at least one must."""
    found = processes(tiny.person.root, *words)
    assert found, f"no process is {words}"
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):  # it died of its neighbour's death
            process.kill()
    psutil.wait_procs(found, timeout=10)


def test_it_answers_in_both_ecosystems(tiny: TinyCompany) -> None:
    assert tiny.ask("front", "/back") == "one one"
    assert tiny.ask("front", "/back", "staging") == "one one"
    until(lambda: "2 of 2" in tiny.done("status"), 20, "the mirror to be whole")


def test_up_again_changes_nothing(tiny: TinyCompany) -> None:
    before = {p.pid for p in left_behind(tiny.person.root)}
    assert "is up" in tiny.done("up")
    assert {p.pid for p in left_behind(tiny.person.root)} >= before


def test_a_live_commit_is_answered_so(tiny: TinyCompany) -> None:
    assert "live already" in tiny.done("submit", "back")


def test_a_new_release_replaces_the_old_one_and_no_request_fails(tiny: TinyCompany) -> None:
    commit = tiny.commit("back", "two")
    with Users(tiny.port("back"), {"one", "two"}) as users:
        assert "live" in tiny.done("submit", "back", commit)
        tiny.answers("back", "two")
    assert users.asked > 100
    assert not users.failed


def test_rollback_pins_and_resume_lets_go(tiny: TinyCompany) -> None:
    with Users(tiny.port("back"), {"one", "two"}) as users:
        tiny.done("rollback", "back", "--why", "two was a mistake")
        tiny.answers("back", "one")
        commit = tiny.commit("back", "three")
        held = tiny.twinstage("submit", "back", commit)
        assert held.returncode == 3, held.stdout
        assert "two was a mistake" in held.stdout
        users._words.add("three")
        tiny.done("resume", "back", "--why", "three is well")
        until(lambda: tiny.rollout("back").state == "live", 60, "the third release to be live")
        tiny.answers("back", "three")
    assert not users.failed


def test_an_unreviewed_commit_is_refused_with_words(tiny: TinyCompany) -> None:
    refused = tiny.twinstage("submit", "back", tiny.commit("back", "four", reviewed=False))
    assert refused.returncode == 1, refused.stdout
    assert "review" in refused.stdout
    assert tiny.ask("back") == "three"


def test_a_verification_that_fails_keeps_it_out_of_production(tiny: TinyCompany) -> None:
    failed = tiny.twinstage("submit", "back", tiny.commit("back", "five", verify="raise SystemExit('not like this')"))
    assert failed.returncode == 1, failed.stdout
    assert "not like this" in failed.stdout
    assert tiny.rollout("back").phase == "staging"


def test_one_that_ends_at_once_is_told_so_with_its_last_words(tiny: TinyCompany) -> None:
    commit = tiny.commit("back", "six", run="\"echo 'no database here' >&2; exit 3\"")
    failed = tiny.twinstage("submit", "back", commit)
    assert failed.returncode == 1, failed.stdout
    assert "status 3" in failed.stdout
    assert "no database here" in failed.stdout


def test_one_that_listens_elsewhere_is_told_the_port(tiny: TinyCompany) -> None:
    commit = tiny.commit("back", "seven", run="PORT=8123 exec python3 main.py")
    failed = tiny.twinstage("submit", "back", commit)
    assert failed.returncode == 1, failed.stdout
    assert "8123" in failed.stdout
    assert "$PORT" in failed.stdout


def test_an_abort_clears_the_lane_away(tiny: TinyCompany) -> None:
    commit = tiny.commit("back", "eight", verify="import time; time.sleep(60)")
    tiny.done("submit", "back", commit, "--no-wait")
    until(lambda: tiny.rollout("back").state == "verifying", 30, "the verification to run")
    tiny.done("abort", tiny.rollout("back").id, "--why", "changed our mind")
    assert tiny.rollout("back").state == "aborted"
    assert tiny.ask("back") == "three"


def test_a_newer_commit_supersedes_one_that_is_not_verified(tiny: TinyCompany) -> None:
    older = tiny.commit("back", "nine", verify="import time; time.sleep(60)")
    tiny.done("submit", "back", older, "--no-wait")
    until(lambda: tiny.rollout("back").state == "verifying", 30, "the verification to run")
    tiny.done("submit", "back", tiny.commit("back", "ten"))
    with tiny.client() as client:
        states = {r.commit: r.state for r in client.rollouts(service="back")}
    assert states[older] == "superseded"
    assert tiny.ask("back") == "ten"


def test_control_c_stops_the_waiting_and_not_the_release(tiny: TinyCompany) -> None:
    commit = tiny.commit("front", "eleven")
    shipping = tiny.person.start("script/twinstage", "submit", "front", commit, cwd=tiny.home)
    until(lambda: tiny.rollout("front").commit == commit, 30, "the submission to arrive")
    shipping.send_signal(signal.SIGINT)
    said, _ = shipping.communicate(timeout=20)
    assert shipping.returncode == 130, said
    assert "twinstage" in said
    until(lambda: tiny.rollout("front").state == "live", 60, "it to be live all the same")
    tiny.answers("front", "eleven")


def test_what_is_not_there_is_a_mistake_of_usage(tiny: TinyCompany) -> None:
    missing = tiny.twinstage("submit", "frunt")
    assert missing.returncode == 2, missing.stdout
    assert "front" in missing.stdout


def test_every_mistake_of_a_definition_is_told_at_once(tiny: TinyCompany) -> None:
    broken = "service: back\nruns: x\ninstances: {production: 0}\n"
    (tiny.home / "back" / "twinstage.yaml").write_text(broken)
    checked = tiny.twinstage("check", str(tiny.home / "back" / "twinstage.yaml"))
    assert checked.returncode == 3, checked.stdout
    assert checked.stdout.count("twinstage.yaml:") >= 3
    assert "run" in checked.stdout
    tiny.git("back", "checkout", "-q", "--", ".")


@pytest.mark.parametrize(
    "words", [("twinstage.daemon",), ("keeper",), ("twinstage.inside.sentinel",)], ids=lambda w: w[0]
)
def test_users_feel_nothing_when_it_is_killed(tiny: TinyCompany, words: tuple[str, ...]) -> None:
    with Users(tiny.port("back"), {"ten"}) as users:
        kill(tiny, *words)
        until(lambda: processes(tiny.person.root, *words), 30, "it to be started again")
        before = users.asked
        until(lambda: users.asked > before + 80, 30, "users to have asked on")
    assert not users.failed
    until(lambda: "healthy" in tiny.done("status"), 30, "all parts to be well")


@pytest.mark.parametrize("words", [("main.py",), ("/opt/envoy",), ("/desired/supervisord.conf",)], ids=lambda w: w[0])
def test_it_heals_when_it_is_killed(tiny: TinyCompany, words: tuple[str, ...]) -> None:
    kill(tiny, *words)
    port = tiny.port("front")
    until(lambda: ask(port, "/back") == "eleven ten", 60, "production to answer again")
    until(lambda: ask(tiny.port("front", "staging"), "/back") == "eleven ten", 60, "staging to answer again")


def test_the_whole_company_is_killed_at_once_and_goes_on(tiny: TinyCompany) -> None:
    for process in left_behind(tiny.person.root):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    until(lambda: not left_behind(tiny.person.root), 20, "everything to be dead")
    tiny.done("up")
    tiny.answers("back", "ten", 60)
    port = tiny.port("front")
    until(lambda: ask(port, "/back") == "eleven ten", 60, "both to answer again")


def test_down_leaves_nothing_and_up_continues(tiny: TinyCompany) -> None:
    tiny.done("down")
    assert not left_behind(tiny.person.root)
    assert not tiny.socket.exists()
    assert f"{tiny.person.root}/" not in Path("/proc/self/mountinfo").read_text()
    again = tiny.twinstage("down")
    assert again.returncode in {0, 4}, again.stdout
    assert "tiny" in again.stdout
    tiny.done("up")
    tiny.answers("back", "ten", 60)


def test_two_ups_at_once_are_one(tiny: TinyCompany) -> None:
    tiny.done("down")
    both = [tiny.person.start("script/twinstage", "up", cwd=tiny.home) for _ in range(2)]
    said = [one.communicate(timeout=120)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    tiny.answers("back", "ten", 60)


def test_control_c_while_it_comes_up(tiny: TinyCompany) -> None:
    tiny.done("down")
    rising = tiny.person.start("script/twinstage", "up", cwd=tiny.home)
    until(lambda: bool(left_behind(tiny.person.root)), 20, "something to run")
    os.kill(rising.pid, signal.SIGINT)
    said, _ = rising.communicate(timeout=30)
    assert rising.returncode in {0, 130}, said
    assert "Traceback" not in said
    tiny.done("up")
    tiny.answers("back", "ten", 60)
