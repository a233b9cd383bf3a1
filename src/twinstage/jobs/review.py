"""The review gate: a reading of the commit's ``Reviewed-by`` trailers. Pure."""

from collections.abc import Sequence
from datetime import datetime
from email.utils import parseaddr
from fnmatch import fnmatchcase

from twinstage.jobs.specs import REVIEW
from twinstage.model.commit import CommitInfo
from twinstage.model.names import ServiceName
from twinstage.model.release import Evidence

TRAILER = "Reviewed-by"


def review(service: ServiceName, commit: CommitInfo, reviewers: Sequence[str], now: datetime) -> Evidence:
    """Passes when someone who is not the author, with an address that matches ``reviewers`` (shell patterns), did."""
    named = [value for key, value in commit.trailers if key.casefold() == TRAILER.casefold()]
    counted = [who for who in named if _counts(who, commit.author_email, reviewers)]
    return Evidence(
        service=service,
        commit=commit.commit,
        tree=commit.tree,
        gate=REVIEW,
        passed=bool(counted),
        by=", ".join(counted) or "nobody",
        at=now,
        detail=f"reviewed by {', '.join(counted)}" if counted else _why_not(named, commit, reviewers),
    )


def _address(who: str) -> str:
    return parseaddr(who)[1].casefold()


def _counts(who: str, author_email: str, reviewers: Sequence[str]) -> bool:
    address = _address(who)
    if "@" not in address or address == author_email.strip().casefold():
        return False
    return any(fnmatchcase(address, pattern.casefold()) for pattern in reviewers)


def _why_not(named: Sequence[str], commit: CommitInfo, reviewers: Sequence[str]) -> str:
    if not named:
        return f"the commit has no {TRAILER} trailer"
    author = commit.author_email.strip().casefold()
    if all(_address(who) == author for who in named):
        return f"reviewed only by its author, {commit.author} <{commit.author_email}>"
    return (
        f"reviewed by {', '.join(named)}; the standard counts {', '.join(reviewers) or 'nobody'}, and never the author"
    )
