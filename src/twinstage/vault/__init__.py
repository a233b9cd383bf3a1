"""Where the values of secrets are: encrypted, one file an ecosystem, apart from the store."""

from twinstage.vault.box import FileBox, MemoryBox
from twinstage.vault.trouble import Lost, TooMuch, Unreadable, VaultTrouble
from twinstage.vault.vault import Vault

__all__ = ["FileBox", "Lost", "MemoryBox", "TooMuch", "Unreadable", "Vault", "VaultTrouble"]
