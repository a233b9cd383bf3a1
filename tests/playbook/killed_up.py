"""The command line of a company whose controller is ``killed_daemon``: ``python -m playbook.killed_up up``."""

from pathlib import Path
from typing import Any

from twinstage.cli import entry
from twinstage.runtime.local.company import Company
from twinstage.runtime.local.sandbox import toolchain
from twinstage.runtime.local.sandbox.toolchain import Bind

TESTS = str(Path(__file__).resolve().parents[1])


def main() -> None:
    ours, path, controller = toolchain.ours, toolchain.search_path, Company._controller

    def killed(company: Company) -> Any:
        account, binds, options, command = controller(company)
        return account, binds, options, ["playbook.killed_daemon" if w == "twinstage.daemon" else w for w in command]

    toolchain.ours = lambda: [*ours(), Bind(source=TESTS, target=TESTS)]
    toolchain.search_path = lambda: f"{path()}:{TESTS}"
    Company._controller = killed  # type: ignore[method-assign]
    entry.main()


if __name__ == "__main__":
    main()
