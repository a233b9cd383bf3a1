"""Scenarios as data: what people do, and until when it goes on. So a play can be taken up again at any point."""

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from scenarios.company import POLICY, SECOND, Company, job_of, of_commit
from twinstage.model.names import Ecosystem
from twinstage.model.rollout import IntentVerb, State
from twinstage.runtime.behaviour import Behaviour, Ending
from twinstage.store.rows import JournalRow

DAY = timedelta(days=1)
QUICK = replace(POLICY, bake=2 * SECOND, settle=SECOND)
"""A play is played hundreds of times."""

Act = Callable[[Company], None]
Until = Callable[[Company], bool]
Step = tuple[Act, Until]


@dataclass(frozen=True)
class Play:
    services: tuple[str, ...]
    before: Act
    """What happens before the curtain rises: here nobody dies."""
    steps: tuple[Step, ...]
    failed: int = 0
    """Users' requests that may fail in it."""

    def go_on(self, company: Company, step: int, acted: bool) -> None:
        """From this step on to the end; ``acted``: its act is done already."""
        for number in range(step, len(self.steps)):
            act, until = self.steps[number]
            if number > step or not acted:
                act(company)
            company.until(lambda until=until: until(company))
        company.settle()


def newest(company: Company, service: str) -> State:
    """The state of the latest rollout of a service."""
    found = [r for r in company.store.rollouts() if r.service == service]
    return found[0].state


def submits(service: str, **what: Any) -> Act:
    def act(company: Company) -> None:
        company.post(IntentVerb.SUBMIT, service=service, commit=company.write(service, **what))

    return act


def submits_slow(service: str, job: str, **what: Any) -> Act:
    """Its job of that name takes long, so that whatever is done next is done before that ends, in every run."""

    def act(company: Company) -> None:
        commit = company.write(service, **what)
        company.world.end(job_of(commit, job), Ending(steps=15))
        company.post(IntentVerb.SUBMIT, service=service, commit=commit)

    return act


def asks(verb: IntentVerb, **what: str) -> Act:
    def act(company: Company) -> None:
        company.post(verb, **what)

    return act


def comes_to(service: str, state: State) -> Until:
    return lambda company: not company.store.intents() and newest(company, service) is state


def exposed(service: str) -> Until:
    """The proxy gives the present share of its latest rollout: what is done now is done at the same place in every run."""

    def condition(company: Company) -> bool:
        rollout = next(r for r in company.store.rollouts() if r.service == service)
        return not company.store.intents() and rollout.exposed is not None

    return condition


def says(service: str, code: str) -> Until:
    """What the latest rollout of a service waits for."""

    def condition(company: Company) -> bool:
        rollout = next(r for r in company.store.rollouts() if r.service == service)
        return not company.store.intents() and rollout.reason.code == code

    return condition


def skips(phases: str) -> Act:
    """Of the latest rollout."""

    def act(company: Company) -> None:
        latest = company.store.rollouts()[0].id
        company.post(IntentVerb.SKIP, rollout=latest, phases=phases, by="grace", why="orders are lost")

    return act


def _freeze_for_a_moment(company: Company) -> None:
    until = (company.now + 8 * SECOND).isoformat()
    company.post(IntentVerb.FREEZE, by="grace", why="the sale has begun", until=until)


def _live(company: Company) -> None:
    company.ship("orders")
    company.settle()


def _live_and_frozen(company: Company) -> None:
    _live(company)
    company.ask(IntentVerb.FREEZE, by="grace", why="a sale")


def _bad_canary(company: Company) -> None:
    commit = company.write("orders")
    company.world.behave(of_commit(commit, Ecosystem.PRODUCTION), Behaviour(error_rate=0.3))
    company.post(IntentVerb.SUBMIT, service="orders", commit=commit)


def _two_live(company: Company) -> None:
    company.ship("orders")
    company.ship("orders")
    company.settle()


def _six_live_and_two_days_later(company: Company) -> None:
    for _ in range(6):
        company.ship("orders")
    company.settle()
    company.outside.now += 2 * DAY


def _two_services(company: Company) -> None:
    company.ship("payments")
    company.ship("orders")
    company.settle()


def _collected(company: Company) -> bool:
    return not company.store.intents() and company.store.collection() is None


def _nothing(company: Company) -> None:
    """The company has only just been founded."""


def sets(value: str, *ecosystems: Ecosystem) -> Act:
    """PAYMENT_KEY of orders."""

    def act(company: Company) -> None:
        for ecosystem in ecosystems:
            company.offer("orders", "PAYMENT_KEY", f"{value} in {ecosystem}", ecosystem, by="grace")

    return act


