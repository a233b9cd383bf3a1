"""What an instance reaches, what it does not, and what is said and recorded about it. On the real kernel."""

import json
from typing import Any

import pytest
from sealed import GATEWAY, Sealed, wire

from twinstage.inside.targets import BEYOND

pytestmark = pytest.mark.real

GET = "GET /charge HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HELLO = (
    b"\x16\x03\x01\x00\x00\x01\x00\x00\x00\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x01\x01\x00"
    b"\x00\x17\x00\x00\x00\x13\x00\x11\x00\x00\x0eapi.stripe.com"
).decode("latin1")


@pytest.fixture(scope="module")
def shop(company: Sealed) -> Sealed:
    """orders may call payments; catalog listens on a port of its own choice; a job verifies payments."""
    company.want(
        wire("orders-1", 1, "orders", calls=["payments"]),
        wire("payments-1", 2, "payments"),
        wire("catalog-1", 3, "catalog", listens=8000),
        wire("catalog-2", 4, "catalog", listens=10001),
        wire("catalog-3", 6, "catalog", databases=True),
        wire("verify-1", 5, "payments", backend=None, source={"job": "ro_1.verify.web.1.1"}, calls=["catalog"]),
    )
    company.watch_over()
    assert company.sync()["failed"] == {}
    for number, name in enumerate(("orders", "payments", "catalog")):
        company.serve(None, GATEWAY, 14000 + number, f"{name}'s proxy")
    company.serve(None, GATEWAY, 17000, "the database's proxy")
    company.serve(None, "127.0.0.1", 5432, "the database")
    company.serve(None, "0.0.0.0", 9901, "the proxy's administration")
    company.serve("payments-1", "127.0.0.1", 16001, "payments")
    company.serve("catalog-1", "127.0.0.1", 8000, "catalog")
    company.serve("catalog-2", "0.0.0.0", 10001, "catalog two")
    return company


def tcp(address: str, port: int, send: str | None = "hello\n", **more: Any) -> dict[str, Any]:
    return {"probe": "tcp", "address": address, "port": port, "send": send, **more}


def dns(name: str, kind: str = "A", **more: Any) -> dict[str, Any]:
    return {"probe": "dns", "name": name, "kind": kind, **more}


def one(shop: Sealed, caller: str | None, probe: dict[str, Any]) -> dict[str, Any]:
    return shop.probe(caller, probe)[0]


def body(answer: dict[str, Any]) -> dict[str, Any]:
    head, _, text = answer["data"].partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 403 Forbidden\r\n"), answer
    assert "application/problem+json" in head
    return json.loads(text)


@pytest.mark.parametrize("address", [GATEWAY, "127.0.0.1", "127.0.0.2"])
def test_a_declared_frontend_answers_and_sees_the_callers_own_address(shop: Sealed, address: str) -> None:
    assert one(shop, "orders-1", tcp(address, 14001))["data"] == "payments's proxy 10.64.1.1: hello\n"


def test_a_source_of_ones_choice_is_replaced_by_ones_own(shop: Sealed) -> None:
    answer = one(shop, "orders-1", tcp("127.0.0.1", 14001, source="127.9.9.9"))
    assert answer["data"] == "payments's proxy 10.64.1.1: hello\n"


@pytest.mark.parametrize(
    ("address", "port", "name"),
    [("10.64.2.1", 16001, "payments"), ("10.64.3.1", 16002, "catalog"), ("10.64.4.1", 16002, "catalog two")],
)
def test_the_backend_port_leads_to_the_program_wherever_it_listens(
    shop: Sealed, address: str, port: int, name: str
) -> None:
    assert one(shop, None, tcp(address, port))["data"] == f"{name} {GATEWAY}: hello\n"


