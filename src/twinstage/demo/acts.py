"""Acts three to five: releases that do not get far.

Each does what a person would do, then looks, and returns the figure that proves its claim.

An act that does not see what it claims raises NotProved: the play never says what it has not measured.
"""

from twinstage.cli import words
from twinstage.cli.exits import Exit
from twinstage.demo import changes
from twinstage.demo.company import Company, production_requests
from twinstage.demo.scene import (
    Scene,
    calm,
    committed,
    ended_with,
    expect,
    failed_in,
    no_failure,
    said,
    show_steps,
    summary,
)
from twinstage.model.names import Phase

# ------------------------------------------------------------------------------------------------------------- act 3


def failing_tests(scene: Scene) -> str:
    """A release whose tests fail is refused before staging."""
    company, start = scene.company, scene.load.mark()
    before = company.baseline("cart")
    commit = committed(company, changes.lost_quantity())
    ended_with(company, Exit.FAILED, "cart", commit)
    journey = company.journey(company.newest("cart"))
    failed_in(journey, Phase.DEVELOPMENT)
    failed = [evidence for evidence in journey.evidence if not evidence.passed]
    expect([e.gate for e in failed] == ["unit"], "the gate unit alone to fail", f"{[e.gate for e in failed]}")
    expect(company.baseline("cart") == before, "production's cart as before", "another release")
    company.stage.proof("refused", journey.rollout.reason.sentence)
    company.stage.quote(failed[0].log_end)
    traffic = scene.load.since(start)
    company.stage.proof("customers meanwhile", summary(traffic))
    no_failure(traffic)
    seconds = (journey.rollout.entered - journey.rollout.submitted).total_seconds()
    return f"refused by gate unit after {words.span(seconds)}, nothing of it ran in staging"


# ------------------------------------------------------------------------------------------------------------- act 4


def fails_in_production(scene: Scene) -> str:
    """A release that passes every test but fails in production is caught on canary traffic and retreats."""
    company, start = scene.company, scene.load.mark()
    before = company.baseline("payments")
    commit = committed(company, changes.fees_by_country())
    ended_with(company, Exit.FAILED, "payments", commit)
    over = scene.load.mark()
    journey = company.journey(company.newest("payments"))
    failed_in(journey, Phase.CANARY)
    expect(company.baseline("payments") == before, "production's payments as before", "another release")
    calm(company)
    traffic, after = scene.load.since(start), scene.load.since(over)
    charges = scene.load.since(start, service="payments")
    show_steps(company, journey)
    company.stage.proof("the judge", said(journey, "CANARY_WORSE"))
    company.stage.proof("payments meanwhile", summary(charges))
    company.stage.proof("all customers meanwhile", summary(traffic))
    company.stage.proof("since its retreat", summary(after))
    expect(0 < charges.failed < charges.requests * 0.15, "some failed payments, under 15 %", summary(charges))
    no_failure(after)
    return f"{traffic.failed} of {traffic.requests:,} requests failed before it was away, none since"


# ------------------------------------------------------------------------------------------------------------- act 5


def calls_production(scene: Scene) -> str:
    """A release that calls production from staging gets nowhere, and production never hears of it."""
    company, start = scene.company, scene.load.mark()
    before = company.baseline("cart")
    port = company.port("pricing")
    company.stage.says(f"It calls http://127.0.0.1:{port}, production's pricing, as somebody read it off `status`.")
    commit = committed(company, changes.hard_coded_neighbour(port))
    ended_with(company, Exit.FAILED, "cart", commit)
    journey = company.journey(company.newest("cart"))
    failed_in(journey, Phase.STAGING)
    stray = [crossing for crossing in journey.crossings if crossing.kind == "other-ecosystem"]
    expect(bool(stray), "the sentinel's record of the call", f"{len(journey.crossings)} other crossings")
    expect(company.baseline("cart") == before, "production's cart as before", "another release")
    first = stray[0]
    company.stage.proof("the sentinel", f"{first.source} called {first.target}, was answered {first.answered}")
    company.stage.proof("its advice", first.advice)
    company.stage.proof("staging", journey.rollout.reason.sentence)
    company.stage.proof("production's access log", _silence(company))
    traffic = scene.load.since(start)
    company.stage.proof("customers meanwhile", summary(traffic))
    no_failure(traffic)
    return f"{words.count(len(stray), 'call')} answered by the sentinel, none reached production"


def _silence(company: Company) -> str:
    """That production's log shows no stray request, by a request that it has to show and that was made after them."""
    control = f"control-{company.newest('cart').id}"
    company.ask("pricing", f"/base-prices?from={control}")
    with company.stage.working("waiting for production's access log to be written"):
        written = company.until(lambda: bool(production_requests(control)), within=30.0)
    expect(written, "the play's own request in production's access log", "nothing within 30 s")
    strays = production_requests(changes.STRAY)
    expect(not strays, "no stray request in production's access log", f"{len(strays)}, first {strays[:1]}")
    return f"shows the play's own request ({control}), and none from {changes.STRAY}"
