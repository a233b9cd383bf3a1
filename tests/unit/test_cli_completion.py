"""Tab, in a real bash: verbs, options, and what the company that is up has."""

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated

import pytest
import typer
from face_company import Company, Served, reason, release, rollout

from twinstage.cli import completing
from twinstage.cli.completing import KINDS
from twinstage.cli.completion import SCRIPTS, Shell
from twinstage.cli.verbs import KNOWN, VERBS, Verb
from twinstage.model.rollout import State

TAB = """
source <(twinstage completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_twinstage_completion twinstage "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>&1
printf '%s\\n' "${COMPREPLY[@]}"
"""


class Bash:
    """A bash with ``twinstage`` on its PATH, in a directory of its own. ``root``: as TWINSTAGE_ROOT."""

    def __init__(self, where: Path, root: Path) -> None:
        self.where = where
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        self._environment = {"PATH": path, "HOME": str(where), "TWINSTAGE_ROOT": str(root)}

    def tab(self, *words: str) -> list[str]:
        """What is offered for the last word."""
        found = self.run("bash", "--norc", "-c", TAB, "tab", "twinstage", *words)
        return [line for line in found.stdout.splitlines() if line]

    def type(self, keys: str, until: str) -> str:
        """Keys pressed in an interactive one, after it has read the script; what is on the screen once ``until`` is."""
        pid, screen = pty.fork()
        if pid == 0:
            os.chdir(self.where)
            os.execvpe("bash", ["bash", "--norc", "-i"], {**self._environment, "PS1": "$ "})
        try:
            os.write(screen, b"source <(twinstage completion bash); echo rea''dy\n")
            seen = _read(screen, "ready\r\n")
            os.write(screen, keys.encode())
            return seen + _read(screen, until)
        finally:
            os.write(screen, b"\x03\x04")
            os.close(screen)
            os.waitpid(pid, 0)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, cwd=self.where, env=self._environment, capture_output=True, text=True, check=False, timeout=60
        )


def _read(screen: int, until: str) -> str:
    seen = ""
    while until not in seen:
        seen += os.read(screen, 4096).decode("utf-8", "replace")
    return seen


@pytest.fixture
def alone(tmp_path: Path) -> Bash:
    return Bash(tmp_path, tmp_path / "none")


@pytest.fixture
def beside(tmp_path: Path, served: Served, company: Company) -> Bash:
    """With a company up."""
    company.live(release("catalog", "c"), release("orders", "1"))
    waiting = rollout("ro_5d1", "orders", State.VERIFYING, reason("VERIFYING"), release=release("orders", "7").id)
    company.write(rollouts=((None, waiting),))
    root = tmp_path / "root"
    root.mkdir()
    (root / "run").symlink_to(served.root)
    return Bash(tmp_path, root)


def test_verbs_are_completed(alone: Bash) -> None:
    assert alone.tab("ro") == ["rollback"]
    assert set(alone.tab("")) == set(KNOWN)


def test_tab_completes_while_it_is_typed(beside: Bash) -> None:
    assert "rollback orders " in beside.type("twinstage rollb\tord\t", "orders ")


def test_options_are_completed_from_the_verb(alone: Bash) -> None:
    assert alone.tab("rollback", "--w") == ["--why"]
    assert set(alone.tab("status", "--")) == {"--ecosystem", "--json", "--help"}


def test_services_and_rollouts_of_the_running_company_are_completed(beside: Bash) -> None:
    assert beside.tab("status", "") == ["catalog", "orders", "payments"]
    assert beside.tab("abort", "") == ["catalog", "orders", "payments", "ro_5d1"]
    assert beside.tab("rollback", "--why", "it is slow", "or") == ["orders"]
    assert beside.tab("why", "r_7") == [release("orders", "7").id]
    assert beside.tab("skip", "ro_5d1", "canary", "") == ["development", "staging"]
    assert beside.tab("status", "orders", "") == [], "there is nothing more to say"
    assert beside.tab("status", "-e", "") == ["shop"]


def test_without_a_company_it_is_silent(alone: Bash) -> None:
    assert alone.tab("status", "") == []
    assert alone.tab("status", "-e", "nowhere", "") == []


def test_files_are_left_to_the_shell(alone: Bash) -> None:
    (alone.where / "company.yaml").touch()
    (alone.where / "code").mkdir()
    assert set(alone.tab("up", "co")) == {"company.yaml", "code"}
    assert alone.tab("init", "co") == ["code"]


def test_every_argument_of_every_verb_says_what_it_takes() -> None:
    pairs = [(verb, verb.load()) for verb in VERBS]
    pairs += [(inner, command.commands[inner.name]) for verb, command in pairs for inner in verb.within]
    for verb, command in pairs:
        arguments = [it for it in command.params if it.param_type_name == "argument"]
        assert len(arguments) == len(verb.takes), verb.name
        kinds = {kind for it in verb.takes for kind in it.removesuffix("...").split("|")}
        assert kinds <= {*KINDS, "commit", "name"}, verb.name


def test_the_verbs_of_a_group_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = ModuleType("twinstage.cli.gift")
    made.gift = typer.Typer()  # type: ignore[attr-defined]

    @made.gift.command("wrap")  # type: ignore[attr-defined, untyped-decorator]
    def wrap(shell: str, bow: Annotated[str, typer.Option("--bow")] = "") -> None:
        """Wrap it."""

    @made.gift.command("send")  # type: ignore[attr-defined, untyped-decorator]
    def send() -> None:
        """Send it."""

    monkeypatch.setitem(sys.modules, made.__name__, made)
    gift = Verb("gift", "Gifts", within=(Verb("wrap", "Gifts", ("shell",)), Verb("send", "Gifts")))
    monkeypatch.setattr(completing, "KNOWN", {**KNOWN, "gift": gift})

    def offered(*words: str) -> set[str]:
        return {word for word, _ in completing.choices(words)}

    assert offered("gift", "") == {"wrap", "send"}
    assert offered("gift", "wrap", "") == {"bash", "zsh", "fish"}
    assert offered("gift", "wrap", "--bow", "red", "") == {"bash", "zsh", "fish"}
    assert offered("gift", "wrap", "--") == {"--bow", "--help"}
    assert offered("gift", "send", "") == set()


def test_installing_it_twice_is_installing_it_once(alone: Bash) -> None:
    (alone.where / ".bashrc").write_text("alias ll='ls -l'")
    for _ in range(2):
        assert alone.run("twinstage", "completion", "bash", "--install").returncode == 0
    lines = (alone.where / ".bashrc").read_text().splitlines()
    assert lines == ["alias ll='ls -l'", f"source {alone.where}/.local/share/twinstage/completion.bash"]
    found = alone.run("bash", "--rcfile", ".bashrc", "-ic", "complete -p twinstage")
    assert "_twinstage_completion" in found.stdout


def test_a_shell_that_is_not_known_is_told(alone: Bash) -> None:
    said = alone.run("twinstage", "completion")
    assert said.returncode == 2
    assert "name one: `twinstage completion bash`" in said.stderr


@pytest.mark.parametrize("shell", [Shell.ZSH, Shell.FISH])
def test_the_other_shells_can_read_theirs(shell: Shell, alone: Bash) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on this machine")
    (alone.where / "script").write_text(SCRIPTS[shell])
    said = alone.run(shell, "-n", "script")
    assert said.returncode == 0, said.stderr
