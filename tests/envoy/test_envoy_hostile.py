"""Requests that were made to fool a proxy: none makes two of one, comes to another place, or has the proxy do what it says."""

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping

import httpx
import pytest
from envoy_rig import Process, Proxy, call, eventually
from envoy_upstream import Upstreams
from test_envoy_edge import door, put

STEERING = {
    "x-envoy-retry-on": "5xx",
    "x-envoy-max-retries": "6",
    "x-envoy-upstream-alt-stat-name": "evil",
    "x-envoy-upstream-rq-per-try-timeout-ms": "1",
    "x-envoy-hedge-on-per-try-timeout": "true",
    "x-envoy-internal": "true",
    "x-envoy-original-path": "/other",
    "X-Envoy-Original-Dst-Host": "127.0.0.1:1",
}
CLAIMS = ("", "10.0.0.1", "127.0.0.1", "192.168.0.1", "8.8.8.8", "8.8.8.8, 10.0.0.1")
HEAD = b"POST / HTTP/1.1\r\nHost: orders\r\n"
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: orders\r\n\r\n"
SMUGGLING = {
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 45\r\n\r\nhello" + NEXT,
    "a list of lengths": HEAD + b"Content-Length: 5, 45\r\n\r\nhello" + NEXT,
    "a length and chunks": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT,
    "a blank before the colon": HEAD + b"Content-Length: 45\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + NEXT,
    "a vertical tab": HEAD + b"Content-Length: 45\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + NEXT,
    "an encoding nobody knows": HEAD + b"Content-Length: 45\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + NEXT,
    "two encodings": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + NEXT,
    "a signed length": HEAD + b"Content-Length: +0\r\n\r\n" + NEXT,
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n" + NEXT,
    "a hexadecimal length": HEAD + b"Content-Length: 0x2d\r\n\r\n" + NEXT,
    "chunks by lone line feeds": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\n\n" + NEXT,
    "a chunk beyond all numbers": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n\r\n" + NEXT,
    "a zero byte": HEAD + b"X-A: a\x00b\r\n\r\n" + NEXT,
    "taken out by Connection": HEAD + b"Content-Length: 45\r\nConnection: close, host, content-length\r\n\r\n" + NEXT,
}
"""Each has one request for the proxy, or none; whoever reads it otherwise sees NEXT in it."""
ODD = {
    "a tunnel": b"CONNECT payments:80 HTTP/1.1\r\nHost: payments:80\r\n\r\n",
    "another protocol": b"GET / HTTP/1.1\r\nHost: orders\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
    "a tunnel of datagrams": b"GET / HTTP/1.1\r\nHost: o\r\nConnection: Upgrade\r\nUpgrade: connect-udp\r\n\r\n",
    "headers too large": b"GET / HTTP/1.1\r\nHost: orders\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\nHost: orders\r\n" + b"X: 1\r\n" * 150 + b"\r\n",
    "no place": b"OPTIONS * HTTP/1.1\r\nHost: orders\r\n\r\n",
    "a host that is none": b"GET / HTTP/1.1\r\nHost: a@b/c\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "no path": b"GET payments HTTP/1.1\r\nHost: orders\r\n\r\n",
}


