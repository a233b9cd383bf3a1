"""The way out, without sandboxes: real sockets, a real process, everything but the machine's own names."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from twinstage.inside.machine import is_machine
from twinstage.inside.outside import Passage, Unreadable, read
from twinstage.inside.upstream import Upstream

HERE = "127.0.0.1"
DOOR = "0a1b2c3d4e5f"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: a socket's path ends at 108 bytes."""
    made = Path(tempfile.mkdtemp(prefix="tso-", dir="/tmp"))
    for below in ("told", "production", "staging"):
        (made / below).mkdir()
    yield made
    shutil.rmtree(made)


def tell(folder: Path, place: str, *there: str) -> None:
    doors = {DOOR[:-1] + str(number): it for number, it in enumerate(there)}
    part = folder / "told" / f".{place}"
    part.write_text(json.dumps(doors))
    part.replace(folder / "told" / f"{place}.json")


def door(folder: Path, place: str = "staging", number: int = 0) -> Path:
    return folder / place / f"{DOOR[:-1]}{number}.sock"


def passage(
    folder: Path, *, own: tuple[str, ...] = (HERE,), here: tuple[str, ...] = (), patience: float = 10.0, most: int = 10
) -> Passage:
    """``own``: addresses of this machine that may be called all the same; none of them in the product."""
    return Passage(
        told=folder / "told",
        state=folder / "state.json",
        sockets=folder,
        upstream=Upstream.of({}, own=own, patience=patience, mine=is_machine, here=here),
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        most=most,
    )


def troubles(folder: Path) -> dict[str, str]:
    told = json.loads((folder / "state.json").read_text())
    return {f"{place} {name}": it["trouble"] for place, names in told.items() for name, it in names.items()}


async def said(path: Path, what: bytes = b"hello") -> bytes:
    """What comes back; nothing where the connection is closed instead."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(what)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
    except (ConnectionError, FileNotFoundError):
        return b""
    return answer


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


def beside_an_echo(test: Callable[[int], Awaitable[None]]) -> None:
    async def both() -> None:
        server = await asyncio.start_server(echo, HERE, 0)
        try:
            await test(server.sockets[0].getsockname()[1])
        finally:
            server.close()

    asyncio.run(both())


def test_a_connection_is_carried_as_it_is(folder: Path) -> None:
    async def test(port: int) -> None:
        tell(folder, "staging", f"{HERE}:{port}")
        made = passage(folder)
        await made.look()
        assert await said(door(folder), b"\x16\x03\x01 anything") == b"\x16\x03\x01 anything"
        assert door(folder).stat().st_mode & 0o777 == 0o660
        made.close()
        assert not door(folder).exists()

    beside_an_echo(test)


def test_doors_come_and_go_with_what_is_told(folder: Path) -> None:
    async def test(port: int) -> None:
        made = passage(folder)
        await made.look()
        assert not list(folder.glob("*/*.sock"))
        tell(folder, "staging", f"{HERE}:{port}")
        await made.look()
        tell(folder, "production", f"{HERE}:{port}")
        (folder / "told" / "staging.json").write_text("{half")
        await made.look()
        assert await said(door(folder)) == b"hello", "what cannot be read changes nothing"
        tell(folder, "staging")
        await made.look()
        assert list(folder.glob("*/*.sock")) == [door(folder, "production")]
        made.close()

    beside_an_echo(test)


def test_this_machine_itself_is_never_carried_to(folder: Path) -> None:
    async def test(port: int) -> None:
        tell(folder, "staging", f"localhost:{port}", f"{HERE}:{port}")
        made = passage(folder, own=())
        await made.look()
        assert [await said(door(folder, number=n)) for n in range(2)] == [b"", b""]
        assert all("this machine itself" in words for words in troubles(folder).values())
        assert len(troubles(folder)) == 2
        made.close()

    beside_an_echo(test)


def outward() -> str:
    """An address of this machine in a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.254", 9))  # sends nothing: the kernel only chooses the way
        except OSError:
            pytest.skip("this machine is in no network")
        return str(probe.getsockname()[0])


@pytest.mark.parametrize("told", [False, True])
def test_an_address_of_this_machine_is_carried_to_only_where_its_operator_said_so(folder: Path, told: bool) -> None:
    own = outward()

    async def test() -> None:
        server = await asyncio.start_server(echo, own, 0)
        port = server.sockets[0].getsockname()[1]
        tell(folder, "staging", f"{own}:{port}", f"::ffff:{own}:{port}")
        made = passage(folder, own=(), here=(own, f"::ffff:{own}") if told else ())
        await made.look()
        answers = {await said(door(folder, number=n)) for n in range(2)}
        assert answers == ({b"hello"} if told else {b""})
        assert told or all("this machine itself" in words for words in troubles(folder).values())
        made.close()
        server.close()

    asyncio.run(test())


