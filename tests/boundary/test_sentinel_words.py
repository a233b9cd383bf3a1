"""What the sentinel says and writes, without a kernel: classes, advice, lines, answers to any packet."""

import json
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dnslib import QTYPE, RCODE, DNSRecord
from hypothesis import given
from hypothesis import strategies as st
from sealed import PORTS, wire

from twinstage.config.definition import definition
from twinstage.inside import dropped, networks, nft, postgres, strays, walls
from twinstage.inside.names import Names
from twinstage.inside.netlink import Refused
from twinstage.inside.nft import Table
from twinstage.inside.report import Report
from twinstage.inside.targets import BEYOND, Target, World
from twinstage.inside.wires import Unreadable, Wanted, Wire, read

START = datetime(2026, 1, 1, tzinfo=UTC)
DATABASE = "it under `databases` in twinstage.yaml, then use its *_DATABASE_URL"
ADD = "add `catalog` to depends_on in twinstage.yaml, then use CATALOG_URL"


def placed(folder: Path, *wires: dict[str, Any], ports: dict[str, Any] = PORTS) -> Path:
    (folder / "wires").mkdir(exist_ok=True)
    (folder / "ports.json").write_text(json.dumps(ports))
    for content in wires:
        (folder / "wires" / f"{content['id']}.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    job = wire("verify-1", 3, "payments", backend=None, source={"job": "j"}, calls=["catalog"])
    return read(
        placed(tmp_path, wire("orders-1", 1, "orders", calls=["payments"]), wire("payments-1", 2, "payments"), job)
    )


@pytest.fixture
def world(wanted: Wanted) -> World:
    return World(ports=wanted.ports, callers={each.address: each for each in wanted.wires.values()})


@pytest.fixture
def orders(wanted: Wanted) -> Wire:
    return wanted.wires["orders-1"]


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def report(tmp_path: Path, clock: Clock) -> Report:
    return Report(path=tmp_path / "crossings.jsonl", now=clock.now, clock=clock)


def written(report: Report) -> list[dict[str, Any]]:
    return [json.loads(line) for line in report.path.read_text().splitlines() if line]


@pytest.mark.parametrize(
    ("address", "port", "kind", "target", "advice"),
    [
        ("10.64.0.1", 10001, "other-ecosystem", "production payments", "use PAYMENTS_URL"),
        (
            "10.64.0.1",
            12002,
            "other-ecosystem",
            "production catalog",
            ADD,
        ),
        ("10.64.7.1", 12001, "other-ecosystem", "production payments", "use PAYMENTS_URL"),
        (
            "10.64.0.1",
            10555,
            "other-ecosystem",
            "production port 10555",
            "nothing of production is reachable from here",
        ),
        (
            "10.64.0.1",
            14002,
            "undeclared",
            "catalog",
            ADD,
        ),
        ("10.64.0.1", 14000, "undeclared", "orders", "call yourself at HOST:PORT"),
        ("10.64.2.1", 16001, "undeclared", "payments", "use PAYMENTS_URL"),
        ("10.64.2.1", 22, "undeclared", "10.64.2.1:22", "use PAYMENTS_URL"),
        ("8.8.8.8", 10001, "outside", "8.8.8.8:10001", BEYOND),
        ("127.0.0.1", 10001, "outside", "127.0.0.1:10001", BEYOND),
        ("10.64.0.1", 17000, "undeclared", "databases", f"declare {DATABASE}"),
        (
            "10.64.0.1",
            13000,
            "other-ecosystem",
            "production databases",
            f"nothing of production is reachable from here: declare {DATABASE}",
        ),
        ("8.8.8.8", 13000, "outside", "8.8.8.8:13000", BEYOND),
    ],
)
def test_connections(world: World, orders: Wire, address: str, port: int, kind: str, target: str, advice: str) -> None:
    assert world.connection(orders, address, port) == Target(kind=kind, target=target, advice=advice)


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("payments", "undeclared", "dns payments"),
        ("payments.staging", "undeclared", "dns payments.staging"),
        ("user-data.svc.cluster.local", "undeclared", "dns user-data.svc.cluster.local"),
        ("payments.production", "other-ecosystem", "production payments"),
        ("payments-production.shop.example", "other-ecosystem", "production payments"),
        ("user-data.production.internal", "other-ecosystem", "production user-data"),
        ("production", "other-ecosystem", "production production"),
        ("db.production", "other-ecosystem", "production db.production"),
        ("production.plaid.example", "outside", "dns production.plaid.example"),
        ("payments.example.com", "outside", "dns payments.example.com"),
        ("", "outside", "dns "),
    ],
)
def test_names(world: World, orders: Wire, name: str, kind: str, target: str) -> None:
    found = world.name(orders, name)
    assert (found.kind, found.target) == (kind, target)


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("payments.production.vendor.com", "outside", "dns payments.production.vendor.com"),
        ("payments-production.vendor.com", "outside", "dns payments-production.vendor.com"),
        ("production.payments-vendor.com", "outside", "dns production.payments-vendor.com"),
        ("payments.staging.vendor.com", "outside", "dns payments.staging.vendor.com"),
        ("payments.production.shop.example", "other-ecosystem", "production payments"),
        ("ledger.production.shop.example", "other-ecosystem", "production ledger.production.shop.example"),
        ("payments.shop.example", "other-ecosystem", "production payments"),
        ("www.shop.example", "other-ecosystem", "production www.shop.example"),
        ("shop.example", "other-ecosystem", "production shop.example"),
        ("payments.staging.shop.example", "undeclared", "dns payments.staging.shop.example"),
        ("www.myshop.example", "outside", "dns www.myshop.example"),
        ("payments.production.acme", "other-ecosystem", "production payments"),
        ("payments.production.internal", "other-ecosystem", "production payments"),
        ("payments.production.svc.cluster.local", "other-ecosystem", "production payments"),
        ("payments-production", "other-ecosystem", "production payments"),
        ("db.production", "other-ecosystem", "production db.production"),
        ("payments.my-production.com", "other-ecosystem", "production payments"),
        ("payments", "undeclared", "dns payments"),
    ],
)
def test_names_of_a_company_that_has_said_which_are_its_own(
    wanted: Wanted, orders: Wire, name: str, kind: str, target: str
) -> None:
    found = World(ports=replace(wanted.ports, public=("shop.example",))).name(orders, name)
    assert (found.kind, found.target) == (kind, target)