class Recorder:
    """An instance that keeps the bytes of what it is asked, and fails every request."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._run, daemon=True).start()

    def asked(self) -> list[bytes]:
        return [head for head in self.heads if b" /healthz " not in head]

    def close(self) -> None:
        self._socket.close()

    def _run(self) -> None:
        while True:
            try:
                link, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        with link:
            said = b""
            while b"\r\n\r\n" not in said:
                more = link.recv(65536)
                if not more:
                    return
                said += more
            self.heads.append(said)
            status = b"200 OK" if b" /healthz " in said else b"500 Internal Server Error"
            link.sendall(b"HTTP/1.1 " + status + b"\r\ncontent-length: 3\r\nconnection: close\r\n\r\nraw")
            link.shutdown(socket.SHUT_WR)
            while link.recv(65536):
                pass


@pytest.fixture
def recorder(proxy: Proxy) -> Iterator[Recorder]:
    made = Recorder()
    proxy.put_workload("r_1", [("127.0.0.1", made.port)])
    proxy.start({"r_1": 100})
    proxy.until_healthy("r_1", 1)
    yield made
    made.close()


def said(port: int, words: bytes) -> bytes:
    """All that comes back; our side of the connection is ended after the words."""
    with socket.create_connection(("127.0.0.1", port), 10) as link:
        link.sendall(words)
        answer = b""
        while b"\r\n\r\n" not in answer and (more := link.recv(65536)):
            answer += more
        return answer


def steered(port: int, claim: str) -> Mapping[str, str]:
    return STEERING | ({"x-forwarded-for": claim} if claim else {})


def test_nobody_steers_the_proxy_whatever_address_is_claimed(
    proxy: Proxy, recorder: Recorder, process: Callable[[str], Process]
) -> None:
    """Obeyed, seven requests are made of one, and each name of a statistic stays in the proxy's memory for ever."""
    outer = process("outer")
    way = door(proxy)
    put(outer, [way])
    outer.start()
    for port in (proxy.port, way.port):
        for claim in CLAIMS:
            recorder.heads.clear()
            assert call(port, "/once", headers=steered(port, claim)).status == 500
            (head,) = recorder.asked()
            assert not any(name.lower().encode() in head for name in STEERING), "and the service sees nothing of it"
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(proxy.process.socket))) as admin:
        figures = admin.get("http://envoy/stats").text
    assert "upstream_rq_500" in figures
    assert "evil" not in figures


@pytest.mark.parametrize("words", SMUGGLING.values(), ids=SMUGGLING)
def test_two_requests_in_one_are_none(proxy: Proxy, recorder: Recorder, words: bytes) -> None:
    answer = said(proxy.port, words)
    assert answer.split()[1] in (b"400", b"501")
    assert call(proxy.port, "/after").status == 500, "the proxy goes on"
    assert not any(b"smuggled" in head for head in recorder.asked())


@pytest.mark.parametrize("words", ODD.values(), ids=ODD)
def test_what_is_no_request_is_answered_by_the_proxy_itself(proxy: Proxy, recorder: Recorder, words: bytes) -> None:
    assert said(proxy.port, words).split()[1][:1] == b"4"
    assert recorder.asked() == []


def test_a_name_in_the_request_leads_nowhere_else(proxy: Proxy, instances: Upstreams) -> None:
    """A listener is one service's: neither Host, a whole address, nor the authority of HTTP/2 chooses another."""
    orders, payments = instances.instance("orders"), instances.instance("payments")
    proxy.put_workload("r_orders", [(orders.address, orders.port)])
    proxy.put_workload("r_payments", [(payments.address, payments.port)])
    proxy.start({"r_orders": 100})
    proxy.until_healthy("r_orders", 1)
    asked = (
        b"GET / HTTP/1.1\r\nHost: payments\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: orders\r\nHost: payments\r\n\r\n",
        b"GET http://payments:80/ HTTP/1.1\r\nHost: orders\r\n\r\n",
        b"GET /../payments/%2e%2e/ HTTP/1.1\r\nHost: orders\r\nX-Forwarded-Host: payments\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: {proxy.cluster('r_payments')}\r\n\r\n".encode(),
    )
    for words in asked:
        assert said(proxy.port, words).split()[1] == b"200"
    second = ["curl", "-s", "--http2-prior-knowledge", "-H", "Host: payments", f"http://127.0.0.1:{proxy.port}/"]
    assert subprocess.run(second, capture_output=True, check=True).stdout == b"orders"
    assert (orders.asked, payments.asked) == (len(asked) + 1, 0)


def test_nobody_undeclared_comes_in_by_a_form_of_words(proxy: Proxy, recorder: Recorder) -> None:
    proxy.routed(proxy.put_route({"r_1": 100}, admits=("127.0.64.0/26",)))
    for words in [*SMUGGLING.values(), *ODD.values(), b"GET /\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"]:
        assert said(proxy.port, words).split()[1][:1] in (b"4", b"5")
    websocket = b"GET / HTTP/1.1\r\nHost: o\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert said(proxy.port, websocket).split()[1] == b"403"
    assert recorder.asked() == []


def test_a_line_of_the_log_is_short_whatever_was_sent(proxy: Proxy, recorder: Recorder) -> None:
    call(proxy.port, "/" + "p" * 20_000, headers={"x-request-id": "i" * 20_000, "baggage": "b" * 10_000})
    eventually(proxy.log_lines, "the request is logged")
    (line,) = proxy.log_lines()
    assert len(json.dumps(line)) < 2000
    assert line["id"] == "i" * 128
