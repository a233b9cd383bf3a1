"""``boundary prove`` as people meet it, and what status and boundary say of the last probe."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from face_company import Company
from face_shell import Shell, Ticking

from twinstage.jobs.probe import Trial, output, probe_job
from twinstage.model.job import Job, JobResult
from twinstage.model.names import Ecosystem

SHUT = Trial(name="keyring", what="keys, which no namespace holds", answer="EPERM", stopped=True)
OPEN = Trial(name="vsock", what="the virtual machine's host", answer="allowed", stopped=False)


def ended(company: Company, ecosystem: Ecosystem, *found: Trial, result: JobResult = JobResult.SUCCEEDED) -> Job:
    """A probe of that ecosystem, as if it had ended now."""
    job = probe_job(ecosystem, "0a1b2c3d")
    company.write(jobs=(job,))
    told = output(found) if result is JobResult.SUCCEEDED else {}
    over = replace(job, result=result, ended=company.now, output=told, log_end="" if told else "its machine ended")
    company.write(results=(over,))
    company.runtime.logs[job.id] = report(found)
    return over


def report(found: Sequence[Trial]) -> bytes:
    lines = [{"name": t.name, "what": t.what, "answer": t.answer, "stopped": t.stopped} for t in found]
    return "\n".join(json.dumps(line) for line in [*lines, {"tried": len(found)}]).encode()


def test_all_stopped_is_success(shell: Shell, company: Company) -> None:
    for ecosystem in Ecosystem:
        ended(company, ecosystem, SHUT, replace(SHUT, name="bpf"))
    with Ticking(company):
        said = shell("boundary", "prove")
    assert said.status == 0
    assert "production: 2 ways tried, 2 stopped" in said.out
    assert "staging: 2 ways tried, 2 stopped" in said.out
    assert "keys, which no namespace holds" in said.out


def test_one_passage_is_failure_and_stands_first(shell: Shell, company: Company) -> None:
    ended(company, Ecosystem.PRODUCTION, SHUT)
    ended(company, Ecosystem.STAGING, SHUT, OPEN)
    with Ticking(company):
        said = shell("boundary", "prove")
    assert said.status == 1
    staging = said.out.partition("staging:")[2]
    assert "2 ways tried, 1 stopped" in staging
    assert staging.index("PASSED") < staging.index("stopped  keyring")
    assert "the boundary was passed in 1 way" in said.err


def test_what_could_not_be_tried_is_trouble_of_the_platform(shell: Shell, company: Company) -> None:
    ended(company, Ecosystem.PRODUCTION, SHUT)
    ended(company, Ecosystem.STAGING, result=JobResult.LOST)
    with Ticking(company):
        said = shell("boundary", "prove")
    assert said.status == 4
    assert "cannot tell whether the boundary holds" in said.err
    assert "its machine ended" in said.err


def test_scripts_get_the_same_as_json(shell: Shell, company: Company) -> None:
    for ecosystem in Ecosystem:
        ended(company, ecosystem, SHUT, OPEN)
    with Ticking(company):
        said = shell("boundary", "prove", "--json")
    assert said.status == 1
    assert [(p["ecosystem"], p["tried"], p["stopped"], p["passed"]) for p in json.loads(said.out)] == [
        ("production", 2, 1, ["vsock"]),
        ("staging", 2, 1, ["vsock"]),
    ]


def test_an_older_one_is_not_taken_for_the_one_that_was_asked_for(
    shell: Shell, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twinstage.cli.proving._LONGER", 0.1)
    monkeypatch.setattr("twinstage.cli.proving.LIMIT", timedelta(0))
    for ecosystem in Ecosystem:
        ended(company, ecosystem, SHUT)
    company.now += timedelta(hours=1)
    with Ticking(company):
        said = shell("boundary", "prove")
    assert said.status == 4
    assert "the probes have not ended" in said.err


def test_status_says_how_many_were_stopped(shell: Shell, company: Company) -> None:
    assert "ways across it" not in shell("status").out
    for ecosystem in Ecosystem:
        ended(company, ecosystem, SHUT)
    assert "2 of 2 ways across it stopped" in shell("status").out
    assert "tried in staging" in shell("boundary").out


def test_status_says_what_passed_until_it_does_not(shell: Shell, company: Company) -> None:
    ended(company, Ecosystem.STAGING, SHUT, OPEN)
    said = " ".join(shell("status").out.split())
    assert "1 of 2 ways across it stopped" in said
    assert "the boundary of staging was passed in 1 of 2 ways: vsock" in said
    assert "vsock" in shell("boundary").out


def test_status_says_where_it_could_not_be_tried(shell: Shell, company: Company) -> None:
    ended(company, Ecosystem.STAGING, result=JobResult.LOST)
    said = " ".join(shell("status").out.split())
    assert "not tried in staging" in said
    assert "the boundary of staging could not be tried: the probe is lost" in said