PAY = {"host": "pay.example", "port": 443, "address": "10.63.0.1", "stub": None}
STUB = {"host": "bank.example", "port": 443, "address": "10.63.0.2", "stub": "payments"}


@pytest.fixture
def outside(tmp_path: Path) -> Wanted:
    caller = wire("orders-1", 1, "orders", calls=["payments"], outside=[PAY, STUB])
    return read(placed(tmp_path, caller, wire("payments-1", 2, "payments")))


def addresses(wanted: Wanted, report: Report, name: str, caller: str) -> list[str]:
    world = World(ports=wanted.ports, callers={each.address: each for each in wanted.wires.values()})
    reply = Names(lambda: world, report).answer(DNSRecord.question(name).pack(), wanted.wires[caller].address)
    assert reply is not None
    return [str(answer.rdata) for answer in DNSRecord.parse(reply).rr]


def test_an_outside_name_has_an_address_for_who_declares_it_alone(outside: Wanted, report: Report) -> None:
    assert addresses(outside, report, "PAY.example", "orders-1") == ["10.63.0.1"]
    assert addresses(outside, report, "other.pay.example", "orders-1") == []
    assert addresses(outside, report, "pay.example", "payments-1") == []
    assert [line["target"] for line in written(report)] == ["dns other.pay.example", "dns pay.example"]


def test_the_same_question_again_counts_again_and_follows_what_is_declared(outside: Wanted, report: Report) -> None:
    callers = {each.address: each for each in outside.wires.values()}
    payments = outside.wires["payments-1"]
    worlds = [World(ports=outside.ports, callers=callers)]
    names = Names(lambda: worlds[-1], report)
    for number in range(3):
        packet = bytes(DNSRecord.question("pay.example").pack())
        answer = DNSRecord.parse(names.answer(packet, payments.address))
        assert (answer.header.id, answer.header.rcode) == (int.from_bytes(packet[:2]), RCODE.NXDOMAIN), number
    assert report.counts == {("outside", "NXDOMAIN"): 3}
    declared = replace(payments, outside=outside.wires["orders-1"].outside)
    worlds.append(World(ports=outside.ports, callers={**callers, payments.address: declared}))
    answer = DNSRecord.parse(names.answer(packet, payments.address))
    assert [str(it.rdata) for it in answer.rr] == ["10.63.0.1"]
    assert report.counts.total() == 3


