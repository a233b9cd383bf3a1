"""``twinstage down``"""

from rich.markup import escape

from twinstage.cli.choice import chosen
from twinstage.cli.company import Named, choose
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.screen import output
from twinstage.runtime.local import host
from twinstage.runtime.local.places import Places, companies


def down(ecosystem: Named = None) -> None:
    """Stop everything of the company on this machine. What it knows is kept: `up` continues where it was."""
    console = output()
    if chosen(ecosystem) is None and not companies():
        console.print("nothing is up")
        return
    name = choose(ecosystem)
    places = Places.of(name)
    if not places.state.is_dir():
        console.print(f"{escape(name)} was never up here")
        return
    was_up = places.api.exists()
    try:
        # Also where nothing answers: a killed controller leaves deployments running, and this is how they are stopped.
        host.down(name)
    except host.HostTrouble as trouble:
        raise Stop.telling(Exit.TROUBLE, f"cannot stop {name}", str(trouble)) from None
    except KeyboardInterrupt:
        raise Stop(Exit.INTERRUPTED, f"{name} is not down yet", hint="`twinstage down` goes on from here") from None
    console.print(
        f"{escape(name)} is down; `twinstage up` continues where it was" if was_up else f"{escape(name)} is down"
    )
