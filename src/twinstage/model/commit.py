"""What is known of one commit: who wrote it, what it holds, who vouches for it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CommitInfo:
    """One commit as far as one service is concerned."""

    commit: str
    """Full id: 40 or 64 hex digits."""
    tree: str
    """git's id of the tree at the service's path within the commit."""
    author: str
    author_email: str
    subject: str
    trailers: tuple[tuple[str, str], ...] = ()
    """(key, value) in the message's order: ("Reviewed-by", "Ada <ada@shop.example>")."""