def test_the_guard_lets_the_caller_to_that_address_and_port_and_a_stub_to_its_frontend(outside: Wanted) -> None:
    made = walls.guard(outside.ports, outside.wires.values())
    assert dict(made.triples)["outside"] == (("10.64.1.1", "10.63.0.1", 443), ("10.64.1.1", "10.63.0.2", 443))
    turned = [rule for rule in made.chains[0].rules if nft.destination("10.63.0.2")[1] in rule]
    assert [rule[-3:] for rule in turned] == [nft.translate(nft.DNAT, "10.64.0.1", 14001)]
    assert not any(nft.destination("10.63.0.1")[1] in rule for rule in made.chains[0].rules)


def test_another_port_of_an_outside_name_is_told_of_by_name(outside: Wanted) -> None:
    orders = outside.wires["orders-1"]
    assert World(ports=outside.ports).connection(orders, "10.63.0.1", 80).target == "pay.example:80"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"address": "10.64.5.1"}, "is not one of 10.63.0.0/16"),
        ({"host": "a b"}, "host 'a b' does not match"),
        ({"port": 0}, "0 is not a port"),
    ],
)
def test_an_outside_name_that_cannot_be_used(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    placed(tmp_path, wire("bad", 1, "orders", outside=[{**PAY, **change}]))
    assert words in read(tmp_path).failed["bad"]


def test_a_line_holds_what_the_controller_reads(report: Report, world: World, orders: Wire) -> None:
    report.add(orders, world.connection(orders, "10.64.0.1", 10001), "403")
    assert written(report) == [
        {
            "at": START.isoformat(),
            "wire": "orders-1",
            "source": wire("orders-1", 1, "orders")["source"],
            "service": "orders",
            "release": "r_o1",
            "target": "production payments",
            "kind": "other-ecosystem",
            "answered": "403",
            "advice": "use PAYMENTS_URL",
            "count": 1,
        }
    ]


def test_repeats_are_counted_and_written_when_their_second_is_over(
    report: Report, clock: Clock, world: World, orders: Wire
) -> None:
    target = world.connection(orders, "8.8.8.8", 80)
    for _ in range(1000):
        report.add(orders, target, "403")
    report.flush()
    assert [line["count"] for line in written(report)] == [1]
    clock.seconds = 1.0
    report.flush()
    report.add(orders, target, "403")
    assert [line["count"] for line in written(report)] == [1, 999]
    report.close()
    assert [line["count"] for line in written(report)] == [1, 999, 1]
    assert report.counts.total() == 1001


def test_a_scan_is_bounded_and_hides_no_call_to_the_other_ecosystem(
    report: Report, clock: Clock, world: World, orders: Wire, wanted: Wanted
) -> None:
    for port in range(1, 5000):
        report.add(orders, world.connection(orders, "8.8.8.8", port), "closed")
    report.add(orders, world.connection(orders, "10.64.0.1", 10001), "403")
    report.add(wanted.wires["payments-1"], world.connection(orders, "8.8.8.8", 1), "closed")
    clock.seconds = 1.0
    report.flush()
    lines = written(report)
    assert len(lines) < 210
    assert sum(line["count"] for line in lines) == 5001
    assert any(line["kind"] == "other-ecosystem" for line in lines)
    assert {line["target"] for line in lines if line["wire"] == "payments-1"} == {"8.8.8.8:1"}
    rest = [line for line in lines if line["target"] == "many other places"]
    assert [line["count"] for line in rest] == [1, 4798]
    assert rest[-1]["advice"].startswith("200 places are told apart; about 4,")


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path, clock: Clock, world: World, orders: Wire) -> None:
    path = tmp_path / "crossings.jsonl"
    for before in ("", '{"at": "2025"}\n'):
        path.write_text(before + '{"at": "2026')
        report = Report(path=path, now=clock.now, clock=clock)
        report.add(orders, world.connection(orders, "8.8.8.8", 80), "403")
        assert path.read_text().startswith(before + '{"at": "2026-01-01')
        assert json.loads(path.read_text().splitlines()[-1])["target"] == "8.8.8.8:80"
        report.close()


