"""One rollout with all that explains where it is."""

from twinstage import wire
from twinstage.api import advice, counts, databases, documents, history
from twinstage.api.office import Office
from twinstage.controller.freezing import standing
from twinstage.model.rollout import Rollout

HISTORY = 500
CROSSINGS = 50
BREAKS = 50


def journey(office: Office, rollout: Rollout) -> wire.Journey:
    store = office.store
    journal = store.journal(rollout=rollout.id, limit=HISTORY, tail=True)
    evidence = store.evidence(rollout.service, rollout.commit)
    crossings = []
    if rollout.release is not None:
        crossings = store.crossings_of(rollout.release, since=rollout.submitted, limit=CROSSINGS)
    passed = sum(e.passed for e in evidence)
    return wire.Journey(
        at=office.now(),
        rollout=documents.rollout(rollout, history.phase(rollout, journal)),
        steps=history.steps(rollout, journal, passed),
        unblock=advice.unblock(rollout),
        freeze=documents.freeze(standing([rollout.service], store.freezes())) if rollout.open else None,
        health=counts.overlay(office.latest(), rollout),
        wanted=list(store.policy().gates),
        evidence=[documents.evidence(e) for e in evidence],
        jobs=[documents.job(j) for j in store.jobs(rollout=rollout.id)],
        spoken=[] if rollout.release is None else list(office.runtime.spoken(rollout.release)),
        migrations=databases.of_rollout(store, rollout),
        crossings=[documents.crossing(c) for c in crossings],
        breaks=[documents.broken(b) for b in store.mirror_breaks(open_only=False, since=rollout.submitted)[-BREAKS:]],
        history=[documents.entry(row) for row in journal],
    )
