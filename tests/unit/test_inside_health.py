"""What an instance answers when it is asked its health, for the words that people read."""

import asyncio

import pytest

from twinstage.inside import health


async def _asked(answer: bytes | None, monkeypatch: pytest.MonkeyPatch) -> tuple[int | None, bytes]:
    """(what is told, what was asked). ``answer`` None: never any."""
    heard: list[bytes] = []
    asked = asyncio.Event()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        asked.set()
        writer.close()

    monkeypatch.setattr(health, "PATIENCE", 0.2 if answer is None else 20)
    async with await asyncio.start_server(meet, "127.0.0.1", 0) as server:
        found = await health.status(*server.sockets[0].getsockname(), "/healthz")
        await asked.wait()
    return found, heard[0]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\nthe cache is cold", 503),
        (b"HTTP/1.0 200 OK\r\n\r\n", 200),
        (b"catalog: GET /healthz\n", None),
        (b"", None),
        (b"HTTP/1.1 " + b"9" * 100_000, None),
        (None, None),
    ],
    ids=["503", "200", "no HTTP", "closed", "endless", "silent"],
)
def test_what_it_answers_is_told_as_its_status(
    answer: bytes | None, told: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, heard = asyncio.run(_asked(answer, monkeypatch))
    assert found == told
    assert heard.startswith(b"GET /healthz HTTP/1.1\r\n")


def test_one_that_does_not_listen_has_no_status() -> None:
    assert asyncio.run(health.status("127.0.0.1", 1, "/")) is None
