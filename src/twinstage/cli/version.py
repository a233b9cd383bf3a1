"""``twinstage version``"""

from importlib.metadata import version as installed

from twinstage.cli.screen import output


def version() -> None:
    """Print the version."""
    output().print(f"twinstage {installed('twinstage')}")
