"""The list of verbs: what each takes, and where it is found. Only the module of the verb that is called is ever imported.

Each verb is a module of this package with a function (or a Typer of further verbs) of the same name. The line that
``--help`` has for it is the first of that function's docstring, read from the source: importing two dozen modules to
show one page would take most of a second. Nothing heavy is imported here: completion is answered from this list.
"""

import ast
import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.abc import InspectLoader
from types import MappingProxyType
from typing import Any

COMPANY, RELEASES, READING = "The company", "Releases", "Reading"
SERVICE, ANY = "service", "service|rollout"
PASSED_ON = MappingProxyType({"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
"""``demo`` hands its arguments to the play, which has a ``--help`` of its own."""


@dataclass(frozen=True)
class Verb:
    name: str
    panel: str
    takes: tuple[str, ...] = ()
    """What may stand at each position: kinds of ``completing.py``, joined by ``|``; the last one repeats after ``...``."""
    settings: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    within: tuple["Verb", ...] = ()
    """The verbs of a group: then its module has a Typer of its name, with a command for each."""
    line: str = ""
    """What ``--help`` says of a group. A verb's own docstring says it."""

    @property
    def module(self) -> str:
        return f"{__package__}.{self.name}"

    @property
    def about(self) -> str:
        """What its function's docstring says first. Nothing is imported for it."""
        if self.line:
            return self.line
        spec = importlib.util.find_spec(self.module)
        loader = spec.loader if spec else None
        source = loader.get_source(self.module) if isinstance(loader, InspectLoader) else None
        tree = ast.parse(source or "")
        own = next((it for it in tree.body if isinstance(it, ast.FunctionDef) and it.name == self.name), None)
        return ((ast.get_docstring(own) if own else None) or "").partition("\n\n")[0].replace("\n", " ")

    def load(self) -> Any:
        """The command itself, with its parameters, as Typer makes it."""
        import typer
        import typer.main

        found = getattr(importlib.import_module(self.module), self.name)
        if isinstance(found, typer.Typer):
            command: Any = typer.main.get_group(found)
        else:
            alone = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
            alone.command(self.name, context_settings=dict(self.settings))(found)
            command = typer.main.get_command(alone)
        command.name, command.rich_help_panel = self.name, self.panel
        for it in command.params:
            if it.param_type_name == "argument" and it.metavar is None:
                it.metavar = it.name.upper()  # as all the others are written
        return command


VERBS = (
    Verb("up", COMPANY, ("file",)),
    Verb("down", COMPANY),
    Verb("init", COMPANY, ("directory",)),
    Verb("check", COMPANY, ("file",)),
    Verb("schema", COMPANY, ("schema",)),
    Verb("remove", COMPANY, (SERVICE,)),
    Verb(
        "secret",
        COMPANY,
        within=(
            Verb("set", COMPANY, (SERVICE, "name")),
            Verb("list", COMPANY, (SERVICE,)),
            Verb("remove", COMPANY, (SERVICE, "name")),
        ),
        line="Set, list and remove what stands in no file: names and versions are shown, values never.",
    ),
    Verb("disk", COMPANY),
    Verb("prune", COMPANY),
    Verb("doctor", COMPANY),
    Verb("boundary", COMPANY, ("boundary", SERVICE)),
    Verb("demo", COMPANY, settings=PASSED_ON),
    Verb("completion", COMPANY, ("shell",)),
    Verb("submit", RELEASES, (SERVICE, "commit")),
    Verb("rollback", RELEASES, (SERVICE,)),
    Verb("resume", RELEASES, (SERVICE,)),
    Verb("abort", RELEASES, (ANY,)),
    Verb("skip", RELEASES, (ANY, "phase...")),
    Verb("freeze", RELEASES, (SERVICE,)),
    Verb("unfreeze", RELEASES, (SERVICE,)),
    Verb("status", READING, (SERVICE,)),
    Verb("watch", READING),
    Verb("why", READING, ("service|rollout|release",)),
    Verb("history", READING, (SERVICE,)),
    Verb("logs", READING, (ANY,)),
    Verb("exec", READING, ("instance", "command")),
    Verb("version", READING),
)
"""In the order of ``--help``."""

KNOWN: Mapping[str, Verb] = MappingProxyType({verb.name: verb for verb in VERBS})
