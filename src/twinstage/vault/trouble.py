"""What a vault raises. No message ever has a value in it.

::

    VaultTrouble
    ├── Unreadable   the file or its key is missing, damaged, or not the other's
    ├── Lost         the value that was asked for is not there
    └── TooMuch      more than a vault keeps, or than a program's environment could hold
"""


class VaultTrouble(Exception):
    """Root of what a vault raises."""


class Unreadable(VaultTrouble):
    """Nothing of the vault can be read. It is never made anew in its place: that would lose what it holds."""


class Lost(VaultTrouble):
    """It is not there: never given, or let go of."""


class TooMuch(VaultTrouble):
    """Nothing was changed."""
