"""How git is called: with nothing of the machine's or a person's settings, with a limit, and never with a prompt.

A repository's own configuration still counts to git, so what in it could run a program is switched off by name.
"""

import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

SECONDS = 60.0
"""How long a call may take."""
TRANSFER_SECONDS = 600.0
"""How long packing and unpacking may take."""

_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SETTINGS = Path(__file__).with_name("gitconfig")
"""safe.directory counts only in a global file: older gits ignore it on the command line."""
_SWITCHES = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.quotePath=false",
    "log.showSignature=false",
    "log.mailmap=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "transfer.fsckObjects=false",
)


class ForgeTrouble(Exception):
    """Root of what the forge raises; the message is for people."""


class NotARepository(ForgeTrouble):
    """The place is not a git repository, or not any more."""


class UnknownRevision(ForgeTrouble):
    """The repository has no such revision, commit or file."""


class Refused(ForgeTrouble):
    """What was sent or asked for cannot be taken. Blames the sender."""


class GitFailed(ForgeTrouble):
    """git ended with an error. ``said`` is the end of its standard error."""

    def __init__(self, what: str, said: str) -> None:
        super().__init__(f"cannot {what}: git: {said or 'failed without a message'}")
        self.said = said


def environment() -> dict[str, str]:
    """All that git sees of the environment."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(_SETTINGS),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        # No protocol at all; unlike protocol.allow, no setting of the repository's overrides it.
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ATTR_NOSYSTEM": "1",
    }


def full_id(commit: str) -> str:
    """``commit`` itself where it is a full object id. Raises Refused: nothing else ever becomes an argument."""
    if _ID.fullmatch(commit) is None:
        raise Refused(f"cannot use {commit!r} as a commit: a full id has 40 or 64 hex digits")
    return commit


def command(where: Path, args: Sequence[str]) -> list[str]:
    switches = [part for setting in _SWITCHES for part in ("-c", setting)]
    return ["git", *switches, "-C", str(where), *args]


def git(
    where: Path,
    *args: str,
    what: str,
    stdin: bytes = b"",
    source: IO[bytes] | None = None,
    extra: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> bytes:
    """git's output. ``what``: the operation for the message, "read commit 1a2b". Raises ForgeTrouble.

    git reads ``stdin``, or the open file ``source``.
    """
    try:
        done = subprocess.run(
            command(where, args),
            env={**environment(), **(extra or {})},
            input=stdin if source is None else None,
            stdin=source,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError:
        raise ForgeTrouble(f"cannot {what}: git is not installed; install it (apt-get install git)") from None
    except subprocess.TimeoutExpired:
        raise ForgeTrouble(f"cannot {what}: git did not end within {seconds:.0f} s") from None
    if done.returncode != 0:
        raise GitFailed(what, said(done.stderr))
    return done.stdout


@contextmanager
def streaming(where: Path, *args: str, what: str, stdin: IO[bytes]) -> Iterator[IO[bytes]]:
    """git's output while it runs; killed when the block ends early or the limit passes. Raises ForgeTrouble."""
    # Errors go to a file: a pipe that nobody reads fills up and stops git.
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command(where, args), env=environment(), stdin=stdin, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        assert process.stdout is not None
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        watch = threading.Timer(TRANSFER_SECONDS, stop)
        watch.daemon = True
        watch.start()
        try:
            yield process.stdout
            process.stdout.close()
            status = process.wait()
        finally:
            process.kill()
            watch.cancel()
        if late.is_set():
            raise ForgeTrouble(f"cannot {what}: git did not end within {TRANSFER_SECONDS:.0f} s")
        if status != 0:
            errors.seek(0)
            raise GitFailed(what, said(errors.read()))


def said(stderr: bytes) -> str:
    """The end of what git said, on one line."""
    text = stderr.decode("utf-8", "replace").strip()
    lines = [line.strip().removeprefix("fatal: ").removeprefix("error: ") for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-3:])[-500:]
