"""``twinstage status``"""

from datetime import UTC, datetime
from typing import Annotated

import typer

from twinstage.cli import table
from twinstage.cli.company import Json, Named, reach
from twinstage.cli.detail import detail
from twinstage.cli.screen import as_json, output, show


def status(
    service: Annotated[str | None, typer.Argument(help="Only this service, in detail.", show_default=False)] = None,
    ecosystem: Named = None,
    json: Json = False,
) -> None:
    """Show every service: what production runs, whether staging mirrors it, and which release is in which phase."""
    console = output()
    with reach(ecosystem) as client:
        if service is not None:
            found = client.service(service)
            if json:
                as_json(found)
            else:
                show(console, detail(found, datetime.now(UTC), console.width))
            return
        everything = client.status()
    if json:
        as_json(everything)
    else:
        show(console, table.draw(everything, console.width))
