"""Somebody at a shell."""

import os
import signal
import subprocess
from pathlib import Path

import pytest


class Person:
    """Somebody at a shell: who they are, where their company lies, and the checkout they run it from."""

    def __init__(self, root: Path, checkout: Path, uid: int | None) -> None:
        self.root, self.checkout, self.uid = root, checkout, uid
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "VIRTUAL_ENV", "TWINSTAGE_", "UV_"))},
            "HOME": str(root / "home"),
            "TERM": "dumb",
            "COLUMNS": "160",
            "TWINSTAGE_ROOT": str(root),
        }

    def command(self, *arguments: str) -> list[str]:
        """The argument list by which this person runs a program of the checkout."""
        become = [] if self.uid is None else ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        return [*become, str(self.checkout / arguments[0]), *arguments[1:]]

    def start(
        self, *arguments: str, cwd: Path | None = None, out: Path | None = None, shell: bool = False
    ) -> "subprocess.Popen[str]":
        """``out``: the file that takes what it says. ``shell``: a process group of its own, as a shell gives to each
        command, so that ``interrupt`` can do to it what Ctrl-C does."""
        said = out.open("w") if out else None
        try:
            return subprocess.Popen(
                self.command(*arguments),
                cwd=cwd or self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said or subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                process_group=0 if shell else None,
            )
        finally:
            if said:
                said.close()

    def at_a_terminal(self, terminal: int, *arguments: str, cwd: Path) -> "subprocess.Popen[bytes]":
        """``terminal``: what the program has as input, output and errors, and gets its signals from."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=cwd,
            env={**self.environment, "TERM": "xterm"},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )

    def interrupt(self, running: "subprocess.Popen[str]") -> None:
        """Ctrl-C: SIGINT to the whole group."""
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGINT)

    def run(self, *arguments: str, cwd: Path | None = None, within: float = 120) -> "subprocess.CompletedProcess[str]":
        began = self.start(*arguments, cwd=cwd)
        try:
            said, _ = began.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            began.kill()
            said, _ = began.communicate()
            pytest.fail(f"{' '.join(arguments)} did not end within {within:.0f} s; it said:\n{said}")
        return subprocess.CompletedProcess(began.args, began.returncode, said)

    def twinstage(
        self, *arguments: str, cwd: Path | None = None, within: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        return self.run("script/twinstage", *arguments, cwd=cwd, within=within)

    def down(self, company: str) -> str:
        """Take it down, whatever state it is in; what that said. Never fails: what is left is counted elsewhere."""
        try:
            return self.start("script/twinstage", "down", "--ecosystem", company).communicate(timeout=120)[0]
        except subprocess.TimeoutExpired:
            return "`down` did not end within 120 s"
