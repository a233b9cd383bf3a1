"""The lockbox: what it keeps, as bubblewrap reads it; what it refuses; and that no answer has a value in it."""

import json
import stat
import threading
from pathlib import Path

import pytest

from twinstage.inside.lockbox import REQUEST_BYTES, Lockbox
from twinstage.inside.serving import serve
from twinstage.runtime.local.handover import Lockbox as Asked
from twinstage.runtime.runtime import Unavailable


def ask(lockbox: Lockbox, **question: object) -> dict[str, object]:
    return lockbox.answer(json.dumps(question).encode())


def test_it_keeps_what_an_environment_will_have(tmp_path: Path) -> None:
    lockbox = Lockbox(tmp_path / "secrets")
    assert ask(lockbox, op="keep", id="orders.web.r_1.2.main.0", values={"B": "two\nlines", "A": "ü '%"}) == {
        "ok": True
    }
    path = tmp_path / "secrets" / "orders.web.r_1.2.main.0"
    assert path.read_bytes().decode() == "--setenv\0A\0ü '%\0--setenv\0B\0two\nlines\0"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert ask(lockbox, op="held") == {"ok": True, "held": [path.name]}


def test_it_finds_what_it_kept_when_it_starts_again(tmp_path: Path) -> None:
    ask(Lockbox(tmp_path / "secrets"), op="keep", id="a.0", values={"A": "x"})
    assert ask(Lockbox(tmp_path / "secrets"), op="held")["held"] == ["a.0"]
    assert ask(Lockbox(tmp_path / "secrets"), op="drop", ids=["a.0", "never.there"]) == {"ok": True}
    assert list((tmp_path / "secrets").iterdir()) == []


@pytest.mark.parametrize("id", ["../a", "a/b", "", ".a", "A", "a" * 300, 7, None])
def test_no_id_leads_out_of_it(tmp_path: Path, id: object) -> None:
    lockbox = Lockbox(tmp_path / "secrets")
    for question in ({"op": "keep", "id": id, "values": {}}, {"op": "drop", "ids": [id]}):
        assert ask(lockbox, **question)["ok"] is False
    assert list(tmp_path.iterdir()) == [tmp_path / "secrets"]
    assert list((tmp_path / "secrets").iterdir()) == []


@pytest.mark.parametrize(
    "values", [{"A": "s3cret\0"}, {"A=B": "s3cret"}, {"": "s3cret"}, {"A": 7}, ["s3cret"], "s3cret", None]
)
def test_what_no_environment_could_hold_is_refused_without_saying_it(tmp_path: Path, values: object) -> None:
    answer = ask(Lockbox(tmp_path / "secrets"), op="keep", id="a.0", values=values)
    assert answer["ok"] is False
    assert "s3cret" not in str(answer)
    assert list((tmp_path / "secrets").iterdir()) == []


def test_a_request_that_cannot_be_read_is_not_repeated(tmp_path: Path) -> None:
    for request in (b'{"op": "keep", s3cret', b"\xffs3cret", b"[]", b'{"op": "s3cre"}'):
        answer = Lockbox(tmp_path / "secrets").answer(request)
        assert answer["ok"] is False
        assert "s3cret" not in str(answer)


def test_it_is_asked_over_its_socket(tmp_path: Path) -> None:
    threading.Thread(
        target=serve, args=(Lockbox(tmp_path / "secrets").answer, tmp_path / "s", REQUEST_BYTES), daemon=True
    ).start()
    asked = Asked(tmp_path / "s")
    while True:
        try:
            assert asked.held() == set()
            break
        except Unavailable:
            continue
    asked.keep("a.0", {"A": "x" * (64 << 10)})
    asked.keep("b.0", {"A": "ü" * (256 << 10)})
    assert asked.held() == {"a.0", "b.0"}
    asked.drop({"a.0"})
    assert asked.held() == {"b.0"}
    with pytest.raises(Unavailable, match="no environment could hold it"):
        asked.keep("c.0", {"A": "x\0"})
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o660
