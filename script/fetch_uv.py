"""Fetches the `uv` that uv.lock names, with the standard library alone: fetch_uv.py LOCK DIRECTORY.

A bare Debian's Python has neither pip nor ensurepip. The wheel comes from the machine's own sources, in the order in which
pip would look: find-links directories, the configured index, else the address in the lock file; whatever the source, its
hash must be the lock's. Prints the path of the program. Exit status 1 with one sentence when it cannot.
"""

import base64
import hashlib
import html.parser
import io
import json
import os
import platform
import re
import ssl
import sys
import tempfile
import tomllib
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from twinstage.inside.indexes import PUBLIC_INDEX, authorities, default_index, find_links

PATIENCE = 30
"""Seconds without a byte."""

Wheel = dict[str, str]
"""Of the lock file: url, hash."""


class Trouble(Exception):
    """One sentence for whoever reads the terminal."""


def wheels(lock: Path) -> tuple[str, list[Wheel]]:
    """uv's version and wheels in the lock file."""
    packages = tomllib.loads(lock.read_text())["package"]
    found = next(package for package in packages if package["name"] == "uv")
    return found["version"], found["wheels"]


def name_of(url: str) -> str:
    return urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2])


def fitting(offered: list[Wheel], machine: str, glibc: tuple[int, int] | None) -> list[Wheel]:
    """Wheels for this machine, best first: the newest manylinux that its C library carries, or musllinux without glibc."""
    ranked = []
    for wheel in offered:
        for tag in name_of(wheel["url"]).removesuffix(".whl").split("-")[-1].split("."):
            kind = re.fullmatch(rf"(many|musl)linux_(\d+)_(\d+)_{re.escape(machine)}", tag)
            if not kind:
                continue
            needs = (int(kind[2]), int(kind[3]))
            if (kind[1] == "many" and glibc and needs <= glibc) or (kind[1] == "musl" and not glibc):
                ranked.append((needs, wheel["url"], wheel))
    return [wheel for _, _, wheel in sorted(ranked, key=lambda one: one[:2], reverse=True)]


class Links(html.parser.HTMLParser):
    """Addresses on an index's page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def links(page: bytes, kind: str) -> list[str]:
    """Addresses of files on a page of the simple API, in JSON or in HTML."""
    if "json" in kind:
        return [file["url"] for file in json.loads(page)["files"]]
    reader = Links()
    reader.feed(page.decode("utf-8", "replace"))
    return reader.found


def context() -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=authorities(os.environ))
    if not made.get_ca_certs() and not any(Path("/etc/ssl/certs").glob("*")):
        # git and Python alone bring no certificates. What is fetched is checked against the lock's hash, so a stranger in
        # between could only make it fail; and no password is ever sent this way (see `get`).
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def get(url: str, accept: str = "*/*") -> tuple[bytes, str, str]:
    """Content, its type, and the address it came from at last."""
    parts = urllib.parse.urlsplit(url)
    headers = {"Accept": accept, "User-Agent": "twinstage-setup"}
    secure = context()
    if parts.username is not None:
        if secure.verify_mode is ssl.CERT_NONE:
            raise Trouble("this machine has no certificates, and the index wants a password: install ca-certificates")
        secret = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
        url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=secure))
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the operator's own index, or the lock's
    with opener.open(request, timeout=PATIENCE) as answer:
        return answer.read(), answer.headers.get("Content-Type", ""), answer.url


def from_directories(wanted: list[Wheel]) -> bytes | None:
    for place in find_links(os.environ):
        for wheel in wanted:
            file = Path(place.removeprefix("file://")) / name_of(wheel["url"])
            if file.is_file() and right(file.read_bytes(), wheel):
                return file.read_bytes()
    return None


def from_index(index: str, wanted: list[Wheel]) -> tuple[bytes, Wheel]:
    accept = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
    page, kind, at = get(f"{index.rstrip('/')}/uv/", accept)
    offered = {name_of(link): urllib.parse.urljoin(at, link) for link in links(page, kind)}
    for wheel in wanted:
        if link := offered.get(name_of(wheel["url"])):
            secret = urllib.parse.urlsplit(index)
            there = urllib.parse.urlsplit(link)
            if secret.username is not None and there.hostname == secret.hostname and "@" not in there.netloc:
                link = there._replace(netloc=f"{secret.netloc.rpartition('@')[0]}@{there.netloc}").geturl()
            return get(urllib.parse.urldefrag(link).url)[0], wheel
    raise Trouble(f"{shown(index)} does not offer {name_of(wanted[0]['url'])}, which uv.lock names")


def right(content: bytes, wheel: Wheel) -> bool:
    return "sha256:" + hashlib.sha256(content).hexdigest() == wheel["hash"]


def shown(url: str) -> str:
    """Without its password."""
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def fetch(wanted: list[Wheel]) -> bytes:
    if content := from_directories(wanted):
        return content
    if os.environ.get("PIP_NO_INDEX"):
        raise Trouble(
            f"cannot find {name_of(wanted[0]['url'])} in PIP_FIND_LINKS, and PIP_NO_INDEX says to look no further"
        )
    index = default_index(os.environ)
    wheel = wanted[0]
    public = urllib.parse.urlsplit(index).hostname == urllib.parse.urlsplit(PUBLIC_INDEX).hostname
    try:
        if public:
            content = get(wheel["url"])[0]
        else:
            content, wheel = from_index(index, wanted)
    except (OSError, ValueError) as trouble:
        # URLError wraps the cause that a person can do something about.
        cause = getattr(trouble, "reason", None) or trouble
        raise Trouble(
            f"cannot fetch uv from {shown(wheel['url'] if public else index)}: {cause}. It takes the network once;"
            " behind a mirror set PIP_INDEX_URL, without a network PIP_FIND_LINKS to a directory with the wheels"
        ) from trouble
    if not right(content, wheel):
        raise Trouble(f"cannot use the uv from {shown(index)}: it is not the file that uv.lock names ({wheel['hash']})")
    return content


def install(content: bytes, program: Path) -> None:
    """The one program out of the wheel, whole or not at all."""
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        member = next(name for name in wheel.namelist() if name.endswith(".data/scripts/uv"))
        program.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=program.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(wheel.read(member))
    Path(aside).chmod(0o755)
    Path(aside).replace(program)


def main() -> int:
    lock, directory = Path(sys.argv[1]), Path(sys.argv[2])
    version, offered = wheels(lock)
    program = directory / f"uv-{version}" / "uv"
    try:
        if not program.exists():
            family, number = platform.libc_ver()
            glibc = tuple(map(int, number.split(".")[:2])) if family == "glibc" else None
            wanted = fitting(offered, platform.machine(), glibc)  # type: ignore[arg-type]
            if not wanted:
                raise Trouble(
                    f"uv.lock names no uv for this machine ({platform.machine()}, {family or 'musl'} {number})"
                )
            install(fetch(wanted), program)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    print(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
