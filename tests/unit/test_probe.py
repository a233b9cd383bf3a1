"""How the probe's answers are judged, and how its report reads."""

import errno
import os
import signal

import pytest

from twinstage.inside.probe.__main__ import TECHNIQUES
from twinstage.inside.probe.technique import Targets, answered, judged, technique, tried
from twinstage.jobs.probe import Trial, output, trials

SHUT = technique("door", "the door", "EPERM|ENOENT", lambda _targets: ["EPERM"])


def refused() -> None:
    raise PermissionError(errno.EPERM, "no")


def test_a_refusal_that_is_listed_is_a_stop() -> None:
    assert judged(SHUT, ["EPERM", "ENOENT", "EPERM"]).stopped
    assert judged(SHUT, ["EPERM", "ENOENT", "EPERM"]).answer == "EPERM, ENOENT"


@pytest.mark.parametrize("answer", ["allowed", "EFAULT", "unknown: 7", "opened </x>", "EACCES"])
def test_every_other_answer_is_a_passage_and_stands_first(answer: str) -> None:
    found = judged(SHUT, ["EPERM", answer])
    assert not found.stopped
    assert found.answer == f"{answer}, EPERM"


def test_where_nothing_was_tried_nothing_was_stopped() -> None:
    assert not judged(SHUT, []).stopped


def test_an_error_is_an_answer() -> None:
    assert (answered(refused), answered(lambda: None), answered(lambda: "seen </x>")) == (
        "EPERM",
        "allowed",
        "seen </x>",
    )


def test_each_is_tried_in_a_process_of_its_own() -> None:
    own = os.getpid()
    where = technique("pid", "", "elsewhere", lambda _t: ["here" if os.getpid() == own else "elsewhere"])
    assert tried(where, Targets()).stopped
    ends = technique("end", "", "EPERM", lambda _t: [str(os.kill(os.getpid(), signal.SIGTERM))])
    assert tried(ends, Targets()).answer == "unknown: ended by SIGTERM"
    breaks = technique("break", "", "EPERM", lambda _t: [str(1 // 0)])
    assert "ZeroDivisionError" in tried(breaks, Targets()).answer
    raises = technique("raise", "", "EPERM", lambda _t: [str(refused())])
    assert tried(raises, Targets()).stopped


def test_what_does_not_end_is_a_passage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinstage.inside.probe.technique.PATIENCE", 0.1)
    reader, writer = os.pipe()
    try:
        hangs = technique("hang", "", "EPERM", lambda _t: [str(os.read(reader, 1))])
        assert "no end within" in tried(hangs, Targets()).answer
    finally:
        os.close(reader)
        os.close(writer)


def test_there_are_many_and_each_has_a_name_and_a_wall() -> None:
    assert len(TECHNIQUES) >= 40
    assert len({it.name for it in TECHNIQUES}) == len(TECHNIQUES)
    assert all(it.what and it.stops and "allowed" not in it.stops for it in TECHNIQUES)
    assert all("; " not in it.name and "|" not in it.what for it in TECHNIQUES), "they are listed, and stand in a table"


def test_a_report_reads_back() -> None:
    found = judged(SHUT, ["EPERM"]), judged(SHUT, ["allowed"])
    log = "\n".join(["bwrap: hello", *(it.line() for it in found), '{"tried": 2}'])
    told = trials(log)
    assert told[0] == Trial(name="door", what="the door", answer="EPERM", stopped=True)
    assert output(told) == {"tried": "2", "stopped": "1", "passed": "door"}


@pytest.mark.parametrize("end", ["", '{"tried": 3}', '{"tried": 1}'])
def test_a_report_that_is_not_whole_counts_for_nothing(end: str) -> None:
    lines = [judged(SHUT, ["EPERM"]).line(), judged(SHUT, ["EPERM"]).line(), end]
    with pytest.raises(ValueError, match="cannot count on the probe"):
        trials("\n".join(lines))
