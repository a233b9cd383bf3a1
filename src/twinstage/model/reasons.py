"""Why something is where it is. A reason is data; people read its sentence, tests assert its code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Owner(StrEnum):
    """Whose move it is."""

    RELEASE = "release"
    PLATFORM = "platform"
    OPERATOR = "operator"
    CLOCK = "clock"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """``code`` has one sentence in SENTENCES; ``facts`` fill it."""

    code: str
    owner: Owner
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    until: datetime | None = None

    @property
    def sentence(self) -> str:
        return SENTENCES[self.code].format(**self.facts)


SENTENCES: Mapping[str, str] = {
    # development
    "BUILDING": "building commit {commit}",
    "BUILD_FAILED": "the build failed with exit status {status}",
    "BUILD_TIMED_OUT": "the build did not end within its limit",
    "GATES_RUNNING": "gates are running: {gates}",
    "NO_GATE_RUNS": "built; no gate is run: {why}",
    "GATE_FAILED": "refused before staging: gate {gate} failed for commit {commit}: {detail}",
    "REVIEW_AWAITED": "refused before staging: the review of commit {commit} is awaited: {detail}; it counts from "
    "{reviewers}, never from the author, as a line `Reviewed-by: Name <address>` at the end of the commit's message",
    "GATE_MISSING": "refused before staging: the standard asks for gate {gate}, and twinstage.yaml of commit {commit} has "
    "no command for it: add a line `{gate}: <command>` under `gates`",
    "EVIDENCE_COMPLETE": "evidence is complete: {gates}",
    # staging
    "WAITS_FOR_DEPENDENCIES": "waits until production runs {services}",
    "SECRETS_AHEAD": "evidence is complete: {gates}; it will wait for its secrets: {missing}",
    "SECRET_MISSING": "waits for its secrets: {missing}",
    "WAITS_FOR_PLACE": "waits for a free lane in staging ({lanes} in use)",
    "DEPLOYING_LANE": "its lane in staging is starting: {healthy} of {wanted} healthy",
    "LANE_NEVER_HEALTHY": "never became healthy in staging: {detail}",
    "PREPARING": "its databases in {ecosystem} are being prepared",
    "MIGRATING": "its migration of {database} in {ecosystem} goes on",
    "MIGRATION_FAILED": "its migration of {database} failed in {ecosystem}: {detail}; `twinstage logs {job}` has all of it",
    "WAITS_FOR_DATA": "waits until its databases in staging, which it gets clones of, are at production's release: {detail}",
    "MIRROR_NOT_WHOLE": "waits until the mirror around it is whole: {service} is not since {since} ({detail})",
    "VERIFYING": "its verification runs in staging",
    "VERIFY_FAILED": "verification in staging failed with exit status {status}",
    "VERIFY_TIMED_OUT": "verification in staging did not end within its limit",
    "VERIFICATION_VOID": "the mirror broke during its verification ({service}); it is sought again",
    "VERIFICATION_OLD": "its verification is too old; it is sought again",
    "CROSSED": "called {target} from {ecosystem}: {advice}",
    # skipped
    "SKIPPED": "{phase} is skipped by {by}: {why}",
    # turn
    "VERIFIED": "verified in staging",
    "WAITS_FOR_TURN": "waits for its turn: {rollout} of the same service is in {state}",
    "WAITS_FOR_GROUP": "waits for its group: {members}",
    "PINNED": "the service is pinned to {release} by {by}: {why}",
    "FROZEN": "{what} is frozen by {by}: {why}",
    "BASELINE_STARTING": "waits until what production runs has started, to have something to compare with: {detail}",
    # canary and production
    "EXPOSING": "waits until {share} % of production traffic reaches it: {detail}",
    "BAKING": "canary on {share} % of production traffic, watched until it has baked",
    "STEP": "moves on to {share} % of production traffic",
    "CANARY_WORSE": "the canary is worse than production: {detail}",
    "PROMOTED": "the canary is as good as production: {detail}",
    "UNPROVEN": "promoted unproven at the longest canary: {detail}",
    "INCONCLUSIVE": "held at the longest canary without a verdict: {detail}",
    "NO_BASELINE": "its first release: no baseline to compare a canary with",
    "NOT_COMPARED": "goes without a canary: {why}",
    "NEVER_HEALTHY": "never became healthy in production: {detail}",
    "CRASHING": "its instances keep failing in production: {detail}",
    "UNWELL": "its instances do not stay healthy in production: {detail}",
    "ONLY_HEALTHY_COPY": "stays although unfit, because what production runs has no healthy instance: {why}",
    "SETTLING": "has {share} % of production traffic and is watched before the next step",
    "LIVE": "production runs it",
    # ends
    "MISTAKEN": "stands still: to take it further met a mistake in Twinstage itself, and the controller's log says where; all "
    "others go on, and `twinstage abort` ends it",
    "ABORTED": "aborted by {by}: {why}",
    "SUPERSEDED": "superseded by commit {commit}",
    "DEADLINE": "did not leave {state} within its limit: {detail}",
    # platform
    "PLATFORM_TROUBLE": "trouble of the platform, not of the release: {detail}; tried again (attempt {attempt})",
    "UNSEEN": "waits until {ecosystem} can be seen whole: {detail}",
    # what cannot be run at all
    "ARTIFACT_DAMAGED": "its artifact at {detail} is no longer what its build made: submit the commit again",
    "UNFIT": "the platform can never run it: {detail}",
    # plans
    "GROWING": "{service} waits in {ecosystem} for instances of {release}: {healthy} of {wanted} healthy",
    "UNMIGRATED": "{service} waits in {ecosystem} for its databases to be ready for {release}",
    "DRAINING": "{service} waits in {ecosystem} for the last requests to {release}",
    "SUBMITTED": "submitted by {by}",
}
"""One sentence a code: the only place where what people read about a rollout is written."""
