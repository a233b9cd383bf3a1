"""What would let a rollout move, by the code of its reason. Empty where it moves by itself."""

from collections.abc import Mapping

from twinstage.model.rollout import Rollout, State

ADVICE: Mapping[str, str] = {
    "BUILD_FAILED": "mend the build and submit the next commit; `twinstage logs {rollout}` has its log",
    "BUILD_TIMED_OUT": "make the build faster, or raise limits.build in ecosystem.yaml",
    "GATE_FAILED": "mend it and submit the next commit; `twinstage logs {rollout}` has the log",
    "REVIEW_AWAITED": "a reviewer adds the line (`git commit --amend --trailer 'Reviewed-by: Name <address>'`), and that commit "
    "is submitted: the same content is not built again",
    "GATE_MISSING": "add the gate's command to twinstage.yaml, and submit that commit",
    "WAITS_FOR_DEPENDENCIES": "ship {services} first",
    "SECRET_MISSING": "set what it names: the value is read from standard input; it goes on by itself",
    "WAITS_FOR_PLACE": "a lane is free when a rollout ends; `twinstage abort` ends one, limits.lanes allows more",
    "LANE_NEVER_HEALTHY": "see what it says: `twinstage logs {rollout}`; then submit the next commit",
    "MIGRATION_FAILED": "mend the migration and submit the next commit; `twinstage logs {job}` has all that it said",
    "WAITS_FOR_DATA": "nothing; `twinstage status {service}` shows how far its databases in staging are",
    "MIRROR_NOT_WHOLE": "{service} has to become healthy in staging: `twinstage logs {service}`",
    "VERIFY_FAILED": "`twinstage logs {rollout}` has what its verification said; then submit the next commit",
    "VERIFY_TIMED_OUT": "make the verification faster, or raise limits.verify in ecosystem.yaml",
    "CROSSED": "do what the advice says, and submit the next commit",
    "WAITS_FOR_TURN": "{rollout} has to end; `twinstage why {rollout}` says what it waits for",
    "WAITS_FOR_GROUP": "the others of its group have to be as far: {members}",
    "FROZEN": "`{unfreeze}` lets it move on before the freeze ends by itself",
    "PINNED": "`twinstage resume {service}` lets releases of it move on again",
    "CANARY_WORSE": "mend it and submit the next commit; `twinstage logs {rollout}` has what its instances said",
    "INCONCLUSIVE": "give it traffic, or end it with `twinstage abort {rollout}`",
    "NEVER_HEALTHY": "see what it says: `twinstage logs {rollout}`; then submit the next commit",
    "UNWELL": "see what it says: `twinstage logs {rollout}`; then submit the next commit",
    "BASELINE_STARTING": "what production runs has to become healthy: `twinstage logs {service}`",
    "CRASHING": "see what it says: `twinstage logs {rollout}`; then submit the next commit",
    "ONLY_HEALTHY_COPY": "the baseline has to become healthy: `twinstage logs {service}`",
    "DEADLINE": "`twinstage logs {rollout}` may tell why; submit the commit again",
    "PLATFORM_TROUBLE": "it is tried again by itself; `twinstage status` shows what ails the platform",
}


def unblock(rollout: Rollout) -> str:
    if rollout.state in (State.LIVE, State.SUPERSEDED):
        return ""
    facts = rollout.reason.facts
    unfreeze = f"twinstage unfreeze {facts.get('scope', '')}".rstrip()
    known = {"rollout": rollout.id, "service": rollout.service, "unfreeze": unfreeze, **facts}
    try:
        return ADVICE.get(rollout.reason.code, "").format(**known)
    except KeyError:
        return ""
