"""Power is lost, again and again: everything is killed at once in each state of a release, and `up` goes on from there."""

import contextlib
from collections.abc import Iterator

import psutil
import pytest
from acceptance_company import VERIFY, TinyCompany, ask, shipped
from acceptance_person import Person
from acceptance_traces import left_behind, until

pytestmark = [pytest.mark.real, pytest.mark.acceptance, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def tiny(somebody: Person) -> Iterator[TinyCompany]:
    """Up, with `back` and `front` in production, answering "one"."""
    with shipped(TinyCompany(somebody, somebody.root / "company")) as company:
        yield company


def power_is_lost(tiny: TinyCompany) -> None:
    """SIGKILL for everything, until nothing is left: what one started while another was killed, too."""
    while alive := left_behind(tiny.root):
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=30)


def slow(tiny: TinyCompany, word: str) -> str:
    """A commit whose build and gates take their time, so that each state can be met."""
    tiny.commit("back", word, verify=f"import time; time.sleep(2)\n{VERIFY}")
    definition = tiny.home / "back" / "twinstage.yaml"
    text = definition.read_text().replace("gates:\n", "build: sleep 3\ngates:\n  unhurried: sleep 3\n")
    definition.write_text(text)
    tiny.git("back", "commit", "-q", "-a", "--amend", "--no-edit")
    return tiny.git("back", "rev-parse", "HEAD")


def test_a_release_that_meets_it_in_every_state_is_live_in_the_end(tiny: TinyCompany) -> None:
    tiny.done("submit", "back", slow(tiny, "two"), "--no-wait")
    rollout = tiny.rollout("back").id
    for state in ("building", "gating", "staging", "verifying", "canary", "production"):
        seen = until(lambda: tiny.rollout("back"), 30, "the controller to answer")
        passed = until(
            lambda state=state: r if (r := tiny.rollout("back")).state == state or not r.open else None, 60, state
        )
        assert passed.state == state, (
            f"it was {seen.state}, and came to {passed.state} without {state}: {passed.reason}"
        )
        power_is_lost(tiny)
        tiny.done("up")
        assert tiny.rollout("back").id == rollout, "nothing is submitted twice"
    tiny.comes_to("back", "live", 90)
    tiny.answers("back", "two", 60)
    port = tiny.port("front")
    until(lambda: ask(port, "/back") == "one two", 60, "front to answer too")
    history = tiny.done("why", rollout)
    assert "gone without a result" in history or "trouble of the platform" in history, "what was lost is told"


def test_a_retreat_that_meets_it_is_cleared_in_the_end(tiny: TinyCompany) -> None:
    tiny.done("submit", "back", tiny.commit("back", "three"), "--no-wait")
    tiny.comes_to("back", "canary")
    tiny.done("abort", tiny.rollout("back").id, "--why", "a storm is coming", "--no-wait")
    until(lambda: tiny.rollout("back").state in ("retreating", "aborted"), 30, "it to retreat")
    power_is_lost(tiny)
    tiny.done("up")
    tiny.comes_to("back", "aborted")
    tiny.answers("back", "two", 60)
    until(lambda: "2 of 2" in tiny.done("status"), 30, "the mirror to be whole")
    found = until(lambda: said if (said := tiny.twinstage("doctor")).returncode == 0 else None, 60, "nothing left over")
    assert "everything has an owner" in found.stdout
