"""Listens on every ``KIND:ADDRESS:PORT`` it is given and answers all that it hears with whom it heard: ``here PEER``."""

import socketserver
import sys
import threading


class Stream(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(4096)
        self.request.sendall(f"here {self.client_address[0]}".encode())


class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(f"here {self.client_address[0]}".encode(), self.client_address)


class Streams(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


class Datagrams(socketserver.ThreadingUDPServer):
    allow_reuse_address = daemon_threads = True


for word in sys.argv[1:]:
    kind, address, port = word.split(":")
    made = Streams((address, int(port)), Stream) if kind == "tcp" else Datagrams((address, int(port)), Datagram)
    threading.Thread(target=made.serve_forever).start()
print("serving", flush=True)
