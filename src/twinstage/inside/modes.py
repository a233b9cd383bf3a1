"""Modes of what our programs make: narrow from the first moment, since a mode that is set afterwards was another one before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def for_the_group() -> Iterator[None]:
    """A socket that is bound meanwhile is for its account and group alone. For a program's one thread that binds."""
    mask = os.umask(0o117)
    try:
        yield
    finally:
        os.umask(mask)
