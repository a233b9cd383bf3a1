"""Asking an instance its health once, for words to people: what counts as healthy is the proxy's alone to say."""

import asyncio

PATIENCE = 0.4
"""Seconds: the controller waits for the answer within its look."""
_LINE = 4096


async def status(address: str, port: int, path: str) -> int | None:
    """The HTTP status that ``GET path`` is answered with. None: no answer in time, or none that is HTTP."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(address, port, limit=_LINE)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {address}:{port}\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
                return _read(await reader.readline())
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return None


def _read(line: bytes) -> int | None:
    """``HTTP/1.1 503 Service Unavailable``."""
    words = line.split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return None
    return int(words[1])
