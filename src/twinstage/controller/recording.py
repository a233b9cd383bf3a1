"""What was seen becomes facts that outlive this process: one transaction a tick, none when nothing happened."""

from dataclasses import replace

from twinstage.controller import crossings, mirror, results
from twinstage.controller.deciding import TWINSTAGE, place
from twinstage.controller.means import Means
from twinstage.controller.sight import Sight
from twinstage.controller.situation import Situation
from twinstage.model.facts import MirrorBreak
from twinstage.model.names import Ecosystem
from twinstage.model.rollout import IN_PRODUCTION, Rollout
from twinstage.pipeline.exposure import gives
from twinstage.store.rows import Change, Entry, Watch


def record(means: Means, sight: Sight) -> None:
    """Results of jobs, releases that came of builds, evidence, exposures, crossings, breaks of the mirror."""
    situation = means.situation()
    worked = results.of(means, situation, sight)
    exposed = _exposures(situation, sight)
    ours, others = crossings.parted(means, sight.crossings)
    crossed, alarms = crossings.attributed(means, situation, others)
    broken, retold, breaking = _mirror(means, situation, sight)
    means.store.commit(
        Change(
            at=sight.at,
            rollouts=(*worked.rollouts, *((before, after) for before, after, _ in exposed)),
            releases=tuple(worked.releases),
            results=tuple(worked.jobs),
            evidence=tuple(worked.evidence),
            crossings=crossed,
            read=tuple({c.ecosystem: c.seq for c in sorted(ours, key=lambda c: c.seq)}.items()),
            migrations=tuple(worked.migrations),
            breaks=broken,
            retold=retold,
            watches=tuple(watch for _, _, watch in exposed),
            journal=(*worked.journal, *(_seen_exposed(after) for _, after, _ in exposed), *alarms, *breaking),
        )
    )


def _exposures(situation: Situation, sight: Sight) -> list[tuple[Rollout, Rollout, Watch]]:
    """Rollouts whose share the proxy is now seen to give. From here it is watched, with these counters as its start."""
    production = sight.seen.get(Ecosystem.PRODUCTION)
    found = []
    for rollout in situation.rollouts.values():
        if rollout.state not in IN_PRODUCTION or rollout.exposed is not None:
            continue
        if production is None or sight.traffic is None:
            continue
        if gives(rollout, situation.services[rollout.service], production):
            first = tuple(s for s in sight.traffic if s.workload.service == rollout.service)
            watch = Watch(rollout=rollout.id, since=sight.at, first=first)
            found.append((rollout, replace(rollout, exposed=sight.at), watch))
    return found


def _seen_exposed(rollout: Rollout) -> Entry:
    return Entry(
        who=TWINSTAGE,
        what="exposed",
        why=f"the proxy gives it {rollout.share} % of production traffic",
        service=rollout.service,
        rollout=rollout.id,
        release=rollout.release,
        after=place(rollout),
    )


def _mirror(
    means: Means, situation: Situation, sight: Sight
) -> tuple[tuple[MirrorBreak, ...], tuple[MirrorBreak, ...], tuple[Entry, ...]]:
    staging = sight.seen.get(Ecosystem.STAGING)
    if staging is None:
        return (), (), ()
    known = {b.service: b for b in means.store.mirror_breaks(open_only=True)}
    amiss = mirror.amiss(situation, staging)
    broken, lines = mirror.changes(amiss, known, sight.at)
    return broken, mirror.retold(amiss, known, situation.behind), lines
