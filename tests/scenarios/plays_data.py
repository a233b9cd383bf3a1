"""Scenarios with databases, as data; see plays.py."""

from dataclasses import replace

from scenarios.company import Company, job_of
from scenarios.plays import Act, Play, Until, asks, comes_to
from twinstage.model.job import JobKind
from twinstage.model.names import Place
from twinstage.model.rollout import IntentVerb, State
from twinstage.runtime.behaviour import FAILS, LOST, Ending

STORES = {"orders": "python -m orders.migrate"}


def migrates(change: str) -> Act:
    """Submits a commit whose migration does that to the schema."""

    def act(company: Company) -> None:
        commit = company.write("orders", databases=STORES)
        company.world.end(job_of(commit, "orders"), Ending(changes=change))
        company.post(IntentVerb.SUBMIT, service="orders", commit=commit)

    return act


def _live(company: Company) -> None:
    migrates("orders")(company)
    company.until(lambda: comes_to("orders", State.LIVE)(company))
    company.settle()


def _two_live(company: Company) -> None:
    _live(company)
    migrates("drop a column")(company)
    company.until(lambda: comes_to("orders", State.LIVE)(company))
    company.settle()


def _fails(place: Place, change: str) -> Act:
    def act(company: Company) -> None:
        commit = company.write("orders", databases=STORES)
        ending = replace(FAILS, changes=change)
        company.world.end(
            lambda j: j.commit == commit and j.kind is JobKind.MIGRATE and j.place is place and bool(j.rollout), ending
        )
        company.post(IntentVerb.SUBMIT, service="orders", commit=commit)

    return act


def _is_lost(company: Company) -> None:
    """Each piece of work once; in the end the migration fails, so that the play is a short one."""
    commit = company.write("orders", databases=STORES)
    company.world.end(lambda j: j.commit == commit and j.kind is JobKind.MIGRATE, replace(FAILS, changes="half"))
    data = frozenset({JobKind.PREPARE, JobKind.MIGRATE, JobKind.DROP})
    company.world.end(lambda j: j.commit == commit and j.kind in data and j.attempt == 1, replace(LOST, changes="half"))
    company.post(IntentVerb.SUBMIT, service="orders", commit=commit)


def _slowly(place: Place) -> Act:
    def act(company: Company) -> None:
        commit = company.write("orders", databases=STORES)
        company.world.end(
            lambda j: j.commit == commit and j.kind is JobKind.MIGRATE and j.place is place, Ending(steps=5)
        )
        company.post(IntentVerb.SUBMIT, service="orders", commit=commit)

    return act


def _migrating(place: Place) -> Until:
    """The latest rollout's migration there has begun: what is done now is done in its midst, in every run."""

    def condition(company: Company) -> bool:
        latest = company.store.rollouts()[0].id
        running = company.world.databank.running.values()
        return any((j.kind, j.place, j.rollout) == (JobKind.MIGRATE, place, latest) for j in running)

    return condition


def _aborts(company: Company) -> None:
    company.post(IntentVerb.ABORT, rollout=company.store.rollouts()[0].id, why="no")


def _answered(company: Company) -> bool:
    return not company.store.intents()


WITH_DATABASES = {
    "a release with a migration": Play(("orders",), _live, ((migrates("add"), comes_to("orders", State.LIVE)),)),
    "an abort in the midst of a lane's migration": Play(
        ("orders",),
        _live,
        ((_slowly(Place.STAGING), _migrating(Place.STAGING)), (_aborts, comes_to("orders", State.ABORTED))),
    ),
    "an abort in the midst of production's migration": Play(
        ("orders",),
        _live,
        ((_slowly(Place.PRODUCTION), _migrating(Place.PRODUCTION)), (_aborts, comes_to("orders", State.ABORTED))),
    ),
    "a migration that fails in its lane": Play(
        ("orders",), _live, ((_fails(Place.STAGING, "half"), comes_to("orders", State.FAILED)),)
    ),
    "a migration that fails in production": Play(
        ("orders",), _live, ((_fails(Place.PRODUCTION, "half"), comes_to("orders", State.FAILED)),)
    ),
    "work on databases that is lost": Play(("orders",), _live, ((_is_lost, comes_to("orders", State.FAILED)),)),
    "a rollback past a schema change, refused and forced": Play(
        ("orders",),
        _two_live,
        (
            (asks(IntentVerb.ROLLBACK, service="orders", by="grace", why="customers complain"), _answered),
            (
                asks(IntentVerb.ROLLBACK, service="orders", by="grace", why="we know what we do", force="yes"),
                comes_to("orders", State.LIVE),
            ),
        ),
    ),
}