def test_what_stands_on_this_machine_does_not_stand_on_its_loopback(folder: Path) -> None:
    async def test(port: int) -> None:
        names = ("localhost", HERE, "::1", "::ffff:127.0.0.1", "127.9.9.9")
        tell(folder, "staging", *(f"{name}:{port}" for name in names))
        made = passage(folder, own=(), here=names)
        await made.look()
        assert {await said(door(folder, number=n)) for n in range(len(names))} == {b""}
        made.close()

    beside_an_echo(test)


@pytest.mark.parametrize(
    "address",
    ["127.5.5.5", "::1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254", "fe80::1%lo", "224.0.0.1", "fd00:ec2::254",
     "100.100.100.200", "255.255.255.255"],
)  # fmt: skip
def test_addresses_that_are_the_machines_or_its_keepers(address: str) -> None:
    assert is_machine(address)


@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8::7", "::ffff:198.51.100.7"])
def test_addresses_that_are_others(address: str) -> None:
    assert not is_machine(address)


def test_a_refusal_is_told_until_the_next_connection_is_carried(folder: Path) -> None:
    async def test() -> None:
        with socket.socket() as closed:
            closed.bind((HERE, 0))
            port = closed.getsockname()[1]
            tell(folder, "production", f"{HERE}:{port}")
            made = passage(folder)
            await made.look()
            assert await said(door(folder, "production")) == b""
            expected = f"cannot reach {HERE}:{port}: Connection refused"
            assert troubles(folder) == {f"production {HERE}:{port}": expected}
        server = await asyncio.start_server(echo, HERE, port)
        assert await said(door(folder, "production")) == b"hello"
        assert troubles(folder) == {}
        server.close()
        made.close()

    asyncio.run(test())


def test_a_host_that_does_not_answer_is_told_of(folder: Path) -> None:
    async def test() -> None:
        with socket.socket() as deaf:
            deaf.bind((HERE, 0))
            deaf.listen(0)
            there = deaf.getsockname()
            # Beyond what fits into its queue the kernel answers nobody.
            waiting = [socket.socket() for _ in range(3)]
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(there)
            tell(folder, "staging", f"{HERE}:{there[1]}")
            made = passage(folder, patience=0.3)
            await made.look()
            assert await said(door(folder)) == b""
            assert "no answer within 0.3 s" in troubles(folder)[f"staging {HERE}:{there[1]}"]
            for one in waiting:
                one.close()
            made.close()

    asyncio.run(test())


def test_beyond_the_most_connections_are_closed(folder: Path) -> None:
    async def test(port: int) -> None:
        tell(folder, "staging", f"{HERE}:{port}")
        made = passage(folder, most=1)
        await made.look()
        reader, writer = await asyncio.open_unix_connection(door(folder))
        writer.write(b"first")
        assert await reader.readexactly(5) == b"first"
        assert await said(door(folder)) == b""
        writer.close()
        async with asyncio.timeout(30):
            while await said(door(folder)) != b"hello":
                await asyncio.sleep(0)
        made.close()

    beside_an_echo(test)


def test_staging_takes_no_place_of_production(folder: Path) -> None:
    async def test(port: int) -> None:
        tell(folder, "staging", f"{HERE}:{port}")
        tell(folder, "production", f"{HERE}:{port}")
        made = passage(folder, most=3)
        await made.look()
        held = [await asyncio.open_unix_connection(door(folder)) for _ in range(3)]
        for reader, writer in held:
            writer.write(b"held")
            assert await reader.readexactly(4) == b"held"
        assert await said(door(folder)) == b""
        assert await said(door(folder, "production")) == b"hello"
        for _, writer in held:
            writer.close()
        made.close()

    beside_an_echo(test)


@pytest.mark.parametrize("text", ["[]", '{"a/b": "h:1"}', '{"a": "h"}', '{"a": "h:0"}', '{"a": 5}', "{"])
def test_what_cannot_be_used(folder: Path, text: str) -> None:
    (folder / "told" / "staging.json").write_text(text)
    with pytest.raises(Unreadable, match=r"cannot use .*staging\.json"):
        read(folder / "told")


def test_as_a_program_it_follows_its_files_and_leaves_no_socket(folder: Path) -> None:
    stale = folder / "production" / "old.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(stale))
    command = [sys.executable, "-m", "twinstage.inside.outside", "--told", str(folder / "told")]
    command += ["--state", str(folder / "state.json"), "--sockets", str(folder)]
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    try:
        assert "carrying" in process.stderr.readline()
        assert not stale.exists()
        tell(folder, "staging", f"{HERE}:9")

        async def test() -> None:
            async with asyncio.timeout(30):
                while await said(door(folder)) or not troubles(folder):
                    await asyncio.sleep(0)

        asyncio.run(test())
        assert "this machine itself" in process.stderr.readline()
    finally:
        process.send_signal(signal.SIGTERM)
        process.stderr.close()
        assert process.wait(30) == 0
    assert not list(folder.glob("*/*.sock"))
