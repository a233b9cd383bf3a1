"""Calls this release through its own frontend in staging, in its lane, among real neighbours."""

import json
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest


@pytest.fixture(scope="session")
def ask():
    """``ask(path, body=None)`` gives status and body (JSON where it is JSON) of the answer."""
    url = os.environ["TWINSTAGE_URL"].rstrip("/")
    headers = {"content-type": "application/json", "baggage": os.environ["TWINSTAGE_BAGGAGE"]}

    def ask(path, body=None):
        data = None if body is None else json.dumps(body).encode()
        try:
            reply = urlopen(Request(url + path, data, headers), timeout=20)
        except HTTPError as error:
            reply = error
        with reply:
            text = reply.read().decode()
            is_json = "json" in reply.headers.get("content-type", "")
            return reply.status, json.loads(text) if is_json else text

    return ask
