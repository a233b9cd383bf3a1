"""supervisord as we start it: ``python -m twinstage.inside.supervisord -c FILE``. Three things are mended.

**It loses no signal to a program it starts.** Between fork and exec a child still has supervisord's own handlers, which only
remember that a signal came; the exec then forgets that. A program that is told to stop in that moment would never hear of it,
and whoever stops it would wait until it is killed: 10 to 25 seconds. So signals are held back over the fork, and meet the
child as every program starts: by default.

**It does not die of a full disk.** A line of a log that cannot be written is told on standard error, which is a log too: the
second failure would end supervisord, and with it the whole ecosystem. So such a line is lost, and nothing else; the first one
that can be written again says nothing of those before it.

**A program starts sooner.** supervisord closes each descriptor that there could be by a call of its own, thousands of them, for
every program that it starts; the kernel closes all of them in one.
"""

import os
import signal
import sys
from contextlib import suppress
from typing import IO, Any

from supervisor import loggers
from supervisor.medusa.asyncore_25 import ExitNow
from supervisor.options import ServerOptions
from supervisor.states import SupervisorStates
from supervisor.supervisord import Supervisor

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR2)
"""What supervisord has handlers for."""
_STANDARD = 3


class Options(ServerOptions):  # type: ignore[misc]  # supervisor has no types
    minfds: int
    _most: int

    def fork(self) -> int:
        """As os.fork; in the child the signals of HANDLED do what they do by default, from its very first moment on."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            pid = os.fork()
            if pid == 0:
                for number in HANDLED:
                    signal.signal(number, signal.SIG_DFL)
                self._most, self.minfds = self.minfds, _STANDARD  # nothing left to close one by one
            return pid
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def execve(self, filename: str, argv: list[str], env: dict[str, str]) -> None:
        """As os.execve, in the child, with its standard descriptors and no other."""
        os.closerange(_STANDARD, self._most)
        os.execve(filename, argv, env)  # noqa: S606 - no shell is the point


class Log(loggers.RotatingFileHandler):  # type: ignore[misc]
    """A log file that may fail. A failed rollover leaves it closed; it is opened again as soon as that is possible."""

    stream: IO[Any]

    def emit(self, record: Any) -> None:
        with suppress(OSError):
            if self.stream.closed:
                self.stream = open(self.baseFilename, "ab")  # noqa: PTH123, SIM115 - it stays open, as the base class has it
            super().emit(record)


def _lost(_handler: object) -> None:
    """In place of supervisor's own words about a line that could not be written."""


def main(arguments: list[str]) -> None:
    """Until it is told to shut down; told to restart, it reads its configuration and begins again."""
    loggers.Handler.handleError = _lost
    loggers.RotatingFileHandler = Log
    first = True
    while True:
        options = Options()
        options.realize(arguments)
        options.first, options.test = first, False
        with suppress(ExitNow):
            Supervisor(options).main()
        options.close_httpservers()
        with suppress(OSError):
            options.close_logger()
        if options.mood < SupervisorStates.RESTARTING:
            return
        first = False


if __name__ == "__main__":
    main(sys.argv[1:])
