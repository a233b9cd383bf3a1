"""What a crossing does to the release that made it."""

from twinstage.model.facts import Facts
from twinstage.model.policy import Policy
from twinstage.model.reasons import Owner, Reason
from twinstage.model.seen import OTHER_ECOSYSTEM


def crossed(facts: Facts, policy: Policy) -> Reason | None:
    """Why this release is unfit, if it is. Towards the other ecosystem always; else as the standard says."""
    counted = [c for c in facts.crossings if c.kind == OTHER_ECOSYSTEM or policy.undeclared == "fail"]
    if not counted:
        return None
    worst = min(counted, key=lambda c: (c.kind != OTHER_ECOSYSTEM, c.at, c.ecosystem.value, c.seq))
    return Reason(
        code="CROSSED",
        owner=Owner.RELEASE,
        facts={
            "target": worst.target,
            "ecosystem": worst.ecosystem.value,
            "advice": worst.advice or "declare what it calls in twinstage.yaml, or do not call it",
        },
    )
