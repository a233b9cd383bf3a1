"""The five acts of the play that people see, in memory: the example company's own definitions and standard.

What each act's release does is said here, as the sources that the acts change do it on a machine.
"""

from pathlib import Path

from playbook.journal import Plain
from playbook.on_fake import InMemory
from twinstage.config.definition import definition
from twinstage.config.ecosystem import ecosystem
from twinstage.demo.repositories import examples
from twinstage.model.job import JobKind
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.rollout import IntentVerb, State
from twinstage.runtime.behaviour import FAILS, Behaviour, Ending

ERRS = Behaviour(error_rate=0.3)
"""Of the cards that the play's load pays with, so many come from a country that the table lacks."""
STRAYS = Ending(crosses=(("production pricing", "other-ecosystem"),))


class Shop(InMemory):
    def __init__(self, path: Path) -> None:
        self._examples = examples()
        file = self._examples / "ecosystem.yaml"
        read = ecosystem(file.read_text(), file.name, self._examples)
        self.services = [str(entry.service) for entry in read.services]
        super().__init__(path, read)

    def submit(self, service: str) -> str:
        """A new commit of it, asked for; the commit."""
        text = (self._examples / service / "twinstage.yaml").read_text()
        commit = self.commit(definition(text, service=ServiceName(service)))
        self.post(IntentVerb.SUBMIT, service=service, commit=commit)
        return commit

    def migrates(self, commit: str, change: str) -> None:
        """Its migrations do that to the schema, on whatever data it is not done to yet."""
        self.company.world.end(lambda job: job.commit == commit and job.kind is JobKind.MIGRATE, Ending(changes=change))

    def comes_to(self, state: State, *services: str) -> None:
        def there() -> bool:
            return not self.pending() and all(self.newest(service).state == state.value for service in services)

        self.until(there, f"{', '.join(services)} to be {state.value}")
        self.until(self.settled, "everything to rest")


def five_acts(path: Path) -> Plain:
    """The journal that they leave. ``path``: of the store."""
    shop = Shop(path)
    for service in shop.services:
        shop.migrates(shop.submit(service), "tables")
    shop.comes_to(State.LIVE, *shop.services)
    with shop.users("storefront"):
        shop.migrates(shop.submit("orders"), "a column")
        shop.comes_to(State.LIVE, "orders")
        shop.post(IntentVerb.ROLLBACK, service="orders", why="to see whether it goes")
        shop.comes_to(State.LIVE, "orders")
        shop.ends(shop.submit("cart"), "unit", FAILS)
        shop.comes_to(State.FAILED, "cart")
        shop.behaves(shop.submit("payments"), Ecosystem.PRODUCTION, ERRS)
        shop.comes_to(State.FAILED, "payments")
        shop.ends(shop.submit("cart"), "verify", STRAYS)
        shop.comes_to(State.FAILED, "cart")
    return shop.journal()
