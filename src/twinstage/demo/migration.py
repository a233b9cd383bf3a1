"""The second act: a good release with a migration goes to production by itself, and nobody's data is the worse for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twinstage import wire
from twinstage.cli import words
from twinstage.cli.exits import Exit
from twinstage.client import ClientTrouble
from twinstage.demo import changes
from twinstage.demo.company import Company
from twinstage.demo.scene import Scene, calm, committed, ended_with, expect, no_failure, said, show_steps, summary
from twinstage.demo.stage import NotProved
from twinstage.demo.traffic import PLACING
from twinstage.model.names import Ecosystem

SAMPLE = 20
"""Orders that are looked at one by one, before and after."""
GIVEN = "for Gaetana"

Book = Mapping[str, Any]
"""What orders answers to GET /orders: ``orders`` and ``amount`` of all, ``latest``, and ``wishes``, what it can note."""


def good_release(scene: Scene) -> str:
    """A release whose migration adds a column to orders goes to production by itself, with no failed request."""
    company, repository = scene.company, scene.company.shop.repository("orders")
    change = changes.new_wish(repository.read(changes.BOOK), repository.files(changes.MIGRATIONS))
    wish = changes.new_wishes(change)[-1]
    with company.stage.working(f"waiting until customers have ordered {SAMPLE} times"):
        company.until(lambda: bool(_book(company)["orders"] >= SAMPLE), within=60.0)
    before, own, start = _book(company), _book(company, Ecosystem.STAGING), scene.load.mark()
    commit = committed(company, change)
    lane = _Lane(company, commit)
    ended_with(company, Exit.DONE, "orders", commit, meanwhile=lane.look)
    over = scene.load.mark()
    calm(company)
    rollout = company.newest("orders")
    journey = company.journey(rollout)
    show_steps(company, journey)
    company.stage.proof("the judge", said(journey, "PROMOTED", "UNPROVEN"))
    placed = scene.load.since(start, until=over, paths=PLACING)
    confirmed = placed.requests - placed.failed
    company.stage.proof("production's data", _kept(company, before, wish, confirmed))
    company.stage.proof(f"a new order with {wish}", _noted(company, wish))
    company.stage.proof("its lane", lane.had_a_clone(own, wish))
    company.stage.proof("staging's own data", _mirrored(company, own, wish))
    company.stage.proof("the lane's clone", _dropped(company, rollout))
    company.stage.proof("the migration", _in_order(company, company.journey(rollout)))
    company.stage.proof("going back past it", _refused(company))
    traffic = scene.load.since(start)
    company.stage.proof("customers meanwhile", summary(traffic))
    no_failure(traffic)
    seconds = (rollout.entered - rollout.submitted).total_seconds()
    return (
        f"in production after {words.span(seconds)}; {before['orders'] + confirmed:,} orders kept;"
        f" {traffic.requests:,} requests, none failed"
    )


def _book(company: Company, ecosystem: Ecosystem = Ecosystem.PRODUCTION, lane: str | None = None) -> Book:
    found: Book = company.ask("orders", f"/orders?limit={SAMPLE}", ecosystem, lane=lane)
    return found


@dataclass
class _Lane:
    """Looks at the candidate's book and at staging's own, once the candidate was verified and while its lane stands."""

    company: Company
    commit: str
    trouble: str = "it was never seen with its lane"
    books: list[tuple[Book, Book]] = field(default_factory=list)
    """The lane's and staging's own, at one look."""

    def look(self) -> bool:
        if not self.books:
            try:
                self._look()
            except (ClientTrouble, NotProved) as trouble:
                self.trouble = str(trouble)  # Perhaps the lane just went; the next look shows.
        return bool(self.books)

    def _look(self) -> None:
        rollout = self.company.newest("orders")
        if rollout.commit.startswith(self.commit) and rollout.state in ("verified", "canary", "production"):
            lane = _book(self.company, Ecosystem.STAGING, lane=rollout.lane)
            self.books.append((lane, _book(self.company, Ecosystem.STAGING)))

    def had_a_clone(self, before: Book, wish: str) -> str:
        """Where verification has written, and only there."""
        if not self.books:
            raise NotProved("a look at the release in its lane", self.trouble)
        lane, own = self.books[0]
        expect(wish in lane["wishes"], f"{wish} in the lane", f"only {lane['wishes']}")
        expect(wish not in own["wishes"], f"no {wish} in staging's own orders yet", f"{own['wishes']}")
        expect(lane["orders"] > own["orders"], "verification's orders in the lane", f"{lane['orders']} orders")
        expect(
            own["orders"] == before["orders"],
            f"staging's own {words.count(before['orders'], 'order')} as they were",
            f"{own['orders']:,}",
        )
        fresh = words.count(lane["orders"] - own["orders"], "order")
        return f"a clone of its own: verification wrote {fresh} there, staging's own book still has {own['orders']:,}"


def _kept(company: Company, before: Book, wish: str, confirmed: int) -> str:
    """That no order was lost or changed: those of before, a sample of them one by one, and each confirmed meanwhile."""
    after = _book(company)
    least = before["orders"] + confirmed
    expect(confirmed > 0, "customers who ordered meanwhile", "none")
    expect(after["orders"] >= least, f"at least {least:,} orders", f"{after['orders']:,}")
    expect(after["amount"] > before["amount"], f"more than {before['amount']:,} cents", f"{after['amount']:,}")
    # One that was not paid yet when it was looked at has been since.
    sample = [order for order in before["latest"] if order["tracking"]]
    expect(len(sample) > SAMPLE // 2, f"{SAMPLE} orders of before to look at", f"{len(sample)}")
    for order in sample:
        now = company.ask("orders", f"/orders/{order['number']}")
        expect(now == order | {wish: ""}, f"order {order['number']} as it was", f"{now}")
    return (
        f"{before['orders']:,} orders of before ({len(sample)} compared: nothing but an empty {wish} is new),"
        f" and all {confirmed:,} confirmed meanwhile"
    )


def _noted(company: Company, wish: str) -> str:
    """That production uses the new column."""
    wanted = {"amount": 900, "pieces": 1, "country": "DE", wish: GIVEN}
    number = company.ask("orders", "/orders", body=wanted)["order"]
    order = company.ask("orders", f"/orders/{number}")
    expect(order.get(wish) == GIVEN, f"{wish} {GIVEN!r} in order {number}", f"{order.get(wish)!r}")
    return f"{number}, “{GIVEN}”, read back from production"


def _dropped(company: Company, rollout: wire.Rollout) -> str:
    """That the clone went with its lane."""

    def gone() -> bool:
        jobs = company.client.service("orders").jobs
        return any(job.kind == "drop" and f".{rollout.lane}." in job.id and job.result == "succeeded" for job in jobs)

    expect(company.until(gone, within=60.0), "the lane's clone to be dropped", "it is still there 60 s later")
    return f"dropped with lane {rollout.lane}"


def _mirrored(company: Company, before: Book, wish: str) -> str:
    """Staging's baseline is production's: it follows by itself, within moments, on data of its own."""
    if not company.until(lambda: wish in _book(company, Ecosystem.STAGING)["wishes"], within=60.0):
        raise NotProved(f"{wish} in staging too", "the release before 60 s later")
    after = _book(company, Ecosystem.STAGING)
    expect(after["orders"] == before["orders"], f"{before['orders']:,} orders in staging", f"{after['orders']:,}")
    return f"{words.count(after['orders'], 'order')} as before, and none of production's"


def _in_order(company: Company, journey: wire.Journey) -> str:
    """That it ran on the lane's clone, then on production's data, and on staging's own only once production ran it."""
    rollout, ran = journey.rollout, {_where(it): it for it in journey.migrations}
    wanted = ["the lane's clone", "production", "staging"]
    expect([*ran] == wanted, f"migrations of {', '.join(wanted)}, in this order", ", ".join(ran) or "none")
    unchanged = [where for where, it in ran.items() if not it.changed]
    expect(not unchanged, "a changed schema in each", f"the same schema in {', '.join(unchanged)}")
    live = rollout.entered
    expect(ran["staging"].at >= live, "staging's own data migrated after production's release", "before it")
    passage = company.client.history(service="orders", limit=1)[0]
    expect(passage.schema_changed == ["orders"], "the schema change in its history", f"{passage.schema_changed}")
    times = [f"{where} at {words.moment(it.at, journey.at)}" for where, it in ran.items()]
    times.insert(2, f"live at {words.moment(live, journey.at)}")
    return ", ".join(times) + "; noted as a change of the schema"


def _where(it: wire.Migration) -> str:
    return it.ecosystem if it.data == "main" else "the lane's clone"


def _refused(company: Company) -> str:
    """That nobody goes back past the change of the schema by accident."""
    baseline = company.baseline("orders")
    status = company.command("rollback", "orders", "--why", "to see whether it goes")
    expect(status == Exit.WAITING, f"exit status {Exit.WAITING.value} from rollback", f"{status}")
    kept = company.client.service("orders")
    expect(company.baseline("orders") == baseline and kept.pin is None, "orders as before", "another release, or a pin")
    return f"refused with exit status {status}"
