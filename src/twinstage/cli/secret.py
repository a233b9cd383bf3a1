"""``twinstage secret set | list | remove``"""

import getpass
import sys
import time
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from twinstage import wire
from twinstage.cli import words
from twinstage.cli.company import Json, reach, whoami
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.following import EVERY
from twinstage.cli.orders import NoWait, answered
from twinstage.cli.screen import Text, as_json, output, show
from twinstage.client import Client
from twinstage.model.names import Ecosystem
from twinstage.model.secret import LONGEST, value_of

secret = typer.Typer(
    help="Set, list and remove what stands in no file: names and versions are shown, values never.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

Service = Annotated[str, typer.Argument(help="The service that has it.", show_default=False)]
Name = Annotated[str, typer.Argument(help="As `secrets` in its twinstage.yaml names it.", show_default=False)]
Where = Annotated[Ecosystem, typer.Option("--ecosystem", help="Whose value: each has its own.", show_default=False)]
Company = Annotated[
    str | None,
    typer.Option(
        "--company",
        "-c",
        metavar="NAME",
        envvar="TWINSTAGE_ECOSYSTEM",
        help="The company to speak to. Default: that of ./ecosystem.yaml, else the only one that is up.",
        show_default=False,
    ),
]


@secret.command("set")
def set_(
    service: Service,
    name: Name,
    ecosystem: Where,
    company: Company = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> None:
    """Set a secret from standard input; in a terminal it asks, and shows nothing of what is typed.

    At most 64 KiB of UTF-8 without NUL; one newline at its end is dropped. Where it replaces a value in use, instances with
    the new one start beside the old ones and take over when all of them are healthy.
    """
    value = _read(service, name, ecosystem)
    with _reach(company) as client:
        answered(client, client.set_secret(service, name, ecosystem, value, by=whoami()), json)
        if not no_wait and not json:
            _follow(client, service, name, ecosystem)


@secret.command("list")
def list_(
    service: Annotated[str | None, typer.Argument(help="Only of this service.", show_default=False)] = None,
    company: Company = None,
    json: Json = False,
) -> None:
    """Show which secrets are set, in which version, since when and by whom, and which are lacking. Never a value."""
    with _reach(company) as client:
        found = client.secrets(service=service)
    if json:
        as_json(found)
        return
    if not found:
        output().print("no secret is set, and none is needed")
        return
    show(output(), draw(found, datetime.now(UTC)))


@secret.command()
def remove(
    service: Service,
    name: Name,
    ecosystem: Where,
    why: Annotated[str, typer.Option("--why", "-m", help="The reason, for the journal.")] = "no longer needed",
    company: Company = None,
    json: Json = False,
) -> None:
    """Take a secret away. Refused while what runs there, or a release on its way, names it."""
    with _reach(company) as client:
        answered(client, client.remove_secret(service, name, ecosystem, by=whoami(), why=why), json)


def draw(found: Sequence[wire.Secret], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, header_style="quiet")
    for heading in ("service", "ecosystem", "name", "version", "set", "by", ""):
        table.add_column(heading, overflow="fold")
    for it in found:
        names = (it.service, it.ecosystem.value, it.name)
        if it.version is None or it.at is None:
            table.add_row(*names, Text("not set", "bad"), "", "", f"needed by {', '.join(it.needed)}")
            continue
        more = f"the older one still serves: {it.rotating}" if it.rotating else ""
        more = more or ("" if it.needed else "nothing needs it")
        table.add_row(*names, str(it.version), words.ago(it.at, now), it.by or "", more)
    return table


def _read(service: str, name: str, ecosystem: Ecosystem) -> bytes:
    """Never from an argument, which everybody on the machine could read."""
    what = f"cannot set {name} of {service} in {ecosystem}"
    if sys.stdin.isatty():
        given = _asked(f"{name} of {service} in {ecosystem}: ", what).encode(errors="surrogateescape")
    else:
        given = sys.stdin.buffer.read(LONGEST + 3)  # with its newline, and one byte more to see that it is too long
        given = given.removesuffix(b"\n").removesuffix(b"\r") if given.endswith(b"\r\n") else given.removesuffix(b"\n")
    try:
        value_of(given)
    except ValueError as wrong:
        hint = "type it, or pipe it in: UTF-8 text without NUL, 64 KiB at most"
        raise Stop(Exit.USAGE, f"{what}: {wrong}", hint=hint) from None
    return given


def _asked(prompt: str, what: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)  # it would go on, and show what is typed
        try:
            return getpass.getpass(prompt)
        except getpass.GetPassWarning:
            hint = "pipe it in: `... | twinstage secret set ...`"
            raise Stop(Exit.USAGE, f"{what}: this terminal cannot hide what is typed", hint=hint) from None
        except EOFError:
            hint = "type it, or pipe it in: `... | twinstage secret set ...`"
            raise Stop(Exit.USAGE, f"{what}: there is no value", hint=hint) from None


def _follow(client: Client, service: str, name: str, ecosystem: Ecosystem) -> None:
    """Until no instance with an older value serves; says what it waits for whenever that changes."""
    said = ""
    while True:
        rows = client.secrets(service=service)
        lacking = next((r.rotating for r in rows if (r.name, r.ecosystem) == (name, ecosystem)), "")
        if not lacking:
            break
        if lacking != said:
            output().print(f"[quiet]the older value still serves: {escape(lacking)}[/]")
        said = lacking
        time.sleep(EVERY)
    if said:
        output().print(f"{ecosystem} serves with the new value")


def _reach(company: str | None) -> Client:
    try:
        return reach(company)
    except Stop as stop:  # elsewhere `--ecosystem` names the company, here it is production or staging
        hint = stop.hint.replace("--ecosystem", "--company")
        raise Stop(stop.status, stop.message, detail=stop.detail, hint=hint) from None
