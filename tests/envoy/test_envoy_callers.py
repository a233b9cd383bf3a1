"""Who may call: by the address the connection comes from."""

import http.client

from envoy_rig import Proxy, call, eventually
from envoy_upstream import Upstreams


def test_an_undeclared_caller_is_told_what_to_declare(live: Proxy) -> None:
    live.routed(live.put_route({"r_1": 100}, admits=("127.0.64.0/26",)))

    answer = call(live.port, source="127.0.65.1")

    assert answer.status == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "orders is not declared",
        "status": 403,
        "detail": "orders is not declared by the caller at 127.0.65.1: add `orders` to depends_on in its twinstage.yaml",
    }
    assert call(live.port, source="127.0.64.63").body == "one"
    assert call(live.port, source="127.0.64.64").status == 403


def test_a_header_does_not_make_a_caller(live: Proxy) -> None:
    live.routed(live.put_route({"r_1": 100}, admits=("127.0.64.0/26",)))

    assert call(live.port, headers={"x-forwarded-for": "127.0.64.1"}).status == 403


def test_nobody_is_admitted_by_default(live: Proxy) -> None:
    live.routed(live.put_route({"r_1": 100}, admits=()))

    assert call(live.port).status == 403


def test_the_policy_changes_while_connections_stay(live: Proxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)

    def status() -> int:
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
        return response.status

    assert status() == 200
    live.routed(live.put_route({"r_1": 100}, admits=("127.0.64.0/26",)))
    held = connection.sock
    eventually(lambda: status() == 403, "the policy reaches a connection that was open before")
    live.routed(live.put_route({"r_1": 100}, admits=("127.0.64.0/26", "127.0.0.1/32")))
    eventually(lambda: status() == 200, "and again")
    assert connection.sock is held
    connection.close()


def test_an_instance_may_answer_403_in_its_own_words(live: Proxy, instances: Upstreams) -> None:
    answer = call(live.port, "/forbidden")

    assert (answer.status, answer.body) == (403, "one")
