"""What a store refuses, as a tree. A new type only where a caller reacts to it."""


class StoreTrouble(Exception):
    """Root: the store did not do what was asked, and changed nothing."""


class StaleEpoch(StoreTrouble):
    """A newer controller has taken the store. Stop this one."""


class Conflict(StoreTrouble):
    """The row was changed since it was read, or another rollout of the service is in production already."""


class Unknown(StoreTrouble):
    """Nothing, or more than one thing, has that name."""


class NoPorts(StoreTrouble):
    """A new service cannot get its four ports."""


class NewerStore(StoreTrouble):
    """The file was written by a newer Twinstage."""


class DamagedStore(StoreTrouble):
    """The file is no store, or not a whole one."""
