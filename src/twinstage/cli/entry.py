"""Where the process begins, before anything heavy is read: Ctrl-C meanwhile ends it as it ends any program."""

import contextlib
import signal
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """While our modules are read there is nothing to say about an interruption, and a traceback says the wrong thing."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not so where the shell has it ignored
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def main() -> None:
    """``twinstage``"""
    if sys.argv[1:2] == ["--complete"]:  # asked by a shell at each Tab: see completing.py
        from twinstage.cli import completing

        completing.main(sys.argv[2:])
        return
    with loading():
        from twinstage.cli.main import main as command
    command()


if __name__ == "__main__":
    main()
