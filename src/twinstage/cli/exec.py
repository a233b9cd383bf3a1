"""``twinstage exec``"""

import os
import sys
from typing import Annotated

import typer
from rich.markup import escape

from twinstage import wire
from twinstage.cli import relay
from twinstage.cli.company import Named, choose, whoami
from twinstage.cli.screen import errors
from twinstage.runtime.local.places import Places

SHELL = "/bin/sh"

Subject = Annotated[
    str, typer.Argument(metavar="INSTANCE", help="As `status SERVICE` and `logs` name it.", show_default=False)
]
Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="COMMAND...", help=f"What to run, and its arguments. Default: {SHELL}.", show_default=False),
]
Why = Annotated[
    str,
    typer.Option(
        "--why", "-m", help="The reason, for the journal. Production's instances need one.", show_default=False
    ),
]


def exec(
    instance: Subject,
    command: Words = None,
    why: Why = "",
    ecosystem: Named = None,
) -> None:
    """Run a shell or a command in an instance, as that stands: its network, files, environment, limits and all its walls.

    `exec INSTANCE -- ps -ef`: what begins with a dash comes after two of them. At a terminal the command has one; piped, its
    input, output and errors are plain. The exit status is the command's; one that a signal ended has 128 and its number. What it
    started ends with it, and with the instance.

    Who ran what, where and why stays in the journal: `history` shows it. What it calls counts as the instance's own.
    """
    from twinstage.client.visit import Visit  # speaks pydantic, which is slow to read

    name = choose(ecosystem)
    asked = wire.Visiting.model_construct(  # the controller looks at it
        instance=instance, command=command or [SHELL], by=whoami(), why=why, terminal=relay.terminal(os.environ)
    )
    visit = Visit.begun(Places.of(name).visits, asked, name=name)
    _tell(instance)
    try:
        status, ended = relay.run(visit)
    finally:
        visit.close()
    if ended != f"exit status {status}":
        errors().print(f"[warn]{escape(ended)}[/]")
    sys.stdout.flush()
    raise SystemExit(status)


def _tell(instance: str) -> None:
    """Before the first prompt; a script's standard error has the command's own words alone."""
    if sys.stderr.isatty():
        release = instance.split(".")[3] if instance.count(".") > 3 else "its release"
        text = (
            f"inside {instance}: what you call from here counts as {release}'s own; that you are here is in the journal"
        )
        errors().print(f"[quiet]{escape(text)}[/]")
