"""How others start the program: Procfile and Dockerfile."""

import json
import re

from twinstage.draft.guess import Guess, Texts


def procfile(texts: Texts) -> Guess | None:
    match = re.search(r"^web:\s*(.+)$", texts.get("Procfile", ""), re.MULTILINE)
    if match is None:
        return None
    command = match[1].strip()
    look = "" if "PORT" in command else "does it listen on HOST:PORT?"
    return Guess(value=_here(command), why="`web` in Procfile", look=look)


def dockerfile(texts: Texts) -> Guess | None:
    """The last CMD or ENTRYPOINT."""
    text = texts.get("Dockerfile", "").replace("\\\n", " ")
    found: dict[str, list[str] | str] = {}
    for word, rest in re.findall(r"^\s*(CMD|ENTRYPOINT)\s+(.+)$", text, re.MULTILINE | re.IGNORECASE):
        try:
            told = json.loads(rest)
        except ValueError:
            told = rest.strip()
        found[word.upper()] = told
    parts = [_shell(found[word]) for word in ("ENTRYPOINT", "CMD") if word in found]
    if not parts:
        return None
    return Guess(value=_here(" ".join(parts)), why="Dockerfile", look="it was written for an image: is it right here?")


def exposed(texts: Texts) -> str | None:
    match = re.search(r"^\s*EXPOSE\s+(\d+)", texts.get("Dockerfile", ""), re.MULTILINE | re.IGNORECASE)
    return match[1] if match else None


def _shell(told: object) -> str:
    if not isinstance(told, list):
        return str(told)
    words = [str(word) for word in told]
    return " ".join(w if re.fullmatch(r"[\w./:=@%+,$-]+", w) else f"'{w}'" for w in words)


def _here(command: str) -> str:
    """For this place: only the loopback is there, and the port is given."""
    return re.sub(r"0\.0\.0\.0:\d+\b", "$HOST:$PORT", command).replace("0.0.0.0", "$HOST")  # noqa: S104 - taken out
