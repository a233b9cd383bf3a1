"""SERVICE|ROLLOUT|RELEASE: finds the rollout that a person means."""

from twinstage import wire
from twinstage.cli.exits import Exit, Stop
from twinstage.client import Client, Refused


def rollout_of(client: Client, subject: str) -> wire.Rollout | None:
    """A service's newest open rollout, else its newest; a release's newest; or the rollout of that id.

    None: a service that never had a rollout. Raises Stop when nothing has that name.
    """
    if subject.startswith("r_") and (found := client.rollouts(release=subject, limit=1)):
        return found[0]
    if any(row.name == subject for row in client.services()):
        found = client.rollouts(service=subject, open_only=True, limit=1) or client.rollouts(service=subject, limit=1)
        return found[0] if found else None
    return named_rollout(client, subject)


def named_rollout(client: Client, subject: str) -> wire.Rollout:
    try:
        return client.rollout(subject)
    except Refused as refused:
        if refused.problem.status != 404:
            raise
        detail = refused.problem.detail if "cannot tell" in refused.problem.title else ""
        raise Stop(
            Exit.USAGE,
            f"cannot tell what {subject} is: no service, rollout or release has that name",
            detail=detail,
            hint="`twinstage status` shows them",
        ) from None