@pytest.mark.parametrize(
    ("caller", "address", "port", "name"),
    [
        ("payments-1", "127.0.0.1", 16001, "payments"),
        ("payments-1", "10.64.2.1", 16001, "payments"),
        ("catalog-1", "127.0.0.1", 8000, "catalog"),
        ("catalog-1", "127.0.0.1", 16002, "catalog"),
        ("catalog-2", "127.0.0.1", 10001, "catalog two"),
    ],
)
def test_ones_own_ports_stay_at_home(shop: Sealed, caller: str, address: str, port: int, name: str) -> None:
    assert one(shop, caller, tcp(address, port))["data"].startswith(f"{name} ")


def test_a_job_reaches_the_service_it_verifies_and_what_it_declares(shop: Sealed) -> None:
    own, declared, other = shop.probe("verify-1", tcp(GATEWAY, 14001), tcp(GATEWAY, 14002), tcp(GATEWAY, 14000, GET))
    assert own["data"] == "payments's proxy 10.64.5.1: hello\n"
    assert declared["data"] == "catalog's proxy 10.64.5.1: hello\n"
    assert body(other)["kind"] == "undeclared"
    crossing = shop.crossed(wire="verify-1", target="orders")
    assert crossing["source"] == {"job": "ro_1.verify.web.1.1"}


@pytest.mark.parametrize("address", [GATEWAY, "127.0.0.1"])
def test_the_database_is_there_for_those_who_declare_one(shop: Sealed, address: str) -> None:
    assert one(shop, "catalog-3", tcp(address, 17000))["data"] == "the database's proxy 10.64.6.1: hello\n"
    assert one(shop, "orders-1", tcp(address, 17000))["data"] == ""
    assert shop.crossed(wire="orders-1", target="databases", kind="undeclared", answered="closed")
    assert one(shop, "catalog-3", tcp(address, 13000))["data"] == ""
    assert shop.crossed(wire="catalog-3", target="production databases", kind="other-ecosystem")


def test_the_servers_own_port_is_on_no_wire(shop: Sealed) -> None:
    assert one(shop, "catalog-3", tcp(GATEWAY, 5432))["data"] == ""
    assert one(shop, "catalog-3", tcp("127.0.0.1", 5432))["error"] == "ConnectionRefusedError"


@pytest.mark.parametrize(("port", "address"), [(10001, "127.0.0.1"), (10001, GATEWAY), (12001, GATEWAY)])
def test_the_other_ecosystem_answers_403_and_names_the_service(shop: Sealed, address: str, port: int) -> None:
    problem = body(one(shop, "orders-1", tcp(address, port, GET)))
    assert (problem["kind"], problem["target"], problem["status"]) == ("other-ecosystem", "production payments", 403)
    assert "orders (r_o1) in staging" in problem["detail"]
    crossing = shop.crossed(wire="orders-1", kind="other-ecosystem", target="production payments", answered="403")
    assert crossing["advice"] == "use PAYMENTS_URL"
    assert crossing["source"]["workload"]["release"] == "r_o1"
    assert (crossing["service"], crossing["release"]) == ("orders", "r_o1")


def test_advice_depends_on_what_is_declared(shop: Sealed) -> None:
    one(shop, "payments-1", tcp("127.0.0.1", 10003, GET))
    crossing = shop.crossed(wire="payments-1", target="production user-data")
    assert crossing["advice"] == "add `user-data` to depends_on in twinstage.yaml, then use USER_DATA_URL"


def test_an_undeclared_neighbour_is_refused_by_any_way(shop: Sealed) -> None:
    ways = (tcp(GATEWAY, 14002, GET), tcp("127.0.0.1", 14002, GET), tcp("10.64.3.1", 16002, GET))
    for answer in shop.probe("orders-1", *ways):
        assert body(answer)["kind"] == "undeclared"
    crossing = shop.crossed(wire="orders-1", kind="undeclared", target="catalog")
    assert crossing["advice"] == "add `catalog` to depends_on in twinstage.yaml, then use CATALOG_URL"


def test_a_neighbours_own_address_is_not_reachable(shop: Sealed) -> None:
    problem = body(one(shop, "orders-1", tcp("10.64.3.1", 8000, GET)))
    assert (problem["kind"], problem["target"]) == ("undeclared", "10.64.3.1:8000")


