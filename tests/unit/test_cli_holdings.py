"""`disk`, `prune` and `remove` as a person meets them."""

import json
from datetime import timedelta

import pytest
from face_company import START, Company, release, rollout
from face_company import reason as because
from face_shell import Shell, Ticking

from twinstage.model.holding import Collection, Holding, HoldingKind
from twinstage.model.names import Ecosystem, Place
from twinstage.model.rollout import State

ORDERS, OLD = release("orders", "1"), release("orders", "2")
LONG_AGO = START - timedelta(days=30)


def holding(kind: HoldingKind, name: str, size: int, place: Place | None = Place.WORKSHOP) -> Holding:
    return Holding(kind=kind, name=name, place=place, bytes=size, at=LONG_AGO)


def full(company: Company) -> None:
    company.live(ORDERS)
    failed = rollout("a1", "orders", State.FAILED, because("LIVE"), release=OLD.id, entered=LONG_AGO)
    company.write(releases=(OLD,), rollouts=((None, failed),))
    company.holdings = (
        holding(HoldingKind.ARTIFACT, "1" * 12, 60 << 20),
        holding(HoldingKind.ARTIFACT, "2" * 12, 40 << 20),
        holding(HoldingKind.JOB, "a1.gate.unit.0.1", 4096),
        holding(HoldingKind.JOB, "ro_orders.gate.unit.0.1", 4096),
        holding(HoldingKind.STORE, "store.db", 1 << 20, None),
    )


def test_disk_shows_by_kind_and_service_what_is_held_and_why(shell: Shell, company: Company) -> None:
    full(company)
    out = shell("disk").out
    line = next(line for line in out.splitlines() if line.startswith("artifact"))
    assert line.split()[:7] == ["artifact", "orders", "2", "100", "MiB", "40", "MiB"]
    assert "it runs in" in line or "is at it in production" in line
    assert "the journal, which is only ever added to" in out
    assert "40 MiB can go" in out
    everything = shell("disk", "--all").out
    assert "nothing that runs or could be rolled back to has it" in everything
    told = json.loads(shell("disk", "--json").out)
    assert {h["name"] for h in told["held"] if h["goes"]} == {"2" * 12, "a1.gate.unit.0.1"}
    assert next(h["why"] for h in told["held"] if h["name"].startswith("ro_orders")) == f"evidence of {ORDERS.id}"


def test_each_thing_is_readable_in_eighty_columns(
    shell: Shell, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    full(company)
    long = f"production.orders.web.{ORDERS.id}.1.main.0"
    company.holdings = (*company.holdings, holding(HoldingKind.LOG, long, 4 << 20, Place.PRODUCTION))
    monkeypatch.setenv("COLUMNS", "80")
    lines = shell("disk", "--all").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["kind", "service", "size"]
    there = lines.index(f"  {long}")
    assert lines[there - 1].split() == ["log", "4.0", "MiB", "goes"]
    assert "    nothing that runs or could be rolled back to has it" in lines, "reasons are whole"
    monkeypatch.setenv("COLUMNS", "160")
    (row,) = [line for line in shell("disk", "--all").out.splitlines() if line.startswith(long)]
    assert "4.0 MiB" in row


def test_nothing_is_judged_before_both_ecosystems_were_seen(shell: Shell, company: Company) -> None:
    full(company)
    del company.latest[Ecosystem.STAGING]
    said = shell("disk")
    assert (said.status, "may run anything" in said.err) == (4, True)


def test_a_dry_run_asks_for_nothing(shell: Shell, company: Company) -> None:
    full(company)
    said = shell("prune", "--dry-run")
    assert "2 things would go: 40 MiB" in said.out
    assert "1" * 12 not in said.out
    assert company.store.intents() == []
    assert len(json.loads(shell("prune", "--dry-run", "--json").out)) == 2


def test_prune_asks_and_waits(shell: Shell, company: Company) -> None:
    full(company)
    begun = Collection(id="c1", at=START, until=START, by="ada", holdings=company.holdings[1:2])
    company.write(collection=begun)
    with Ticking(company):
        assert shell("prune", "--no-wait").out == "prune it is\n"
        assert "under way" in shell("disk").out
        company.write(collection=Collection(id="c1", at=START, until=START, by="ada", holdings=(), done=START))
        said = shell("prune")
    assert (said.status, "are held now" in said.out) == (0, True)


def test_remove_wants_a_reason_and_says_when_nothing_runs_any_more(shell: Shell, company: Company) -> None:
    full(company)
    assert shell("remove", "orders").status == 2
    with Ticking(company):
        said = shell("remove", "orders", "--why", "merged")
    assert said.out.splitlines() == ["remove it is", "nothing of orders runs any more"]
    assert shell("remove", "ordrs", "-m", "x").status == 2
    (gone,) = company.store.intents(pending=False)[1:]
    assert (dict(gone.args), gone.why) == ({"service": "orders"}, "merged")


def test_status_names_removed_services_that_still_run(shell: Shell, company: Company) -> None:
    full(company)
    state = company.store.services()[ORDERS.service]
    company.write(services=((state, state.__class__(**{**vars(state), "removed": True})),))
    assert json.loads(shell("status", "--json").out)["leaving"] == ["orders"]
