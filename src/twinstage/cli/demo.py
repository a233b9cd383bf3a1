"""``twinstage demo``"""

import subprocess
import sys

import typer

from twinstage.cli.exits import Exit, Stop


def demo(context: typer.Context) -> None:
    """Play the five acts: a ten-service company comes up on this machine and ships real releases.

    Arguments are the play's own; `twinstage demo --help` lists them.
    """
    # A process of its own: the play drives this command line as a person would, so it stands above it.
    play = subprocess.Popen([sys.executable, "-m", "twinstage.demo", *context.args])
    try:
        status = play.wait()
    except KeyboardInterrupt:
        # Ctrl-C went to the play as well, which ends its act in words; leave it the time to.
        status = play.wait()
    if status:
        raise Stop(Exit.INTERRUPTED if status < 0 or status == Exit.INTERRUPTED else _known(status))


def _known(status: int) -> Exit:
    try:
        return Exit(status)
    except ValueError:
        return Exit.TROUBLE
