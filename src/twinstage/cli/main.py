"""``twinstage``: runs the verb that is called, and is the one place where what went wrong is put into words."""

import os
import sys
import tempfile
import traceback
from typing import Annotated

import typer
from rich.markup import escape

from twinstage.cli.exits import Exit, Stop
from twinstage.cli.group import Verbs
from twinstage.cli.screen import errors, hanging
from twinstage.runtime.local.places import NotOurs

HELP = """Ship every microservice through one pipeline, and a sealed staging mirror of production.

Exit statuses: **0** done, **1** the release failed, **2** usage, **3** waiting or refused, **4** trouble of the platform.
"""

app = typer.Typer(
    cls=Verbs,
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="On an unexpected error, print the traceback.")] = False,
) -> None:
    # Its help is HELP: a docstring here would replace it.
    if debug:
        os.environ["TWINSTAGE_DEBUG"] = "1"


def main() -> None:
    """Run one command and end the process with its exit status."""
    sys.exit(run())


def run() -> int:
    """The exit status of the command line in ``sys.argv``. Expected trouble is said in words, never as a traceback."""
    try:
        app(prog_name="twinstage")
    except SystemExit as end:
        if end.code == Exit.INTERRUPTED:
            complain("stopped", quiet=True)
        return end.code if isinstance(end.code, int) else Exit.DONE
    except Stop as stop:
        complain(stop.message, stop.detail, stop.hint, quiet=stop.status in (Exit.WAITING, Exit.INTERRUPTED))
        return stop.status
    except KeyboardInterrupt:
        complain("stopped", quiet=True)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # `twinstage status | head`: the reader has what it wanted. What is buffered must not be flushed into the void.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except Exception as error:
        return told(error)
    return Exit.DONE


def told(error: Exception) -> int:
    """What the controller refused or could not do; anything else is a mistake of ours."""
    from twinstage.client import Broken, Refused, Unreachable  # most commands that come here have read it already

    if isinstance(error, Refused):
        problem = error.problem
        complain(problem.title, "\n".join([problem.detail, *(m.text for m in problem.mistakes)]), problem.hint)
        return Exit.USAGE if problem.status == 404 else Exit.WAITING
    if isinstance(error, Unreachable | Broken | NotOurs):
        complain(str(error))
        return Exit.TROUBLE
    return unexpected()


def complain(message: str, detail: str = "", hint: str = "", *, quiet: bool = False) -> None:
    console = errors()
    if message:
        console.print(f"[{'warn' if quiet else 'bad'}]{escape(message)}[/]")
    if detail.strip():
        hanging(console, detail)
    if hint:
        console.print(f"[busy]→[/] {escape(hint)}", soft_wrap=not console.is_terminal)


def unexpected() -> int:
    """A mistake of ours: one line for the person, the traceback in a file for whoever mends it."""
    if os.environ.get("TWINSTAGE_DEBUG"):
        traceback.print_exc()
        return Exit.TROUBLE
    last = traceback.format_exc().rstrip().splitlines()[-1]
    with tempfile.NamedTemporaryFile("w", prefix="twinstage-", suffix=".traceback", delete=False) as file:
        file.write(f"twinstage {' '.join(sys.argv[1:])}\n\n{traceback.format_exc()}")
    complain(
        f"twinstage itself failed: {last}",
        hint=f"the traceback is in {file.name}; please report it (--debug prints it)",
    )
    return Exit.TROUBLE


if __name__ == "__main__":
    main()
