"""The provider of rates, for whoever has none: a TLS server that knows two hosts, `api.rates.example` and its sandbox.

    python provider.py quotes/provider.pem [--port 8443]

Writes its certificate to the given file, which the service checks it by, and serves until it is interrupted. It belongs to no
ecosystem: run it where the two names lead to, by DNS or by /etc/hosts. Needs the package `cryptography`.
"""

import argparse
import http.server
import json
import ssl
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOSTS = ("api.rates.example", "sandbox.rates.example")
RATES = {"api.rates.example": 1.08, "sandbox.rates.example": 1.25}


class Rates(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """The rate, and by which of its names it was called."""
        host = self.headers.get("host", "").partition(":")[0]
        self.send_response(200 if host in RATES else 421)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"rate": RATES.get(host), "by": host}).encode())


def certificate(hosts: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
    """For these names, signed by itself; and its key. Both PEM."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    kept = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), kept


def server(pem: Path, port: int) -> http.server.ThreadingHTTPServer:
    """Listening at every address of the machine; what it is checked by is in ``pem`` then."""
    public, key = certificate(HOSTS, datetime.now(UTC))
    pem.write_bytes(public)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as both:  # mode 0600, gone at once: a context takes a key from a file alone
        both.write(public + key)
        both.flush()
        context.load_cert_chain(both.name)
    listening = http.server.ThreadingHTTPServer(("0.0.0.0", port), Rates)  # noqa: S104 - others call it
    # The handshake is the thread's of the connection: one that stalls holds up nobody else.
    listening.socket = context.wrap_socket(listening.socket, server_side=True, do_handshake_on_connect=False)
    return listening


def main() -> None:
    parser = argparse.ArgumentParser(description="A provider of exchange rates, in TLS.")
    parser.add_argument("pem", type=Path, help="the file that its certificate is written to")
    parser.add_argument("--port", type=int, default=8443)
    told = parser.parse_args()
    listening = server(told.pem, told.port)
    print(f"rates at port {told.port}, for {' and '.join(HOSTS)}; checked by {told.pem}", flush=True)
    try:
        listening.serve_forever()
    except KeyboardInterrupt:
        listening.server_close()


if __name__ == "__main__":
    main()
