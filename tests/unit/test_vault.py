"""The vault: values come back as they went in, from the disk nobody reads them, and what is not needed any more goes."""

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.secret import LONGEST, value_of
from twinstage.vault import FileBox, Lost, MemoryBox, TooMuch, Unreadable, Vault
from twinstage.vault.content import Offer
from twinstage.vault.vault import MOST_BYTES, MOST_NAMES, MOST_OFFERS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ORDERS, PAYMENTS = ServiceName("orders"), ServiceName("payments")
PRODUCTION, STAGING = Ecosystem.PRODUCTION, Ecosystem.STAGING


@pytest.fixture
def vault() -> Vault:
    return Vault(PRODUCTION, MemoryBox())


def offer(value: str, name: str = "KEY", service: ServiceName = ORDERS, at: datetime = NOW) -> Offer:
    return Offer(service=service, name=name, value=value, at=at)


def put(vault: Vault, value: str, number: int = 1, old: int | None = None, name: str = "KEY") -> None:
    id = f"{name}-{number}-{value[:9]}"
    assert vault.offer(id, offer(value, name))
    vault.take(id, number if old is None else old, number)
    vault.keep(lambda _: dict.fromkeys(range(20)), ())


def test_a_new_number_has_all_of_the_old_one_and_the_new_value(vault: Vault) -> None:
    put(vault, "one")
    put(vault, "x", name="OTHER")
    put(vault, "two", 2, 1)
    assert vault.values(ORDERS, 1) == {"KEY": "one", "OTHER": "x"}
    assert vault.values(ORDERS, 2) == {"KEY": "two", "OTHER": "x"}
    assert vault.values(ORDERS, 3) == vault.values(PAYMENTS, 1) == {}


def test_to_take_twice_is_to_take_once(vault: Vault) -> None:
    vault.offer("i1", offer("one"))
    for _ in range(2):
        vault.take("i1", 1, 2)
    assert vault.values(ORDERS, 2) == {"KEY": "one"}


def test_one_key_has_one_value(vault: Vault) -> None:
    assert vault.offer("i1", offer("one"))
    assert vault.offer("i1", offer("one", at=NOW + timedelta(seconds=1))), "sent again"
    assert not vault.offer("i1", offer("two"))
    vault.take("i1", 1, 1)
    assert vault.values(ORDERS, 1) == {"KEY": "one"}


def test_what_was_never_offered_cannot_be_taken(vault: Vault) -> None:
    with pytest.raises(Lost, match="did not outlive"):
        vault.take("i1", 1, 2)


def test_what_nobody_needs_goes_and_what_waits_stays(vault: Vault) -> None:
    put(vault, "one")
    put(vault, "x", name="OTHER")
    put(vault, "two", 2, 1)
    for id in ("asked", "answered"):
        vault.offer(id, offer("waits"))
    assert vault.waiting() == {"asked": NOW, "answered": NOW}
    vault.keep(lambda _: {2: {"KEY"}}, ["asked"])
    assert vault.values(ORDERS, 1) == {}
    assert vault.values(ORDERS, 2) == {"KEY": "two"}
    assert set(vault.waiting()) == {"asked"}


def test_to_keep_what_is_there_opens_nothing() -> None:
    class Counting(MemoryBox):
        reads = 0

        def read(self) -> bytes | None:
            self.reads += 1
            return super().read()

    box = Counting()
    vault = Vault(PRODUCTION, box)
    put(vault, "one")
    before = box.reads
    for _ in range(5):
        vault.keep(lambda _: {1: {"KEY"}}, vault.waiting())
    assert box.reads == before


def test_there_is_a_most_of_everything(vault: Vault) -> None:
    for number in range(MOST_BYTES // LONGEST):
        put(vault, "x" * LONGEST, name=f"K{number}")
    vault.offer("i1", offer("x"))
    with pytest.raises(TooMuch, match="512 KiB together"):
        vault.take("i1", 1, 2)
    assert vault.values(ORDERS, 2) == {}
    few = Vault(STAGING, MemoryBox())
    for number in range(MOST_NAMES):
        put(few, "x", name=f"K{number}")
    few.offer("i1", offer("x"))
    with pytest.raises(TooMuch, match="at most 100 secrets"):
        few.take("i1", 1, 2)
    waiting = Vault(STAGING, MemoryBox())
    for number in range(MOST_OFFERS):
        waiting.offer(f"i{number}", offer("x"))
    with pytest.raises(TooMuch, match="wait to be taken already"):
        waiting.offer("more", offer("x"))


def test_nothing_of_a_value_is_in_what_is_written_or_shown(tmp_path: Path) -> None:
    vault = Vault(PRODUCTION, FileBox(tmp_path, "production"))
    put(vault, "s3cret-value")
    vault.offer("i9", offer("s3cret-offer"))
    for path in tmp_path.iterdir():
        assert b"s3cret" not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["production.key", "production.vault"]
    for shown in (vault._open(), offer("s3cret-offer"), MemoryBox()):
        assert "s3cret" not in repr(shown)
    assert Vault(PRODUCTION, FileBox(tmp_path, "production")).values(ORDERS, 1) == {"KEY": "s3cret-value"}


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        put(Vault(PRODUCTION, FileBox(tmp_path, "production")), "one")
    finally:
        os.umask(mask)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_vault_is_one_ecosystems_alone(tmp_path: Path) -> None:
    put(Vault(PRODUCTION, FileBox(tmp_path, "production")), "one")
    for suffix in ("key", "vault"):
        (tmp_path / f"staging.{suffix}").write_bytes((tmp_path / f"production.{suffix}").read_bytes())
    with pytest.raises(Unreadable, match="cannot open the vault of staging"):
        Vault(STAGING, FileBox(tmp_path, "staging")).values(ORDERS, 1)


@pytest.mark.parametrize("harm", ["a byte", "cut", "key", "no key", "short key", "something else"])
def test_what_cannot_be_read_is_said_and_left_as_it_is(tmp_path: Path, harm: str) -> None:
    put(Vault(PRODUCTION, FileBox(tmp_path, "production")), "s3cret")
    sealed, key = tmp_path / "production.vault", tmp_path / "production.key"
    content = bytearray(sealed.read_bytes())
    match harm:
        case "a byte":
            content[-20] ^= 1
            sealed.write_bytes(content)
        case "cut":
            sealed.write_bytes(content[:-1])
        case "something else":
            sealed.write_bytes(b"{}")
        case "key":
            key.write_bytes(bytes(32))
        case "short key":
            key.write_bytes(b"short")
        case _:
            key.unlink()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    vault = Vault(PRODUCTION, FileBox(tmp_path, "production"))
    for act in (
        lambda: vault.values(ORDERS, 1),
        lambda: vault.offer("i2", offer("x")),
        lambda: vault.keep(lambda _: {}, ()),
    ):
        with pytest.raises(Unreadable, match="cannot ") as said:
            act()
        assert "s3cret" not in str(said.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("given", "says"),
    [(b"", "no value"), (b"a\0b", "NUL"), (b"\xff\xfe", "UTF-8"), (b"x" * (LONGEST + 1), "longer than 64 KiB")],
)
def test_a_value_that_no_environment_could_hold_is_refused_without_saying_it(given: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says) as said:
        value_of(given)
    assert said.value.__cause__ is None
    assert "xff" not in str(said.value)


def test_any_other_value_stays_as_it_is() -> None:
    assert value_of("a b\n\tü$'\"\n".encode()) == "a b\n\tü$'\"\n"
    assert len(value_of(b"x" * LONGEST)) == LONGEST
