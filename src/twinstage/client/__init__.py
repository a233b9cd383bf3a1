"""Speaks to a company's controller: the only way by which the command line reaches it."""

from twinstage.client.client import Client
from twinstage.client.connection import Broken, ClientTrouble, Refused, Unreachable

__all__ = ["Broken", "Client", "ClientTrouble", "Refused", "Unreachable"]
