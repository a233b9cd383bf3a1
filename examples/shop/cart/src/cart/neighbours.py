"""The services that cart calls."""

import json
import os
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

TIMEOUT = 6  # seconds: a little longer than our neighbours wait for theirs
_open = build_opener(ProxyHandler({})).open  # neighbours are never behind a proxy


class NeighbourFailed(Exception):
    """A neighbour did not answer, or not with something we can use."""


def call(neighbour, path, *, baggage, body=None):
    """GET ``path`` from a neighbour, or POST ``body`` there; gives the JSON it answers.

    ``baggage`` is that of the request being answered: it keeps the request in its lane.
    """
    url = os.environ[neighbour.upper().replace("-", "_") + "_URL"].rstrip("/") + path
    headers = {"content-type": "application/json"} | ({"baggage": baggage} if baggage else {})
    data = None if body is None else json.dumps(body).encode()
    try:
        with _open(Request(url, data, headers), timeout=TIMEOUT) as reply:
            return json.load(reply)
    except HTTPError as error:
        error.close()
        raise NeighbourFailed(f"{neighbour} answered {error.code} to {path}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise NeighbourFailed(f"{neighbour} did not answer {path}: {error}") from error
