"""``twinstage down``"""

from twinstage.cli.company import Named, choose
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.screen import output
from twinstage.runtime.local import host
from twinstage.runtime.local.places import Places, companies


def down(ecosystem: Named = None) -> None:
    """Stop everything of the company on this machine. What it knows is kept: `up` continues where it was."""
    if not ecosystem and not companies():
        output().print("nothing is up")
        return
    name = choose(ecosystem)
    was_up = Places.of(name).api.exists()
    try:
        host.down(name)
    except host.HostTrouble as trouble:
        raise Stop(Exit.TROUBLE, f"cannot stop {name}", detail=str(trouble)) from None
    output().print(f"{name} is down; `twinstage up` continues where it was" if was_up else f"{name} is down already")
