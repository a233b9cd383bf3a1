"""The sweeper: what goes, what it refuses to let go, what it measures, and the access log."""

import http.server
import json
import os
import socketserver
import threading
import time
from pathlib import Path

import pytest

from twinstage.inside.accesslog import AccessLog
from twinstage.inside.export import remove
from twinstage.inside.serving import serve
from twinstage.inside.stock import Stock
from twinstage.inside.sweeper import REQUEST_BYTES, Sweeper
from twinstage.model.holding import HoldingKind
from twinstage.runtime.local.holdings import Sweeper as Asked
from twinstage.runtime.runtime import Unavailable


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    for folder in ("desired/jobs", "desired/programs", "desired/instances", "state/jobs", "state/logs", "state/proxy"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("artifacts", "caches"):
        (tmp_path / folder).mkdir()
    return Stock(
        desired=tmp_path / "desired",
        state=tmp_path / "state",
        artifacts=tmp_path / "artifacts",
        caches=tmp_path / "caches",
    )


def tree(folder: Path | None, name: str) -> Path:
    assert folder is not None
    (folder / name / "bin").mkdir(parents=True)
    (folder / name / "bin" / "app").write_bytes(b"x" * 10_000)
    (folder / name / "bin").chmod(0o555)
    return folder / name


def test_what_goes_is_gone_at_once_and_deleted_later(stock: Stock) -> None:
    sealed = tree(stock.artifacts, "abc")
    assert stock.discard("artifact", "abc") == ""
    assert not sealed.exists()
    assert stock.discard("artifact", "abc") == "", "gone is fine"
    tree(stock.artifacts, "abc")
    assert stock.discard("artifact", "abc") == ""
    left = list(stock.gone())
    assert len(left) == 2
    for path in left:
        remove(path)
    assert list(stock.gone()) == []


@pytest.mark.parametrize(
    ("kind", "name", "what"),
    [
        ("artifact", "abc", {"jobs/j.json": '{"seal": "/artifacts/abc"}'}),
        ("artifact", "abc", {"instances/job.j/arguments": "--ro-bind\0/artifacts/abc\0/artifacts/abc\0"}),
        ("package-cache", "abc", {"jobs/j.json": '{"seal": "/artifacts/x", "argv": ["sh", "/caches/abc"]}'}),
        ("job", "abc", {"jobs/abc.json": "{}"}),
        ("log", "abc", {"programs/abc.conf": ""}),
    ],
)
def test_what_anything_desired_names_stays(stock: Stock, kind: str, name: str, what: dict[str, str]) -> None:
    for path, text in what.items():
        (stock.desired / path).parent.mkdir(exist_ok=True)
        (stock.desired / path).write_text(text)
    tree(stock.artifacts, "abc")
    assert stock.discard(kind, name)
    assert (stock.artifacts or Path()).joinpath("abc").exists()
    for path in what:
        (stock.desired / path).unlink()
    assert stock.discard(kind, name) == ""


@pytest.mark.parametrize("name", ["", "..", ".gone", "a/b", "../desired", "a\0b"])
def test_no_name_leads_out(stock: Stock, name: str) -> None:
    for kind in HoldingKind:
        assert stock.discard(kind.value, name)
    assert stock.discard("crossings", "proxy")
    assert stock.discard("store", "x")
    assert Stock(desired=stock.desired, state=stock.state).discard("artifact", "abc")


def test_the_file_of_crossings_that_is_being_written_stays(stock: Stock) -> None:
    for name in ("crossings.jsonl", "crossings.100.jsonl"):
        (stock.state / name).write_text("x" * 100)
    assert "being written" in stock.discard("crossings", "crossings.100.jsonl")
    assert stock.discard("crossings", "crossings.jsonl") == ""
    assert "being written" in stock.discard("crossings", "crossings.100.jsonl")


def test_everything_is_measured_by_kind(stock: Stock) -> None:
    tree(stock.artifacts, "abc")
    tree(stock.caches, "orders")
    tree(stock.state / "jobs", "a1.build.build.0.1")
    (stock.state / "logs" / "orders.web.r_1.1.main.0.log").write_text("hello")
    (stock.state / "logs" / "orders.web.r_1.1.main.0.log.1").write_text("before")
    (stock.state / "crossings.jsonl").write_text("x" * 100)
    (stock.state / "proxy" / "access.jsonl").write_text("y")
    stock.write()
    told = json.loads((stock.state / "holdings.json").read_text())
    found = {(item["kind"], item["name"]): item["bytes"] for item in told["items"]}
    assert set(found) == {
        ("artifact", "abc"), ("package-cache", "orders"), ("job", "a1.build.build.0.1"), ("crossings", "crossings.jsonl"),
        ("log", "orders.web.r_1.1.main.0"), ("access-log", "access.jsonl"),
    }  # fmt: skip
    assert {item["kind"] for item in told["items"]} <= {kind.value for kind in HoldingKind}
    assert found["artifact", "abc"] > 10_000
    assert found["crossings", "crossings.jsonl"] == 100
    assert found["log", "orders.web.r_1.1.main.0"] == 2 * found["access-log", "access.jsonl"]


@pytest.fixture
def asked(stock: Stock, tmp_path: Path) -> Asked:
    path = Path(os.path.relpath(tmp_path / "s.sock"))
    sweeper = Sweeper(stock, None)
    for target in (sweeper.work, lambda: serve(sweeper.answer, path, REQUEST_BYTES)):
        threading.Thread(target=target, daemon=True).start()
    end = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end
    return Asked(path)


def test_it_answers_over_its_socket(stock: Stock, asked: Asked) -> None:
    tree(stock.artifacts, "abc")
    asked.measure()
    assert (stock.state / "holdings.json").exists()
    assert asked.discard(HoldingKind.ARTIFACT, ["abc", "def"]) == {}
    assert asked.discard(HoldingKind.STORE, ["x"]) == {"x": "store is nothing that goes from here"}
    end = time.monotonic() + 30
    while list(stock.gone()):
        assert time.monotonic() < end


def test_who_has_given_up_has_nothing_done(stock: Stock, asked: Asked) -> None:
    tree(stock.artifacts, "abc")
    late = asked.ask(op="discard", kind="artifact", names=["abc"], by=time.monotonic() - 1)
    assert "too late" in late["error"]
    assert (stock.artifacts or Path()).joinpath("abc").exists()
    for nonsense in ({"op": "x"}, {"op": "discard"}, {"op": "discard", "kind": "job", "names": 1, "by": 1}):
        assert asked.ask(**nonsense)["ok"] is False
    with pytest.raises(Unavailable, match="the sweeper at"):
        Asked(Path("nobody.sock")).measure()


class _Proxy(socketserver.ThreadingUnixStreamServer):
    told: list[str]


class _Reopens(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.told.append(self.path)  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return

    def address_string(self) -> str:
        return ""


def test_a_large_access_log_is_begun_anew(tmp_path: Path) -> None:
    log, admin = tmp_path / "access.jsonl", Path(os.path.relpath(tmp_path / "a.sock"))
    access = AccessLog(log, admin, 100)
    access.look()
    log.write_text("x" * 99)
    access.look()
    log.write_text("x" * 100)
    with pytest.raises(OSError, match=r".*"):
        access.look()  # nobody listens: renamed, and told at the next look
    assert not log.exists()
    assert access.before.read_text() == "x" * 100
    with _Proxy(str(admin), _Reopens) as proxy:
        proxy.told = []
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        access.look()
        assert proxy.told == ["/reopen_logs"]
        log.write_text("new")
        access.look()
        assert proxy.told == ["/reopen_logs"]
        proxy.shutdown()
