"""What the process says to the shell when it ends, and the one exception by which a command ends early."""

from enum import IntEnum


class Exit(IntEnum):
    """Documented in ``--help`` and kept: scripts decide by these."""

    DONE = 0
    FAILED = 1
    """The release failed, or was aborted or superseded."""
    USAGE = 2
    WAITING = 3
    """Waiting, or refused."""
    TROUBLE = 4
    """Trouble of the platform: the controller does not answer, or cannot do it."""
    INTERRUPTED = 130


class Stop(Exception):
    """End here with this status. ``detail`` and ``hint`` go below the message; an empty message says nothing."""

    def __init__(self, status: Exit, message: str = "", *, detail: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.detail, self.hint = status, message, detail, hint

    @staticmethod
    def telling(status: Exit, what: str, cause: str) -> "Stop":
        """A cause that begins with what could not be done says it all; any other is put below ``what``."""
        if not cause.startswith("cannot "):
            return Stop(status, what, detail=cause)
        first, _, rest = cause.partition("\n")
        return Stop(status, first, detail=rest)
