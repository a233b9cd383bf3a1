"""``twinstage completion``"""

import os
import shlex
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from twinstage.cli.exits import Exit, Stop
from twinstage.cli.screen import output


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


BASH = """\
_twinstage_completion() {
    local IFS=$'\\n'
    COMPREPLY=($("$1" --complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
    case ${COMPREPLY[0]} in
        :files:) COMPREPLY=($(compgen -f -- "$2")); compopt -o filenames 2>/dev/null ;;
        :directories:) COMPREPLY=($(compgen -d -- "$2")); compopt -o filenames 2>/dev/null ;;
    esac
}
complete -F _twinstage_completion twinstage
"""
ZSH = """\
#compdef twinstage
_twinstage_completion() {
    local -a lines found
    lines=("${(@f)$("${words[1]}" --complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    case ${lines[1]} in
        :files:) _files ;;
        :directories:) _files -/ ;;
        "") return 1 ;;
        *) found=("${(@)lines/$'\\t'/:}"); _describe twinstage found ;;
    esac
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
compdef _twinstage_completion twinstage
"""
FISH = """\
function __twinstage_completion
    set -l words (commandline -opc) (commandline -ct)
    set -l found ($words[1] --complete fish $words[2..-1] 2>/dev/null)
    switch "$found[1]"
        case :files:
            __fish_complete_path (commandline -ct)
        case :directories:
            __fish_complete_directories (commandline -ct)
        case '*'
            printf '%s\\n' $found
    end
end
complete --command twinstage --no-files --arguments '(__twinstage_completion)'
"""
SCRIPTS: Mapping[Shell, str] = {Shell.BASH: BASH, Shell.ZSH: ZSH, Shell.FISH: FISH}


def completion(
    shell: Annotated[
        Shell | None, typer.Argument(help="bash, zsh or fish. Default: that of $SHELL.", show_default=False)
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Have new shells read it, instead of printing it.", show_default=False)
    ] = False,
) -> None:
    """Print what makes Tab complete verbs, options, and the services and rollouts of the company that is up.

    `source <(twinstage completion bash)` has it in this shell; `--install` writes it to where new ones find it.
    """
    chosen = shell or _usual()
    if install:
        _install(chosen)
    else:
        sys.stdout.write(SCRIPTS[chosen])


def _usual() -> Shell:
    name = Path(os.environ.get("SHELL", "")).name
    try:
        return Shell(name)
    except ValueError:
        what = f"$SHELL is {name}" if name else "$SHELL is not set"
        raise Stop(
            Exit.USAGE, f"cannot tell which shell: {what}", hint="name one: `twinstage completion bash`"
        ) from None


def _install(shell: Shell) -> None:
    """fish reads a directory; for the others a line goes to the end of their start-up file, once."""
    try:
        place = _written(shell)
    except OSError as error:
        where = error.filename or Path.home()
        raise Stop(Exit.TROUBLE, f"cannot write {where}: {(error.strerror or str(error)).lower()}") from None
    output().print(f"{escape(str(place))} has it: new {shell} shells complete `twinstage`", soft_wrap=True)


def _written(shell: Shell) -> Path:
    home = Path.home()
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    fish = settings / "fish/completions/twinstage.fish"
    file = fish if shell is Shell.FISH else data / f"twinstage/completion.{shell}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(SCRIPTS[shell])
    if shell is Shell.FISH:
        return file
    start = home / ".bashrc" if shell is Shell.BASH else Path(os.environ.get("ZDOTDIR") or home) / ".zshrc"
    line = f"source {shlex.quote(str(file))}"
    known = start.read_text() if start.is_file() else ""
    if line not in known.splitlines():
        end = "" if not known or known.endswith("\n") else "\n"
        with start.open("a") as append:
            append.write(f"{end}{line}\n")
    return start
