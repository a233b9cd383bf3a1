"""A company's life on one machine: it ships, is refused, is killed in every part, and goes on.

One story, told in order: each test starts from the company that the one before left.
"""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import stat
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from acceptance_company import ECOSYSTEM, VERIFY, TinyCompany, Users, ask, shipped
from acceptance_person import Person
from acceptance_traces import lasting, left_behind, networks, processes, remains, until

pytestmark = [pytest.mark.real, pytest.mark.acceptance, pytest.mark.timeout(300)]

ASKS = """\
import contextlib, socket
with contextlib.suppress(OSError):
    socket.getaddrinfo("api.rates.example", 443)
"""


@pytest.fixture(scope="module")
def tiny(somebody: Person) -> Iterator[TinyCompany]:
    """Up, with `back` and `front` in production, answering "one"."""
    with shipped(TinyCompany(somebody, somebody.root / "company")) as company:
        yield company


def kill(tiny: TinyCompany, *words: str) -> None:
    """SIGKILL whatever of the company's processes carries these words; at least one must."""
    found = processes(tiny.root, *words)
    assert found, f"no process is {words}"
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):  # it died of its neighbour's death
            process.kill()
    psutil.wait_procs(found, timeout=30)


def test_it_answers_in_both_ecosystems(tiny: TinyCompany) -> None:
    assert tiny.ask("front", "/back") == "one one"
    assert tiny.ask("front", "/back", "staging") == "one one"
    until(lambda: "2 of 2" in tiny.done("status"), 60, "the mirror to be whole")


def test_up_again_changes_nothing(tiny: TinyCompany) -> None:
    before = lasting(tiny.root)
    assert "is up" in tiny.done("up")
    assert lasting(tiny.root) >= before


def test_up_after_an_upgrade_restarts_the_controller_and_nothing_else(tiny: TinyCompany) -> None:
    before = lasting(tiny.root)
    (controller,) = processes(tiny.root, "twinstage.daemon")
    noted = tiny.root / "state" / "tiny" / "store" / "code"
    noted.write_text("what another version wrote when it started")
    with Users(tiny.port("back"), {"one"}) as users:
        assert "restarting the controller" in tiny.done("up")
    assert users.asked
    assert not users.failed
    gone = before - lasting(tiny.root)
    assert controller.pid in gone
    assert len(gone) <= 3, "the controller and what launched it"
    assert "restarting" not in tiny.done("up")


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
        tiny.comes_to("back", "live")
        tiny.answers("back", "three")
    assert not users.failed


def test_a_person_runs_a_command_in_an_instance(tiny: TinyCompany) -> None:
    with tiny.client() as client:
        until(lambda: len(client.service("back").instances) == 3, 30, "those of the release before to be gone")
        instances = {it.ecosystem: it.id for it in client.service("back").instances}
    here, there = instances["production"], instances["staging"]
    assert stat.S_IMODE(tiny.socket.with_name("exec.sock").stat().st_mode) == 0o600, "as the API's own"
    unknown = tiny.twinstage("exec", "production.back", "true")
    assert (unknown.returncode, here in unknown.stdout, there in unknown.stdout) == (2, True, True), unknown.stdout
    unsaid = tiny.twinstage("exec", here, "true")
    assert (unsaid.returncode, "say why" in unsaid.stdout) == (3, True), unsaid.stdout
    said = tiny.twinstage("exec", there, "--", "sh", "-c", "grep -c . /proc/self/status >/dev/null; echo $PORT; exit 5")
    with tiny.client() as client:
        backend = next(r for r in client.services() if r.name == "back").ports["staging"].backend
    assert (said.returncode, said.stdout) == (5, f"{backend}\n")
    everything = bytes(range(256)) * 4096
    asked = tiny.person.command("script/twinstage", "exec", there, "cat")
    piped = subprocess.run(
        asked, cwd=tiny.home, env=tiny.person.environment, input=everything, capture_output=True, timeout=60
    )
    assert (piped.returncode, piped.stdout == everything, piped.stderr) == (0, True, b"")
    _at_a_terminal(tiny, here)
    running = tiny.person.start("script/twinstage", "exec", there, "sleep", "876599", cwd=tiny.home)
    until(lambda: _sleeps("876599"), 60, "the command to run")
    running.kill()
    until(lambda: not _sleeps("876599"), 60, "the command to be gone")
    with tiny.client() as client:
        until(lambda: "went away" in client.journal(what="visit", newest=True)[-1].why, 60, "the journal to say so")
    told = tiny.done("history", "back")
    assert f"`/bin/sh` in {here}: exit status 9" in told
    assert "(because: it is slow)" in told
    assert f"in {there}: exit status 5" in told
    assert f"`sleep 876599` in {there}: whoever ran it went away" in told