@pytest.mark.parametrize(("address", "port"), [("8.8.8.8", 80), ("169.254.169.254", 80), ("192.168.1.1", 10001)])
def test_anything_else_is_outside(shop: Sealed, address: str, port: int) -> None:
    assert body(one(shop, "orders-1", tcp(address, port, GET)))["kind"] == "outside"
    crossing = shop.crossed(wire="orders-1", kind="outside", target=f"{address}:{port}", answered="403")
    assert crossing["advice"] == BEYOND


def test_nothing_else_of_the_ecosystem_is_reachable(shop: Sealed) -> None:
    assert body(one(shop, "orders-1", tcp(GATEWAY, 9901, GET)))["target"] == f"{GATEWAY}:9901"
    assert one(shop, None, tcp("127.0.0.1", 9901))["data"].startswith("the proxy's administration")


def test_what_is_not_http_is_closed_cleanly(shop: Sealed) -> None:
    silent, binary, tls, http2 = shop.probe(
        "orders-1",
        tcp("8.8.4.4", 5432, None),
        tcp("8.8.4.4", 6379, "*1\r\n$4\r\nPING\r\n"),
        tcp("8.8.4.4", 443, HELLO),
        tcp("8.8.4.4", 444, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    )
    assert [answer.get("data") for answer in (silent, binary, tls, http2)] == ["", "", "", ""]
    assert silent["seconds"] > 0.2, "its first words were waited for"
    shop.crossed(target="8.8.4.4:5432", answered="closed")
    shop.crossed(target="8.8.4.4:443 (api.stripe.com)", answered="closed")


def test_an_answer_survives_a_large_request_and_head_has_no_body(shop: Sealed) -> None:
    large = "POST / HTTP/1.1\r\nHost: shop.example:80\r\nContent-Length: 40000\r\n\r\n" + "x" * 40000
    answer, head = shop.probe("orders-1", tcp("8.8.4.4", 81, large), tcp("8.8.4.4", 82, "HEAD / HTTP/1.1\r\n\r\n"))
    assert body(answer)["target"] == "8.8.4.4:81 (shop.example)"
    assert head["data"].endswith("\r\n\r\n")


def test_an_instance_cannot_change_its_network_or_enter_anothers(shop: Sealed) -> None:
    for command in (
        "ip link set eth0 down",
        "ip addr add 10.64.2.1/32 dev lo",
        "ip route add 10.64.2.0/26 dev eth0",
        "unshare --user true",
        "unshare --net true",
        "ls /run/ns",
        "echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6",
    ):
        shop.run(*shop.on("orders-1", "/bin/sh", "-c", f"! {command} 2>/dev/null"))


def test_datagrams_go_nowhere_and_there_is_no_ipv6(shop: Sealed) -> None:
    udp, gateway, neighbour, loopback, far = shop.probe(
        "orders-1",
        {"probe": "udp", "address": "8.8.8.8", "port": 443},
        {"probe": "udp", "address": GATEWAY, "port": 14001},
        {"probe": "udp", "address": "10.64.2.1", "port": 16001},
        {"probe": "ipv6", "address": "::1"},
        {"probe": "ipv6", "address": "2606:4700::1111"},
    )
    assert {udp["error"], gateway["error"], neighbour["error"]} == {"TimeoutError"}
    shop.crossed(wire="orders-1", kind="outside", target="udp 8.8.8.8:443", answered="dropped")
    shop.crossed(wire="orders-1", kind="undeclared", target="udp payments", answered="dropped")
    assert "error" in loopback
    assert "error" in far
    names = ("ipv6/conf/all/disable_ipv6", "ipv4/ip_forward", "ipv4/ip_unprivileged_port_start")
    values = shop.probe("orders-1", *({"probe": "files", "path": f"/proc/sys/net/{name}"} for name in names))
    assert [value["data"].strip() for value in values] == ["1", "0", "0"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("server", [GATEWAY, "8.8.8.8"])
def test_ones_own_name_has_an_address_whoever_is_asked(shop: Sealed, server: str, stream: bool) -> None:
    way = {"server": server, "stream": stream}
    own, six, local, pointer = shop.probe(
        "orders-1",
        dns("Orders", **way),
        dns("orders", "AAAA", **way),
        dns("localhost", **way),
        dns("1.1.64.10.in-addr.arpa", "PTR", **way),
    )
    assert own == {"rcode": "NOERROR", "answers": ["A 10.64.1.1"]}
    assert six == {"rcode": "NOERROR", "answers": []}
    assert local == {"rcode": "NOERROR", "answers": ["A 127.0.0.1"]}
    assert pointer == {"rcode": "NXDOMAIN", "answers": []}
    assert not [c for c in shop.crossings() if "arpa" in c["target"] or c["target"] == "dns orders"]


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("payments", "undeclared", "dns payments"),
        ("catalog.internal", "undeclared", "dns catalog.internal"),
        ("payments.production", "other-ecosystem", "production payments"),
        ("production-catalog.local", "other-ecosystem", "production catalog"),
        ("api.stripe.com", "outside", "dns api.stripe.com"),
        ("production.plaid.example", "outside", "dns production.plaid.example"),
    ],
)
def test_every_other_name_is_unknown_and_recorded(shop: Sealed, name: str, kind: str, target: str) -> None:
    assert one(shop, "orders-1", dns(name)) == {"rcode": "NXDOMAIN", "answers": []}
    shop.crossed(wire="orders-1", kind=kind, target=target, answered="NXDOMAIN")


