"""Secrets as people have to be told of them: what will be lacking, and new values that do not take over. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from twinstage import wire
from twinstage.model.names import Ecosystem, ReleaseId, ServiceName
from twinstage.model.release import Release
from twinstage.model.rollout import Rollout, ServiceState, State
from twinstage.model.seen import Observed
from twinstage.pipeline.keys import baseline_key
from twinstage.pipeline.rotation import serving
from twinstage.pipeline.secrecy import commands
from twinstage.pipeline.sight import standing

Releases = Mapping[ReleaseId, Release]
Seen = Mapping[Ecosystem, Observed]


def rotating(state: ServiceState, ecosystem: Ecosystem, seen: Seen) -> str:
    """What the instances with the present values lack to take over; empty when they have, or were never begun."""
    key, observed = baseline_key(state, ecosystem), seen.get(ecosystem)
    if key is None or observed is None or serving(key, observed) == key:
        return ""
    wanted = observed.workloads[serving(key, observed)].replicas
    return standing(observed.workloads.get(key), wanted)


def attention(
    services: Mapping[ServiceName, ServiceState], releases: Releases, rollouts: Sequence[Rollout], seen: Seen
) -> Iterator[wire.Attention]:
    """Secrets that a release will lack, from when its definition is known; and new values that do not take over."""
    told: set[str] = set()
    for rollout in rollouts:
        state = services.get(rollout.service)
        waits = rollout.state is State.RETREATING or rollout.reason.code == "SECRET_MISSING"  # says it itself
        if state is None or rollout.release is None or waits:
            continue
        for ecosystem in Ecosystem:
            lacking = state.lacks(releases[rollout.release].definition.secrets, ecosystem)
            text = f"its next release will wait for {commands(state.service, lacking, ecosystem)}"
            if lacking and text not in told:
                told.add(text)
                yield wire.Attention(service=state.service, text=text)
    for name, state in services.items():
        for ecosystem in Ecosystem:
            if detail := rotating(state, ecosystem, seen):
                text = (
                    f"{ecosystem} serves with its older secrets until the instances with the new ones stand: {detail}"
                )
                yield wire.Attention(service=name, text=text)