def _at_a_terminal(tiny: TinyCompany, instance: str) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 41, 97, 0, 0))
    person = tiny.person.at_a_terminal(theirs, "script/twinstage", "exec", instance, "-m", "it is slow", cwd=tiny.home)
    os.close(theirs)
    _shown(ours, b"$ ")
    os.write(ours, b"stty size; grep NoNewPrivs: /proc/self/status; cat\n")
    assert b"NoNewPrivs:\t1" in (said := _shown(ours, b"Privs:\t1\r\n"))
    assert b"41 97" in said
    os.write(ours, b"here\n")
    _shown(ours, b"here\r\nhere\r\n")
    os.write(ours, b"\x03")
    _shown(ours, b"^C\r\n$ ")
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 42, 98, 0, 0))
    person.send_signal(signal.SIGWINCH)  # as its terminal would, were it its own
    os.write(ours, b"until stty size | grep 42; do :; done; exit 9\n")
    _shown(ours, b"42 98")
    with contextlib.suppress(OSError):  # so a terminal ends
        while os.read(ours, 4096):
            pass
    os.close(ours)
    assert person.wait(20) == 9


def _shown(terminal: int, what: bytes) -> bytes:
    said = b""
    while what not in said:
        assert select.select([terminal], [], [], 60)[0], said
        said += os.read(terminal, 4096)
    return said


def _sleeps(seconds: str) -> bool:
    return any(it.info["cmdline"] == ["sleep", seconds] for it in psutil.process_iter(["cmdline"]))


def test_an_unreviewed_commit_is_refused_with_words(tiny: TinyCompany) -> None:
    refused = tiny.twinstage("submit", "back", tiny.commit("back", "four", reviewed=False))
    assert refused.returncode == 1, refused.stdout
    assert "review" in refused.stdout
    assert tiny.ask("back") == "three"


def test_what_is_not_declared_is_recorded_or_fails_as_the_standard_says(tiny: TinyCompany) -> None:
    file = tiny.home / "ecosystem.yaml"
    try:
        file.write_text(ECOSYSTEM.replace("standard:\n", "standard:\n  undeclared: record\n"))
        tiny.done("up")
        assert "live" in tiny.done("submit", "front", tiny.commit("front", "one", verify=ASKS + VERIFY))
        assert "dns api.rates.example" in tiny.done("why", "front")
        assert "dns api.rates.example" in tiny.done("boundary")
        assert tiny.done("status").count("crossings") == 1
        lines = tiny.done("boundary", "suggest", "front")
        assert (
            'api-rates-example: {production: "api.rates.example.invalid:443", staging: "api.rates.example:443"}'
            in lines
        )
        with tiny.client() as client:
            (total,) = client.boundary().totals
            assert (total.service, total.kind, total.ecosystem) == ("front", "outside", "staging")
    finally:
        file.write_text(ECOSYSTEM)
        tiny.done("up")
    failed = tiny.twinstage("submit", "front", tiny.commit("front", "one", verify=ASKS + "# again\n" + VERIFY))
    assert failed.returncode == 1, failed.stdout
    assert "dns api.rates.example" in failed.stdout


def test_a_verification_that_fails_keeps_it_out_of_production(tiny: TinyCompany) -> None:
    failed = tiny.twinstage("submit", "back", tiny.commit("back", "five", verify="raise SystemExit('not like this')"))
    assert failed.returncode == 1, failed.stdout
    assert "not like this" in failed.stdout
    assert tiny.rollout("back").phase == "staging"


@pytest.fixture(scope="module")
def ailing(tiny: TinyCompany) -> "subprocess.Popen[str]":
    """A front on its way that never becomes healthy. It takes as long as a deploy may, so it does it beside another."""
    commit = tiny.commit("front", "seven", run="SICK=1 exec python3 main.py")
    return tiny.person.start("script/twinstage", "submit", "front", commit, cwd=tiny.home)


@pytest.mark.usefixtures("ailing")
def test_one_that_ends_at_once_is_told_so_with_its_last_words(tiny: TinyCompany) -> None:
    commit = tiny.commit("back", "six", run="\"echo 'no database here' >&2; exit 3\"")
    failed = tiny.twinstage("submit", "back", commit)
    assert failed.returncode == 1, failed.stdout
    assert "status 3" in failed.stdout
    assert "no database here" in failed.stdout


