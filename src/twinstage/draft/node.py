"""JavaScript: package.json."""

import json
from collections.abc import Mapping
from typing import Any

from twinstage.draft.guess import Guess, Texts

INDEX = "builds fetch packages from Python's indexes alone: commit node_modules or vendor what it needs"


def manifest(texts: Texts) -> Mapping[str, Any]:
    """package.json; empty where there is none that can be read."""
    try:
        told = json.loads(texts.get("package.json", "{}"))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def name(texts: Texts) -> Guess | None:
    found = manifest(texts).get("name")
    return Guess(value=str(found).rpartition("/")[2], why="its name in package.json") if found else None


def build(texts: Texts) -> Guess | None:
    told = manifest(texts)
    if not told:
        return None
    command = "npm ci" if "package-lock.json" in texts else "npm install"
    if "build" in told.get("scripts", {}):
        command += " && npm run build"
    return Guess(value=command, why="package.json", look=INDEX)


def run(texts: Texts) -> Guess | None:
    told = manifest(texts)
    if "start" in told.get("scripts", {}):
        return Guess(value="npm start", why="the script `start` in package.json", look="does it listen on HOST:PORT?")
    if main := told.get("main"):
        return Guess(value=f"node {main}", why="`main` in package.json", look="does it listen on HOST:PORT?")
    return next(
        (Guess(value=f"node {p}", why=p, look="does it listen on HOST:PORT?") for p in _MAINS if p in texts), None
    )


_MAINS = ("server.js", "index.js", "app.js", "src/index.js", "src/server.js")


def gates(texts: Texts) -> Mapping[str, Guess]:
    scripts = manifest(texts).get("scripts", {})
    found = {}
    for gate, names in (("lint", ("lint",)), ("unit", ("test:unit", "test")), ("integration", ("test:integration",))):
        script = next((name for name in names if name in scripts), None)
        if script is not None:
            found[gate] = Guess(value=f"npm run {script}", why=f"the script `{script}` in package.json")
    return found
