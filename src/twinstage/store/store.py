"""The store: one SQLite file with every decision, and nothing that can be computed from decisions.

Reads may come from any thread. Writes come from one controller, which took the store with ``take``; each is one
transaction that first checks that nobody newer has. The one exception is ``add_intent``: anybody may ask.

    services.py   the company's file, its services, their ports, freezes
    rollouts.py   rollouts, releases, evidence
    work.py       jobs and intents
    data.py       databases: what is ready, what migrations changed, lanes' clones
    sightings.py  crossings, breaks of the mirror, where a canary's watch began
    journal.py    the audit journal
    integrity.py  is the file what was written?
    changes.py    commit(): the one way to write a decision
"""

from twinstage.store.changes import Changes
from twinstage.store.data import Data
from twinstage.store.integrity import Integrity
from twinstage.store.journal import Journal
from twinstage.store.rollouts import Rollouts
from twinstage.store.services import Services
from twinstage.store.sightings import Sightings
from twinstage.store.work import Work


class Store(Changes, Services, Rollouts, Work, Data, Sightings, Journal, Integrity):
    """``Store(path)`` opens or makes the file (mode 0600) and brings it to the present schema.

    ``durable=False`` leaves out the wait for the disk: for tests.
    Raises NewerStore where the file comes from a newer Twinstage.
    """