def test_one_that_never_becomes_healthy_is_told_so(tiny: TinyCompany, ailing: "subprocess.Popen[str]") -> None:
    said, _ = ailing.communicate(timeout=60)
    assert ailing.returncode == 1, said
    assert re.search(r"GET /healthz on port \d+ is not answered well: with status 503", " ".join(said.split())), said
    assert tiny.ask("front") == "one"


def test_one_that_listens_elsewhere_is_told_the_port(tiny: TinyCompany) -> None:
    commit = tiny.commit("back", "seven", run="PORT=8123 exec python3 main.py")
    failed = tiny.twinstage("submit", "back", commit)
    assert failed.returncode == 1, failed.stdout
    assert "8123" in failed.stdout
    assert "$PORT" in failed.stdout


def test_an_abort_clears_the_lane_away(tiny: TinyCompany) -> None:
    commit = tiny.commit("back", "eight", verify="import time; time.sleep(60)")
    tiny.done("submit", "back", commit, "--no-wait")
    tiny.comes_to("back", "verifying")
    tiny.done("abort", tiny.rollout("back").id, "--why", "changed our mind")
    assert tiny.rollout("back").state == "aborted"
    assert tiny.ask("back") == "three"


def test_a_newer_commit_supersedes_one_that_is_not_verified(tiny: TinyCompany) -> None:
    older = tiny.commit("back", "nine", verify="import time; time.sleep(60)")
    tiny.done("submit", "back", older, "--no-wait")
    tiny.comes_to("back", "verifying")
    tiny.done("submit", "back", tiny.commit("back", "ten"))
    with tiny.client() as client:
        states = {r.commit: r.state for r in client.rollouts(service="back")}
    assert states[older] == "superseded"
    assert tiny.ask("back") == "ten"


def test_control_c_stops_the_waiting_and_not_the_release(tiny: TinyCompany) -> None:
    commit = tiny.commit("front", "eleven")
    shipping = tiny.person.start("script/twinstage", "submit", "front", commit, cwd=tiny.home, shell=True)
    until(lambda: tiny.rollout("front").commit == commit, 30, "the submission to arrive")
    tiny.person.interrupt(shipping)
    said, _ = shipping.communicate(timeout=60)
    assert shipping.returncode == 130, said
    assert "goes on without you" in said or "that goes on" in said
    assert "Traceback" not in said
    tiny.comes_to("front", "live")
    tiny.answers("front", "eleven")


def test_control_c_while_it_only_just_starts(tiny: TinyCompany) -> None:
    watching = tiny.person.start("script/twinstage", "watch", cwd=tiny.home, shell=True)
    read = Path(f"/proc/{watching.pid}/maps")
    until(lambda: "pydantic_core" in read.read_text(), 60, "it to be reading its modules")
    tiny.person.interrupt(watching)
    said, _ = watching.communicate(timeout=60)
    assert watching.returncode in {130, -signal.SIGINT}, said
    assert "Traceback" not in said


def test_what_is_not_there_is_a_mistake_of_usage(tiny: TinyCompany) -> None:
    missing = tiny.twinstage("submit", "frunt")
    assert missing.returncode == 2, missing.stdout
    assert "front" in missing.stdout


def test_every_mistake_of_a_definition_is_told_at_once(tiny: TinyCompany) -> None:
    broken = "service: back\nruns: x\ninstances: {production: 0}\ndrain: soon\n"
    (tiny.home / "back" / "twinstage.yaml").write_text(broken)
    tiny.git("back", "commit", "-q", "-a", "-m", "Forget how", "-m", "Reviewed-by: Bob <bob@tiny.example>")
    checked = tiny.twinstage("check", str(tiny.home / "back" / "twinstage.yaml"))
    shipped = tiny.twinstage("submit", "back")
    for told in (checked, shipped):
        assert told.returncode == 3, told.stdout
        for line, mistake in ((2, "runs"), (3, "production"), (4, "drain")):
            assert re.search(rf"twinstage\.yaml:{line}\b.*{mistake}", told.stdout), told.stdout
    assert tiny.ask("back") == "ten"


@pytest.mark.parametrize(
    "words", [("twinstage.daemon",), ("keeper",), ("twinstage.inside.sentinel",)], ids=lambda w: w[0]
)
def test_users_feel_nothing_when_it_is_killed(tiny: TinyCompany, words: tuple[str, ...]) -> None:
    with Users(tiny.port("back"), {"ten"}) as users:
        kill(tiny, *words)
        until(lambda: processes(tiny.root, *words), 30, "it to be started again")
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
    kill_everything(tiny)
    tiny.done("up")
    tiny.answers("back", "ten", 60)
    port = tiny.port("front")
    until(lambda: ask(port, "/back") == "eleven ten", 60, "both to answer again")


