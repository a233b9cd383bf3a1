"""``twinstage`` as Typer sees it: a group that lists its verbs without reading them."""

from typing import Any

from typer.core import TyperCommand, TyperGroup

from twinstage.cli.verbs import KNOWN


class Verbs(TyperGroup):
    """What it lists are names and first lines; what it runs is the real command."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": dict(KNOWN)})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - theirs
        verb = KNOWN.get(cmd_name)
        return verb and TyperCommand(name=verb.name, help=verb.about, rich_help_panel=verb.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, KNOWN[name].load() if name is not None else command, rest
