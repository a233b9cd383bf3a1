"""JSON Schemas (draft 2020-12) of the user's files, for editors."""

import json
from enum import StrEnum
from typing import Any

from twinstage.config.outlines.company import ECOSYSTEM
from twinstage.config.outlines.service import SERVICE


class File(StrEnum):
    SERVICE = "service"
    ECOSYSTEM = "ecosystem"


FILES = {File.SERVICE: (SERVICE, "twinstage.yaml"), File.ECOSYSTEM: (ECOSYSTEM, "ecosystem.yaml")}


def schema(file: File) -> dict[str, Any]:
    """What one value can show to be wrong. ``twinstage check`` says everything."""
    table, name = FILES[file]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name, **table.schema()}


def text(file: File) -> str:
    return json.dumps(schema(file), indent=2, ensure_ascii=False) + "\n"


def place(file: File) -> str:
    """Where the schema is kept: beside the file that it is about."""
    return f".{FILES[file][1].removesuffix('.yaml')}.schema.json"


def modeline(file: File) -> str:
    """The file's first line, by which editors find the schema."""
    return f"# yaml-language-server: $schema={place(file)}"
