"""A caller that tries very much at a steady pace, whatever comes of it, and tells in one line of JSON what came.

``flood.py tcp|dns|names|udp RATE SECONDS PLACES``: so many attempts a second, in turn at so many different places. ``names`` asks
again for what it got no answer to, as resolvers do.
``asked``: attempts made; ``answered``: those that met an end of their own; ``late``: those without one after two seconds.

``flood.py calls SECONDS ADDRESS PORT``: what a neighbour does meanwhile, one allowed call after another on connections of
their own. ``calls``, ``errors``, and ``p50`` and ``p99`` of them in milliseconds.
"""

import json
import selectors
import socket
import struct
import sys
import time

PATIENCE = 2.0
AT_ONCE = 4000
AGAIN = 0.5


def name(number):
    return f"h{number}.example.com"


def place(number):
    """Never an address that means something on a machine."""
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def question(number, id):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name(number).split("."))
    return struct.pack("!HHHHHH", id, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


class Flood:
    def __init__(self, way, rate, seconds, places):
        self.way, self.rate, self.seconds, self.places = way, rate, seconds, places
        self.told = {"asked": 0, "answered": 0, "late": 0, "worst": 0.0}
        self.open = {}
        self.again = 0.0
        self.selector = selectors.DefaultSelector()
        self.link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.link.setblocking(False)
        self.asks = way in ("dns", "names")
        if self.asks:
            self.link.connect(("10.64.0.1", 53))
            self.selector.register(self.link, selectors.EVENT_READ)

    def run(self):
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < self.seconds or (self.open and passed < self.seconds + PATIENCE):
            due = min(int(min(passed, self.seconds) * self.rate), int(self.rate * self.seconds))
            for number in range(self.told["asked"], min(due, self.told["asked"] + 200)):
                if len(self.open) < AT_ONCE:
                    self.ask(number % self.places)
            self.hear()
        self.told["late"] += len(self.open)
        print(json.dumps(self.told), flush=True)

    def ask(self, number):
        self.told["asked"] += 1
        if self.way == "udp":
            self.link.sendto(b"anybody?", (place(number), 4433))
        elif self.asks:
            id = self.told["asked"] & 65535
            self.open[id] = time.monotonic()
            self.send(question(number, id))
        else:
            link = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            link.setblocking(False)
            link.connect_ex((place(number), 443))
            self.open[link] = time.monotonic()
            self.selector.register(link, selectors.EVENT_READ)

    def send(self, packet):
        try:
            self.link.send(packet)
        except BlockingIOError:
            return

    def hear(self):
        if self.way == "names" and time.monotonic() - self.again > AGAIN:
            self.again = time.monotonic()
            for id in self.open:
                self.send(question((id - 1) % self.places, id))
        for key, _ in self.selector.select(0.002):
            if key.fileobj is self.link:
                self.answers()
            else:
                self.over(key.fileobj)
        now = time.monotonic()
        for link, asked in list(self.open.items())[:50]:
            if now - asked < PATIENCE:
                break
            self.told["late"] += 1
            del self.open[link]
            if self.way == "tcp":
                self.selector.unregister(link)
                link.close()

    def answers(self):
        try:
            while True:
                (number,) = struct.unpack_from("!H", self.link.recv(512))
                self.ended(self.open.pop(number, None))
        except BlockingIOError:
            return

    def over(self, link):
        self.ended(self.open.pop(link))
        self.selector.unregister(link)
        link.close()

    def ended(self, asked):
        if asked is not None:
            self.told["answered"] += 1
            self.told["worst"] = max(self.told["worst"], round(time.monotonic() - asked, 3))


def calls(seconds, address, port):
    took, errors, end = [], 0, time.monotonic() + seconds
    while (begun := time.monotonic()) < end:
        try:
            with socket.create_connection((address, port), 20) as link:
                link.sendall(b"hello\n")
                link.shutdown(socket.SHUT_WR)
                errors += not link.makefile("rb").read()
        except OSError:
            errors += 1
        took.append((time.monotonic() - begun) * 1000)
        time.sleep(0.002)
    took.sort()
    told = {"p50": round(took[len(took) // 2], 2), "p99": round(took[len(took) * 99 // 100], 2)}
    print(json.dumps({"calls": len(took), "errors": errors, **told}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "calls":
        calls(float(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
        sys.exit()
    Flood(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])).run()
