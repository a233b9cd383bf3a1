"""``twinstage schema``"""

import sys
from typing import Annotated

import typer

from twinstage.config.schema import File, text


def schema(
    file: Annotated[
        File,
        typer.Argument(metavar="service|ecosystem", help="twinstage.yaml's, or ecosystem.yaml's.", show_default=False),
    ],
) -> None:
    """Print the JSON Schema of twinstage.yaml or ecosystem.yaml, by which an editor completes and checks the file.

    `twinstage schema service > .twinstage.schema.json` renews the one that `init` writes beside a definition.
    """
    sys.stdout.write(text(file))