def test_a_full_disk_loses_no_count(report: Report, clock: Clock, world: World, orders: Wire, monkeypatch: Any) -> None:
    def refuse(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    target = world.connection(orders, "8.8.8.8", 80)
    with monkeypatch.context() as full:
        full.setattr("twinstage.inside.report.os.write", refuse)
        report.add(orders, target, "403")
        report.add(orders, target, "403")
    clock.seconds = 1.0
    report.flush()
    assert [line["count"] for line in written(report)] == [2]


@pytest.mark.parametrize(
    ("first", "whether"),
    [
        (struct.pack("!II", 8, 80877103), True),
        (struct.pack("!II", 41, 3 << 16) + b"user\0a\0\0", True),
        (struct.pack("!II", 41, 3 << 16 | 2), True),
        (struct.pack("!II", 41, 2 << 16), False),
        (b"GET / HTTP/1.1", False),
        (b"\x16\x03\x01", False),
        (b"", False),
    ],
)
def test_a_database_client_is_known_by_its_first_words(first: bytes, whether: bool) -> None:
    assert postgres.begins(first) is whether


@given(packet=st.binary(max_size=600))
def test_no_packet_ends_the_names(packet: bytes) -> None:
    reply = Names(World, _Deaf()).answer(packet, "10.64.1.1")
    assert reply is None or reply[:2] == packet[:2]


@given(name=st.lists(st.binary(min_size=1, max_size=63), max_size=3), kind=st.integers(0, 65535))
def test_any_question_has_an_answer(name: list[bytes], kind: int) -> None:
    packet = b"\x12\x34\x01\x00\x00\x01" + bytes(6)
    packet += b"".join(bytes([len(label)]) + label for label in name) + b"\0" + kind.to_bytes(2) + b"\0\1"
    reply = Names(World, _Deaf()).answer(packet, "10.64.1.1")
    assert reply is not None
    assert DNSRecord.parse(reply).header.rcode in (RCODE.NXDOMAIN, RCODE.NOERROR, RCODE.FORMERR)


class _Deaf(Report):
    """A report without a file, for answers alone."""

    def __init__(self) -> None:
        """It has none."""

    def add(self, caller: Wire, target: Target, answered: str) -> None:
        """Nobody reads it."""


def test_only_addresses_and_other_names_are_asked_for(report: Report, world: World) -> None:
    names = Names(lambda: world, report)
    for name, kind in (("orders", "A"), ("orders", "MX"), ("localhost", "AAAA"), ("1.0.64.10.in-addr.arpa", "PTR")):
        names.answer(bytes(DNSRecord.question(name, kind).pack()), "10.64.1.1")
    names.answer(bytes(DNSRecord.question("anything").pack()), "10.99.9.9")
    assert written(report) == []
    reply = DNSRecord.parse(names.answer(bytes(DNSRecord.question("orders", "ANY").pack()), "10.64.1.1"))
    assert [(QTYPE.get(each.rtype), str(each.rdata)) for each in reply.rr] == [("A", "10.64.1.1")]


@given(first=st.binary(max_size=300))
def test_no_first_bytes_end_the_answers(first: bytes) -> None:
    target = Target(kind="outside", target="8.8.8.8:443", advice="")
    for start in (b"", b"\x16\x03\x01\x00\x00\x01", b"GET / HTTP/1.1\r\nHost: "):
        named = strays._named(target, start + first)
        assert named.target.startswith("8.8.8.8:443")
        assert named.target.isascii()


@given(notes=st.binary(max_size=300))
def test_no_note_ends_the_record_of_datagrams(notes: bytes) -> None:
    for start in (b"", (len(notes) + 20).to_bytes(4, "little") + b"\0\4\0\0" + bytes(12)):
        for packet in dropped._packets(start + notes):
            dropped._addressed(packet)


def test_a_datagram_is_read_from_its_headers() -> None:
    packet = bytes.fromhex("45000024000040004011000010400101") + bytes([8, 8, 8, 8]) + bytes.fromhex("d43101bb00100000")
    packet = packet[:12] + bytes([10, 64, 1, 1]) + packet[16:]
    assert dropped._addressed(packet) == (17, "10.64.1.1", "8.8.8.8", 443)
    assert dropped._addressed(packet[:21]) is None


def test_a_kernel_without_a_packet_log_gets_a_guard_without_notes(
    tmp_path: Path, wanted: Wanted, monkeypatch: Any, capsys: Any
) -> None:
    made: list[Table] = []

    def replace(table: Table) -> None:
        if "limit" in repr(table):
            raise Refused(2, "cannot add rule 6 of chain guard before: No such file or directory")
        made.append(table)

    monkeypatch.setattr("twinstage.inside.networks.nft.replace", replace)
    guarded = networks.Networks(tmp_path)
    guarded.close_guard(wanted.ports)
    assert [table.name for table in made] == ["guard"]
    assert "datagrams leave no record" in capsys.readouterr().err
    assert not guarded.noted, "status says so"


def test_interface_names_are_short_and_differ() -> None:
    names = {networks.interface(f"orders-{number}" * 5) for number in range(500)}
    assert len(names) == 500
    assert max(map(len, names)) < 16


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"address": "10.64.0.5"}, "address '10.64.0.5' is not one of 10.64.0.0/10 outside of 10.64.0.0/26"),
        ({"address": "192.168.0.1"}, "address '192.168.0.1' is not one of"),
        ({"address": 7}, "address 7 is not one of"),
        ({"backend": 0}, "0 is not a port"),
        ({"listens": True}, "True is not a port"),
        ({"id": "../etc"}, "id '../etc' does not match"),
        ({"id": "x.ready"}, "its id is 'x.ready'"),
        ({"hostname": "a b"}, "hostname 'a b' does not match"),
        ({"source": None}, "not iterable"),
    ],
)
def test_a_bad_wire_is_told_in_words(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    placed(tmp_path)
    (tmp_path / "wires" / "bad.json").write_text(json.dumps({**wire("bad", 1, "orders"), **change}))
    found = read(tmp_path)
    assert found.wires == {}
    assert words in found.failed["bad"]


@pytest.mark.parametrize("missing", ["id", "address", "hostname", "service", "release", "source"])
def test_a_missing_field_is_named(tmp_path: Path, missing: str) -> None:
    placed(tmp_path)
    content = wire("bad", 1, "orders")
    del content[missing]
    (tmp_path / "wires" / "bad.json").write_text(json.dumps(content))
    assert f"'{missing}' is missing" in read(tmp_path).failed["bad"]


def test_without_ports_or_wires_nothing_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"cannot read .*ports\.json"):
        read(tmp_path)
    (tmp_path / "ports.json").write_text(json.dumps({"ecosystem": "staging"}))
    with pytest.raises(Unreadable, match="'services' is missing"):
        read(tmp_path)
    (tmp_path / "ports.json").write_text(json.dumps(PORTS))
    with pytest.raises(Unreadable, match="cannot list"):
        read(tmp_path)


@pytest.mark.parametrize("public", [["a b"], "shop.example/", [7], 7])
def test_public_names_that_are_none_are_told(tmp_path: Path, public: object) -> None:
    with pytest.raises(Unreadable, match=r"cannot use .*ports\.json"):
        read(placed(tmp_path, ports={**PORTS, "public": public}))


def test_backend_ranges_are_caught_on_loopback_too_when_they_are_told(tmp_path: Path) -> None:
    ports = read(placed(tmp_path, ports={**PORTS, "backends": {"production": [12000, 12999]}})).ports
    assert ports.ranges == ((10000, 10999), (12000, 12999), (13000, 13000), (14000, 14999), (17000, 17000))


def test_what_the_advice_says_can_be_declared() -> None:
    names = "{production: 'a.example:443', staging: 'b.example:443'}"
    assert "`outside` in twinstage.yaml" in BEYOND
    text = f"service: orders\nrun: serve\ninstances: {{production: 1, staging: 1}}\noutside: {{pay: {names}}}\n"
    assert set(definition(text).outside) == {"pay"}
