"""What the services of an attacked company run: each answers with its word, and tries what it is told to: when it starts
(``STRIKES``: ``KIND TARGET``, separated by commas) or when it is asked (``/strike?KIND TARGET``). With an argument: only that.

``/seen``: which of its requests were ``/stolen``. ``/held``: BACK is asked over one connection that is kept; its own end's port.
"""

import http.client
import http.server
import os
import signal
import socket
import struct
import sys
import urllib.parse

WORD = os.environ["WORD"]
SHORT = 0.5
seen = []
held = []


def place(target):
    host, _, port = target.rpartition(":")
    return host, int(port)


def heard(link):
    said = b""
    while more := link.recv(65536):
        said += more
    return said.decode(errors="replace")


def call(target):
    """HTTP to an address: of either family, no name is asked."""
    host, port = place(target)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as link:
        link.settimeout(20)
        link.connect((host, port))
        link.sendall(f"GET /stolen HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return heard(link)


def sql(target):
    """As a client of PostgreSQL begins."""
    words = b"user\0thief\0database\0back\0\0"
    with socket.create_connection(place(target), 20) as link:
        link.sendall(struct.pack("!ii", 8 + len(words), 196608) + words)
        return heard(link).replace("\0", " ")


def name(target):
    return str(socket.getaddrinfo(target, 443)[0][4])


def datagram(target):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(SHORT)
        link.sendto(b"what we know", place(target))
        return repr(link.recv(4096))


def question(target):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in target.split("."))
    return struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 16, 1)


def code(answer):
    return {0: "an answer", 3: "NXDOMAIN"}.get(answer[3] & 15, repr(answer))


def tunnel(target):
    """A question that carries something out, with room for a reply."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(20)
        link.sendto(question(target), ("8.8.8.8", 53))
        return code(link.recv(4096))


def stream(target):
    """The same over TCP."""
    packet = question(target)
    with socket.create_connection(("8.8.8.8", 53), 20) as link:
        link.sendall(struct.pack("!H", len(packet)) + packet)
        return code(link.recv(4096)[2:])


def strike(what):
    kind, _, target = what.partition(" ")
    try:
        return {
            "call": call, "sql": sql, "name": name, "datagram": datagram, "tunnel": tunnel, "stream": stream,
        }[kind](target)  # fmt: skip
    except OSError as error:
        return f"{type(error).__name__} {error}"


def hold():
    if not held:
        held.append(http.client.HTTPConnection(*place(os.environ["BACK_URL"].removeprefix("http://")), timeout=20))
    held[0].request("GET", "/")
    held[0].getresponse().read()
    return str(held[0].sock.getsockname()[1])


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, asked = self.path.partition("?")
        said = WORD
        if path == "/stolen":
            seen.append(path)
        if path == "/seen":
            said = str(len(seen))
        if path == "/strike":
            said = f"{WORD}\n{strike(urllib.parse.unquote(asked))}"
        if path == "/held":
            said = hold()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said.encode())))
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *_):
        pass


if __name__ == "__main__" and sys.argv[1:]:
    print(strike(sys.argv[1]))
elif __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for each in filter(None, os.environ.get("STRIKES", "").split(",")):
        print(f"{each}: {strike(each)}", flush=True)
    http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answers).serve_forever()