def test_malformed_questions_end_nothing(shop: Sealed) -> None:
    garbage = ["00", "ff" * 40, "123401000001000000000000" + "c00c" + "00010001", "1234" + "01" * 600]
    answers = shop.probe("orders-1", *(dns("", raw=raw, wait=2) for raw in garbage), dns("orders"))
    assert answers[-1]["answers"] == ["A 10.64.1.1"]
    assert {answer.get("rcode", "silence") for answer in answers[:-1]} <= {"FORMERR", "silence", "NXDOMAIN"}
    stray = one(shop, "orders-1", tcp("8.8.8.8", 53, GET))
    assert stray["data"] == ""
    shop.crossed(wire="orders-1", target="8.8.8.8:53", answered="closed")


def test_repeats_within_a_second_are_one_line_with_their_count(shop: Sealed) -> None:
    shop.probe("payments-1", *(tcp("8.8.1.1", 80, GET) for _ in range(20)))
    shop.crossed(wire="payments-1", target="8.8.1.1:80", count=1)
    shop.crossed(wire="payments-1", target="8.8.1.1:80", count=19)


def test_what_listens_inside_an_instance_is_told(shop: Sealed) -> None:
    assert json.loads(shop.say('{"op": "listening", "wire": "catalog-1"}\n')) == {"ok": True, "ports": [8000]}
    assert json.loads(shop.say('{"op": "listening", "wire": "orders-1"}\n')) == {"ok": True, "ports": []}


def test_the_record_is_for_the_company_alone(shop: Sealed) -> None:
    assert (shop.folder / "state" / "crossings.jsonl").stat().st_mode & 0o777 == 0o640
    assert (shop.folder / "sockets" / "sentinel.sock").stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize(
    "request_line",
    [
        "nonsense\n",
        "[]\n",
        "\n",
        '{"op": "destroy"}\n',
        '{"op": ["sync"]}\n',
        '{"op": "listening", "wire": "../x"}\n',
        '{"op": "listening", "wire": []}\n',
        '{"op": "health", "wire": "../x", "path": "/"}\n',
        '{"op": "health", "wire": "catalog-1", "path": "/ HTTP/1.1\\r\\nx"}\n',
        "[" * 9000 + "\n",
    ],
)
def test_requests_it_cannot_do_are_answered_in_words(shop: Sealed, request_line: str) -> None:
    answer = json.loads(shop.say(request_line))
    assert answer["ok"] is False
    assert answer["error"].startswith("cannot ")
    assert shop.ask("status")["ok"] is True