def kill_everything(tiny: TinyCompany) -> None:
    """All at once, and what a supervisor started in its last moment too."""

    def dead() -> bool:
        found = left_behind(tiny.root)
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return not found

    until(dead, 60, "everything to be dead")


def test_the_core_is_killed_alone_and_up_finds_the_rest(tiny: TinyCompany) -> None:
    kill(tiny, "core/supervisord.conf")
    before = {p.pid for p in processes(tiny.root, "main.py")}
    assert before, "instances ended with the core"
    tiny.done("up")
    tiny.answers("back", "ten", 60)
    assert {p.pid for p in processes(tiny.root, "main.py")} == before


def test_down_leaves_nothing_and_up_continues(tiny: TinyCompany) -> None:
    port, was = tiny.port("back"), networks(tiny.root)
    releases = live(tiny)
    assert len(was) > 4
    tiny.done("down")
    assert not remains(tiny.root, was)
    assert "Connection refused" in ask(port)
    again = tiny.twinstage("down")
    assert again.returncode == 0, again.stdout
    assert "tiny is down" in again.stdout
    for verb in (["status"], ["submit", "back"]):
        nobody = tiny.twinstage(*verb)
        assert nobody.returncode == 4, nobody.stdout
        assert "twinstage up" in nobody.stdout
    tiny.done("up")
    tiny.answers("back", "ten", 60)
    assert live(tiny) == releases


def live(tiny: TinyCompany) -> dict[str, str]:
    """The release of each service in production."""
    with tiny.client() as client:
        return {row.name: row.baseline.release for row in client.status().services if row.baseline}


def test_down_after_the_core_was_killed_leaves_nothing(tiny: TinyCompany) -> None:
    was = networks(tiny.root)
    kill(tiny, "core/supervisord.conf")
    tiny.done("down")
    assert not remains(tiny.root, was)


def test_two_ups_at_once_are_one(tiny: TinyCompany) -> None:
    both = [tiny.person.start("script/twinstage", "up", cwd=tiny.home) for _ in range(2)]
    said = [one.communicate(timeout=120)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    tiny.answers("back", "ten", 60)


def interrupted(tiny: TinyCompany, verb: str, moment: Callable[[], object]) -> None:
    """Ctrl-C in the middle of it: it ends soon, in words."""
    running = tiny.person.start("script/twinstage", verb, cwd=tiny.home, shell=True)
    until(moment, 60, f"the moment in `{verb}`")
    tiny.person.interrupt(running)
    said, _ = running.communicate(timeout=60)
    assert running.returncode in {0, 130}, said
    assert "Traceback" not in said


def test_control_c_while_it_goes_down(tiny: TinyCompany) -> None:
    was = networks(tiny.root)
    interrupted(tiny, "down", lambda: not processes(tiny.root, "twinstage.daemon"))
    tiny.done("down")
    assert not remains(tiny.root, was)


@pytest.mark.parametrize("part", ["core/supervisord.conf", "keeper", "twinstage.inside.sentinel", "twinstage.daemon"])
def test_control_c_while_it_comes_up(tiny: TinyCompany, part: str) -> None:
    interrupted(tiny, "up", lambda: processes(tiny.root, part))
    was = networks(tiny.root)
    tiny.done("down")
    assert not remains(tiny.root, was)


def test_a_port_that_somebody_else_took_meanwhile_is_told(tiny: TinyCompany) -> None:
    told = json.loads((tiny.root / "state" / "tiny" / "production" / "desired" / "ports.json").read_text())
    port = told["services"]["front"]["production"]["frontend"]
    with socket.create_server(("127.0.0.1", port), reuse_port=True):  # as a proxy of another company would
        refused = tiny.twinstage("up")
        assert refused.returncode == 4, refused.stdout
        assert str(port) in refused.stdout
        assert "front" in refused.stdout
        assert not left_behind(tiny.root)


def test_it_is_as_if_nothing_had_happened(tiny: TinyCompany) -> None:
    tiny.done("up")
    port = tiny.port("front")
    until(lambda: ask(port, "/back") == "eleven ten", 60, "both to answer again")
    commit = tiny.commit("back", "twelve")
    with Users(tiny.port("back"), {"ten", "twelve"}) as users:
        tiny.done("submit", "back", commit)
        tiny.answers("back", "twelve")
    assert not users.failed
