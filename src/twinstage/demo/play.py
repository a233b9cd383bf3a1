"""The order of the play: prepare, five acts, the final table; and how it ends when it is interrupted."""

import argparse
import shutil
import stat
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.markup import escape

from twinstage.cli.exits import Exit
from twinstage.client import Client, ClientTrouble
from twinstage.demo import acts
from twinstage.demo.company import NAME, Company, claim, owned
from twinstage.demo.founding import comes_up
from twinstage.demo.load import Load
from twinstage.demo.migration import good_release
from twinstage.demo.repositories import DemoTrouble, examples, home, prepare
from twinstage.demo.scene import Scene
from twinstage.demo.stage import NotProved, Stage
from twinstage.demo.traffic import RATE, calls
from twinstage.model.names import Ecosystem
from twinstage.runtime.local.places import Places

_ACTS: Sequence[tuple[str, Callable[[Scene], str]]] = (
    ("a good release with a migration goes to production by itself", good_release),
    ("failing tests are refused before staging", acts.failing_tests),
    ("what only fails in production is caught on the canary", acts.fails_in_production),
    ("a release that calls production from staging gets nowhere", acts.calls_production),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play; gives the exit status: 0 all proved, 1 an act was not, 4 trouble of the platform, 130 interrupted."""
    wish = _parser().parse_args(arguments)
    stage = Stage()
    try:
        return _performed(stage, wish)
    except KeyboardInterrupt:
        stage.console.print("\n[warn]interrupted[/]: nothing more is released and no more traffic is sent")
        if not wish.exit:
            stage.console.print("[busy]→[/] `twinstage status` shows what there is, `twinstage down` stops it all,")
            stage.console.print("  and `twinstage demo` plays again from what is there (--fresh: from nothing)")
        return Exit.INTERRUPTED
    except (DemoTrouble, ClientTrouble) as trouble:
        stage.console.print(f"[bad]the play cannot go on:[/] {escape(str(trouble))}")
        return Exit.TROUBLE


def _performed(stage: Stage, wish: argparse.Namespace) -> int:
    directory = wish.directory.absolute()
    if not owned(directory):
        raise DemoTrouble(
            f"a company named {NAME} is on this machine already and is not this play's ({Places.of(NAME).state});"
            " the play does not touch it: play as another user, or set XDG_STATE_HOME"
        )
    with stage.working("making ten git repositories"):
        shop = prepare(examples(), directory)
    claim(directory)
    stage.says(f"{len(shop.services)} services, each in a git repository of its own in {directory}")
    with Client(Places.of(NAME).api, name=NAME, notice=stage.says) as client:
        company = Company(shop, stage, client)
        if wish.fresh:
            _forget(company)
        try:
            status = _acted(company)
        except BaseException:
            if wish.exit:
                company.command("down")
            raise
        if wish.exit:
            return _worse(status, company.command("down"))
        _hints(company)
        return status


def _acted(company: Company) -> int:
    stage = company.stage
    try:
        stage.act(1, "the company comes up", lambda: comes_up(company))
        ports = {row.name: row.ports[Ecosystem.PRODUCTION].frontend for row in company.client.services()}
        with Load(calls(ports), rate=RATE) as load:
            stage.says(f"Customers arrive: {RATE:.0f} requests a second to production, from now until the last act.")
            scene = Scene(company, load)
            for number, (title, act) in enumerate(_ACTS, start=2):
                stage.act(number, title, partial(act, scene))
    except NotProved:
        stage.curtain()
        return Exit.FAILED
    stage.curtain()
    return Exit.DONE


def _worse(status: int, afterwards: int) -> int:
    """The play's own failure matters more than that of clearing up after it."""
    return status or (Exit.TROUBLE if afterwards else Exit.DONE)


def _hints(company: Company) -> None:
    """What there is to try now; nothing where the company did not come up."""
    try:
        production = company.port("storefront")
        staging = company.port("storefront", Ecosystem.STAGING)
    except ClientTrouble:
        return
    print_line = company.stage.console.print
    print_line("\nThe company stays up. Try:")
    print_line(f"  http://127.0.0.1:{production}/?customer=ada   the shop, in production")
    print_line(f"  http://127.0.0.1:{staging}/?customer=ada   its mirror, in staging")
    print_line("  twinstage status    every service in every phase")
    print_line("  twinstage why cart  why its last release is where it is")
    print_line("  twinstage down      stop everything")


def _forget(company: Company) -> None:
    """Take an earlier play's company down and forget its past, all but the packages it downloaded."""
    state = Places.of(NAME).state
    if not state.is_dir():
        return
    company.command("down")
    with company.stage.working("forgetting the earlier company"):
        for child in state.iterdir():
            if child.name in ("caches", "lock"):
                continue
            if child.is_dir() and not child.is_symlink():
                _remove_tree(child)
            else:
                child.unlink()


def _remove_tree(tree: Path) -> None:
    """Sealed releases are read-only, directories too: made writable on the way down."""
    for path in (tree, *(p for p in tree.rglob("*") if p.is_dir() and not p.is_symlink())):
        path.chmod(path.stat().st_mode | stat.S_IRWXU)
    shutil.rmtree(tree)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twinstage demo",
        description="A ten-service company comes up on this machine and ships real releases, in five acts.",
    )
    parser.add_argument("--exit", action="store_true", help="stop the company at the end instead of leaving it up")
    parser.add_argument("--fresh", action="store_true", help="forget an earlier play's company first")
    parser.add_argument("--directory", type=Path, default=home(), help="where its git repositories are (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
