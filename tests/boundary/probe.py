"""What runs inside the tests' sandboxes: a server, a caller that never stops, and questions asked once.

``serve ADDRESS PORT NAME``: answers each line with ``NAME PEER: line``. ``chat ADDRESS PORT``: one connection, a line
after each answer, each answer printed. ``ask``: a JSON list of probes on standard input, a list of what came of them.
"""

import json
import socket
import socketserver
import struct
import sys
import time
from pathlib import Path

from dnslib import QTYPE, RCODE, DNSRecord

SHORT = 0.7
"""Seconds until it is believed that nothing comes."""
PATIENCE = 20.0
"""Seconds for what has to come."""


class Answer(socketserver.StreamRequestHandler):
    name = ""

    def handle(self):
        for line in self.rfile:
            self.wfile.write(f"{self.name} {self.client_address[0]}: ".encode() + line)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def serve(address, port, name):
    Answer.name = name
    with Server((address, int(port)), Answer) as server:
        print("serving", flush=True)
        server.serve_forever()


def chat(address, port):
    with socket.create_connection((address, int(port)), PATIENCE) as link:
        lines = link.makefile("r")
        while True:
            link.sendall(b"still here\n")
            print(lines.readline().strip() or "closed", flush=True)
            time.sleep(0.02)


def tcp(address, port, send=None, wait=PATIENCE, source=None):
    """All that comes until the other side closes, and how long it took."""
    begun = time.monotonic()
    try:
        with socket.create_connection((address, port), wait, (source, 0) if source else None) as link:
            if send is not None:
                link.sendall(send.encode("latin1"))
            if send and "\n" in send and not send.startswith(("GET", "HEAD", "POST")) and "\r" not in send:
                link.shutdown(socket.SHUT_WR)
            data = b""
            while more := link.recv(65536):
                data += more
        return {"data": data.decode("latin1"), "seconds": time.monotonic() - begun}
    except OSError as error:
        return {"error": type(error).__name__, "words": str(error), "seconds": time.monotonic() - begun}


def udp(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(SHORT)
        try:
            link.sendto(b"anybody?", (address, port))
            return {"data": link.recv(4096).decode("latin1")}
        except OSError as error:
            return {"error": type(error).__name__}


def dns(name, kind="A", server="10.64.0.1", stream=False, raw=None, wait=PATIENCE):
    packet = bytes.fromhex(raw) if raw is not None else bytes(DNSRecord.question(name, kind).pack())
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as link:
        link.settimeout(wait)
        try:
            link.connect((server, 53))
            link.sendall(struct.pack("!H", len(packet)) + packet if stream else packet)
            answer = link.recv(4096)[2 if stream else 0 :]
        except OSError as error:
            return {"error": type(error).__name__}
    record = DNSRecord.parse(answer)
    return {
        "rcode": RCODE.get(record.header.rcode),
        "answers": [f"{QTYPE.get(answer.rtype)} {answer.rdata}" for answer in record.rr],
    }


def ipv6(address="::1"):
    try:
        with socket.create_connection((address, 80), 1):
            return {"data": ""}
    except OSError as error:
        return {"error": type(error).__name__, "words": str(error)}


def files(path):
    return {"data": Path(path).read_text()}


PROBES = {"tcp": tcp, "udp": udp, "dns": dns, "ipv6": ipv6, "files": files}

if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*sys.argv[2:])
    elif sys.argv[1] == "chat":
        chat(*sys.argv[2:])
    else:
        print(json.dumps([PROBES[probe.pop("probe")](**probe) for probe in json.load(sys.stdin)]))
