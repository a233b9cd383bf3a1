"""Which company a command speaks to, and as whom."""

import getpass
import os
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from twinstage.cli.choice import chosen
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.screen import Text, errors
from twinstage.runtime.local.places import Places, companies

if TYPE_CHECKING:
    from twinstage.client import Client

Named = Annotated[
    str | None,
    typer.Option(
        "--ecosystem",
        "-e",
        metavar="NAME",
        envvar="TWINSTAGE_ECOSYSTEM",
        help="The company to speak to. Default: that of ./ecosystem.yaml, else the only one that is up.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the controller's answer as JSON.", show_default=False)]


def choose(named: str | None) -> str:
    """The company's name. Raises Stop when it cannot be told."""
    if (name := chosen(named)) is not None:
        return name
    running = companies()
    if len(running) == 1:
        return running[0]
    if not running:
        raise Stop(
            Exit.TROUBLE,
            "cannot tell which company: none is up, and there is no ecosystem.yaml here",
            hint="start one with `twinstage up FILE`, or see a ready-made one with `twinstage demo`",
        )
    raise Stop(
        Exit.USAGE,
        f"cannot tell which company: {', '.join(running)} are up",
        hint=f"say which: --ecosystem {running[0]}, or TWINSTAGE_ECOSYSTEM={running[0]}",
    )


def reach(named: str | None, *, patience: float = 15.0) -> "Client":
    """A client of the chosen company. Connects with its first call, not here."""
    name = choose(named)
    from twinstage.client import Client  # speaks HTTP, which is slow to read: --help and completion go without

    return Client(
        Places.of(name).api,
        name=name,
        patience=patience,
        notice=lambda text: errors().print(Text(text, "dim")),
    )


def whoami() -> str:
    """``ada@build7``: written into the journal beside everything that is asked."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as containers have them
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