def has(value: str, *ecosystems: Ecosystem) -> Until:
    """All that serves there was given this value, and nothing with another one is left."""

    def condition(company: Company) -> bool:
        held = [w for k, w in company.world.workloads.items() if k.ecosystem in ecosystems]
        led = {k for route in company.world.accepted.values() for k, _ in route.split if k.ecosystem in ecosystems}
        return (
            not company.store.intents()
            and {w.workload.key for w in held} == led
            and {w.given.get("PAYMENT_KEY") for w in held} == {f"{value} in {eco}" for eco in ecosystems}
        )

    return condition


def _live_with_a_secret(company: Company) -> None:
    company.set_secret("orders", "PAYMENT_KEY", "old")
    company.ship("orders", secrets=["PAYMENT_KEY"])
    company.settle()


PLAYS = {
    "a second release": Play(("orders",), _live, ((submits("orders"), comes_to("orders", State.LIVE)),)),
    "a bad canary": Play(("orders",), _live, ((_bad_canary, comes_to("orders", State.FAILED)),), failed=100),
    "a circle": Play(
        ("cart", "catalog"),
        _nothing,
        (
            (submits("cart", calls=["catalog"]), comes_to("cart", State.CANDIDATE)),
            (
                submits("catalog", calls=["cart"]),
                lambda c: comes_to("cart", State.LIVE)(c) and comes_to("catalog", State.LIVE)(c),
            ),
        ),
    ),
    "a rollback": Play(
        ("orders",),
        _two_live,
        (
            (
                asks(IntentVerb.ROLLBACK, service="orders", by="grace", why="customers complain"),
                comes_to("orders", State.LIVE),
            ),
            (asks(IntentVerb.RESUME, service="orders", by="grace"), lambda c: not c.store.intents()),
        ),
    ),
    "a freeze and its end during a canary": Play(
        ("orders",),
        _live,
        (
            (submits("orders"), exposed("orders")),
            (asks(IntentVerb.FREEZE, service="orders", by="grace", why="a sale"), says("orders", "FROZEN")),
            (asks(IntentVerb.UNFREEZE, service="orders", by="grace", why="it is over"), comes_to("orders", State.LIVE)),
        ),
    ),
    "a freeze of everything that ends by itself": Play(
        ("orders",),
        _live,
        (
            (submits("orders"), exposed("orders")),
            (_freeze_for_a_moment, says("orders", "FROZEN")),
            (lambda c: None, comes_to("orders", State.LIVE)),
        ),
    ),
    "an emergency that skips everything": Play(
        ("orders",),
        _live,
        (
            (submits_slow("orders", "build"), comes_to("orders", State.BUILDING)),
            (skips("development staging canary"), comes_to("orders", State.LIVE)),
        ),
    ),
    "a skip out of a verification, under a freeze": Play(
        ("orders",),
        _live_and_frozen,
        (
            (submits_slow("orders", "verify"), comes_to("orders", State.VERIFYING)),
            (skips("staging"), lambda c: says("orders", "FROZEN")(c) and not c.store.jobs(unfinished=True)),
            (asks(IntentVerb.UNFREEZE, by="grace", why="it is over"), comes_to("orders", State.LIVE)),
        ),
    ),
    "a skip of the canary during it": Play(
        ("orders",),
        _live,
        (
            (submits("orders"), exposed("orders")),
            (skips("canary"), comes_to("orders", State.LIVE)),
        ),
    ),
    "a circle that skips staging": Play(
        ("cart", "catalog"),
        _nothing,
        (
            (submits_slow("cart", "build", calls=["catalog"]), comes_to("cart", State.BUILDING)),
            (skips("staging"), comes_to("cart", State.CANDIDATE)),
            (
                submits("catalog", calls=["cart"]),
                lambda c: comes_to("cart", State.LIVE)(c) and comes_to("catalog", State.LIVE)(c),
            ),
        ),
    ),
    "a collection": Play(
        ("orders",),
        _six_live_and_two_days_later,
        (
            (asks(IntentVerb.PRUNE, by="grace", why="the disk is full"), _collected),
            (submits("orders"), comes_to("orders", State.LIVE)),
        ),
    ),
    "a removal": Play(
        ("orders", "payments"),
        _two_services,
        (
            (
                asks(IntentVerb.REMOVE, service="orders", by="grace", why="merged"),
                lambda c: (
                    not c.store.intents()
                    and set(c.runs(Ecosystem.PRODUCTION)) == set(c.runs(Ecosystem.STAGING))
                    and {service for service, _ in c.runs(Ecosystem.STAGING)} == {"payments"}
                ),
            ),
            (submits("payments"), comes_to("payments", State.LIVE)),
        ),
    ),
    "a release that waits for its secrets": Play(
        ("orders",),
        _live,
        (
            (submits("orders", secrets=["PAYMENT_KEY"]), says("orders", "SECRET_MISSING")),
            (sets("first", Ecosystem.STAGING), says("orders", "SECRET_MISSING")),
            (lambda c: None, lambda c: newest(c, "orders") is State.VERIFIED and says("orders", "SECRET_MISSING")(c)),
            (sets("first", Ecosystem.PRODUCTION), comes_to("orders", State.LIVE)),
        ),
    ),
    "a rotation": Play(
        ("orders",),
        _live_with_a_secret,
        (
            (sets("new", Ecosystem.PRODUCTION), has("new", Ecosystem.PRODUCTION)),
            (sets("newer", *Ecosystem), has("newer", *Ecosystem)),
        ),
    ),
    "a rotation during a canary": Play(
        ("orders",),
        _live_with_a_secret,
        (
            (submits("orders", secrets=["PAYMENT_KEY"]), exposed("orders")),
            (sets("new", Ecosystem.PRODUCTION), comes_to("orders", State.LIVE)),
        ),
    ),
    "an abort of a canary": Play(
        ("orders",),
        _live,
        (
            (submits("orders"), comes_to("orders", State.CANARY)),
            (
                lambda c: c.post(IntentVerb.ABORT, rollout=c.store.rollouts()[0].id, why="no") and None,
                comes_to("orders", State.ABORTED),
            ),
        ),
    ),
}


