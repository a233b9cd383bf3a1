"""What a service tried to reach, as lines of its definition."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import Path

from twinstage import wire
from twinstage.api.office import Here, Office
from twinstage.api.problems import Trouble
from twinstage.draft import recorded
from twinstage.draft.suggestion import suggest
from twinstage.model.release import Definition
from twinstage.model.rollout import ServiceState

MOST = 2000
"""Places looked at, the latest ones."""


def read_suggestions(
    office: Here, service: Annotated[str, Path(min_length=1, max_length=100, description="A service's name.")]
) -> wire.Suggestions:
    """Raises Trouble (409) before the first release: there is no definition that anything could be added to."""
    state, store = office.service(service), office.store
    releases = [name for name, release in store.releases().items() if release.service == state.service]
    services = [name for name, other in store.services().items() if not other.removed]
    seen = store.attributed_to(releases, limit=MOST)
    found = suggest(seen, _declared(office, state), services, store.policy().public)
    lines = [
        wire.SuggestedLine(key=it.key, name=it.name, value=it.value, note=it.note, asked=_asked(it.asked))
        for it in found.lines
    ]
    rest = [wire.Undeclarable(target=it.target, why=it.why, asked=_asked(it.asked)) for it in found.rest]
    return wire.Suggestions(service=state.service, text=found.text, lines=lines, rest=rest)


def _declared(office: Office, state: ServiceState) -> Definition:
    """Of the newest release that was built, whatever became of it: its author has that file before them."""
    newest = (r.release for r in office.store.rollouts(service=state.service) if r.release is not None)
    release = next(newest, state.baseline)
    if release is None:
        detail = "no release of it was built yet, so it has tried nothing"
        raise Trouble(
            409, f"cannot suggest anything for {state.service}", detail, f"`twinstage submit {state.service}`"
        )
    return office.store.release(release).definition


def _asked(its: Iterable[recorded.Asked]) -> list[wire.Asked]:
    return [
        wire.Asked(ecosystem=it.ecosystem, release=it.release or "", first=it.first, last=it.last, count=it.count)
        for it in its
    ]
