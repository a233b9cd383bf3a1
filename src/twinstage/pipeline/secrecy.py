"""Which secrets a release would not find where it goes, and the very commands that set them."""

from collections.abc import Sequence

from twinstage.model.facts import Facts
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.reasons import Owner, Reason


def missing(facts: Facts, ecosystem: Ecosystem) -> Reason | None:
    """Not before all of its secrets are set there. What the other ecosystem lacks is told with it: one errand, not two."""
    if facts.release is None or not facts.service.lacks(facts.release.definition.secrets, ecosystem):
        return None
    every = told(facts, ecosystem, ecosystem.other)
    return Reason(code="SECRET_MISSING", owner=Owner.OPERATOR, facts={"missing": every})


def told(facts: Facts, *ecosystems: Ecosystem) -> str:
    """``PAYMENT_KEY in production: `twinstage secret set ...` ``; empty where nothing is lacking."""
    if facts.release is None:
        return ""
    found = []
    for ecosystem in ecosystems:
        lacking = facts.service.lacks(facts.release.definition.secrets, ecosystem)
        found += [commands(facts.service.service, lacking, ecosystem)] if lacking else []
    return "; ".join(found)


def commands(service: ServiceName, names: Sequence[str], ecosystem: Ecosystem) -> str:
    """What to type for each."""
    typed = ", ".join(f"`twinstage secret set {service} {name} --ecosystem {ecosystem}`" for name in names)
    return f"{', '.join(names)} in {ecosystem}: {typed}"