def outcome(company: Company) -> dict[str, Any]:
    """How a play ended and how it came about, without identifiers and moments.

    Left out of the journal are the starts of controllers, and that the mirror was not whole for a moment: who comes a
    second later to replace a release sees that, and is right.
    """
    releases = company.store.releases()

    def commit(release: str | None) -> str | None:
        return None if release is None else releases[release].commit  # type: ignore[index]

    journal: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in company.store.journal(limit=5000):
        if row.what not in {"controller", "mirror"}:
            line = (row.who, row.what, _plain(row.why), _named(row.before), _named(row.after))
            journal[_stream(row)].append(line)
    return {
        "rollouts": [
            (r.service, r.kind, r.commit, r.state, r.round, r.outcome, r.reason.code, r.skips)
            for r in reversed(company.store.rollouts())
        ],
        "services": {
            name: ([commit(b) for b in svc.baselines], svc.pin and commit(svc.pin.release))
            for name, svc in company.store.services().items()
        },
        "freezes": company.store.freezes(),
        "secrets": {
            name: {eco: [(s.name, s.version, s.by) for s in there.values()] for eco, there in svc.secrets.items()}
            for name, svc in company.store.services().items()
        },
        "vault": {
            eco: {name: vault.values(name, svc.secrets_version[eco]) for name, svc in company.store.services().items()}
            for eco, vault in company.vault.items()
        },
        "given": sorted(
            (eco, k.service, k.secrets, sorted(w.given.items()))
            for eco in Ecosystem
            for k, w in company.world.workloads.items()
            if k.ecosystem is eco
        ),
        # Not jobs' logs: a job that was stopped leaves one only where it had begun before the controller was killed.
        "held": sorted(
            (str(kind), name if kind == "artifact" else "")
            for kind, _, name in company.world.storeroom.held
            if kind != "job"
        ),
        "removed": sorted(name for name, svc in company.store.services().items() if svc.removed),
        "jobs": sorted((j.commit, j.kind, j.name, j.round, j.attempt, str(j.result)) for j in company.store.jobs()),
        "schemas": dict(company.world.databank.there),
        "ready": sorted(
            (key.ecosystem, key.service, key.data, str(commit(key.release))) for key in company.store.ready()
        ),
        "clones": company.store.clones(),
        "migrations": sorted(
            (str(commit(m.key.release)), m.key.ecosystem, m.key.data == "main", m.database, m.before, m.after)
            for m in company.store.migrations("orders")  # type: ignore[arg-type]
        ),
        "runs": {eco: company.runs(eco) for eco in Ecosystem},
        "routes": {
            (eco, s): (company.split(s, eco), company.lanes(s)) for eco in Ecosystem for s in company.store.services()
        },
        "journal": dict(journal),
    }


def _stream(row: JournalRow) -> str:
    """Whose line it is. What a lane leaves goes while staging's own data is seen to: neither waits for the other."""
    alone = row.rollout is None and row.what in {"job", "database", "schema"}
    if not alone:
        return row.service or ""
    return f"{row.service}, {'a lane' if 'lane' in row.why else 'staging'}"


def _named(text: str | None) -> str | None:
    return None if text is None else re.sub(r"\b[0-9a-f]{8}\b", "<id>", text)


def _plain(text: str) -> str:
    """Figures depend on how many seconds it took."""
    return re.sub(r"\d[\d,]*", "#", str(_named(text)))
