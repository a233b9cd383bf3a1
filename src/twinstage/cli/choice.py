"""Which company is named where a command is called. With the standard library alone: completion asks it too."""

import re
from pathlib import Path

NAME = re.compile(r"^ecosystem:\s*['\"]?([A-Za-z0-9][A-Za-z0-9._-]*)['\"]?\s*(#.*)?$", re.MULTILINE)
"""Only the name is wanted here: a file with mistakes elsewhere must not keep anybody from asking for the status."""


def chosen(named: str | None) -> str | None:
    """The company that the option or the file here names; None when neither does."""
    file = Path("ecosystem.yaml")
    if not named and file.is_file() and (found := NAME.search(file.read_text("utf-8", "replace"))):
        return found.group(1)
    return named or None
