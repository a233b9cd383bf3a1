"""Which hosts packages come from on this machine: what a build may reach, and nothing else.

An entry is written ``host`` (port 443), ``host:port``, or ``http://host[:port]`` for an index without TLS (port 80).
"""

import configparser
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

PUBLIC_INDEX = "https://pypi.org/simple"
PUBLIC_FILES = "files.pythonhosted.org"

SYSTEM = Path("/etc/pip.conf")

_REPLACING = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
"""With one of these set the public index is asked for nothing."""

_ADDING = ("UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL")


@dataclass(frozen=True, kw_only=True, order=True)
class Entry:
    """One allowed host and port; ``plain``: also by requests in clear."""

    host: str
    port: int
    plain: bool = False

    @staticmethod
    def parse(text: str) -> "Entry":
        """Raises ValueError when ``text`` is no entry."""
        plain = text.startswith("http://")
        parts = urlsplit(text if plain else f"https://{text.removeprefix('https://')}")
        if not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(f"{text!r} is no host, host:port or http://host:port")
        return Entry(host=_host(parts), port=parts.port or (80 if plain else 443), plain=plain)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.plain:
            return f"http://{host}" if self.port == 80 else f"http://{host}:{self.port}"
        return host if self.port == 443 else f"{host}:{self.port}"


def allowed_hosts(
    environment: Mapping[str, str],
    lock_texts: Iterable[str] = (),
    system: Path = SYSTEM,
) -> list[str]:
    """Entries for ``--allow``, sorted: configured indexes, hosts of the lock files' URLs, the public index's files.

    ``environment`` is the one Twinstage was started in; pip's configuration files are found by its HOME. Index URLs
    that cannot be read are left out: whoever uses them gets the refusal that names the host.
    """
    settings = pip_settings(environment, system)
    replacing = [environment[name] for name in _REPLACING if environment.get(name)]
    replacing += [settings["index-url"]] if settings.get("index-url") else []
    adding = [environment[name] for name in _ADDING if environment.get(name)]
    adding += [settings["extra-index-url"]] if settings.get("extra-index-url") else []
    urls = [url for text in (*replacing, *adding) for url in text.split()]
    if not replacing:
        urls.append(PUBLIC_INDEX)
    entries = {entry for url in urls if (entry := _entry(url))}
    for text in lock_texts:
        found = (_entry(url) for url in re.findall(r"\bhttps://[^\s\"'<>]+", text))
        # A lock file comes with a commit: it may not open this machine's own services.
        entries |= {entry for entry in found if entry and not is_own(entry.host)}
    # uv installs from a lock file's own URLs, and those of the public index name this host.
    return sorted({PUBLIC_FILES, *map(str, entries)})


def default_index(environment: Mapping[str, str], system: Path = SYSTEM) -> str:
    """The URL of the one index that stands for the public one on this machine, or the public one's."""
    told = [environment[name] for name in _REPLACING if environment.get(name)]
    return (told or [pip_settings(environment, system).get("index-url") or PUBLIC_INDEX])[0]


def find_links(environment: Mapping[str, str], system: Path = SYSTEM) -> list[str]:
    """Directories and URLs where wheels lie ready, as configured for uv and for pip."""
    told = environment.get("UV_FIND_LINKS", "").replace(",", " ")
    told += " " + (environment.get("PIP_FIND_LINKS") or pip_settings(environment, system).get("find-links", ""))
    return list(dict.fromkeys(told.split()))


def authorities(environment: Mapping[str, str], system: Path = SYSTEM) -> str | None:
    """The file of certificate authorities that was configured for Python, pip or requests, if one was and is there."""
    told = [environment.get(name) for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")]
    told.append(pip_settings(environment, system).get("cert"))
    return next((file for file in told if file and Path(file).is_file()), None)


def is_own(host: str) -> bool:
    """Loopback, link-local (a cloud's metadata) and their like; a name counts only when it is localhost."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_link_local or mapped.is_unspecified or mapped.is_multicast)


def pip_settings(environment: Mapping[str, str], system: Path = SYSTEM) -> dict[str, str]:
    """Names and values of [global] and [install] of pip's files, later ones over earlier ones, as pip reads them."""
    return dict(_settings(environment, system))


def _settings(environment: Mapping[str, str], system: Path) -> Iterator[tuple[str, str]]:
    files = [system]
    if home := environment.get("HOME"):
        config = environment.get("XDG_CONFIG_HOME") or f"{home}/.config"
        files += [Path(home, ".pip/pip.conf"), Path(config, "pip/pip.conf")]
    if named := environment.get("PIP_CONFIG_FILE"):
        files = [Path(named)] if named != "/dev/null" else []
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue  # pip itself will say what is wrong with it
        for section in ("global", "install"):
            if parser.has_section(section):
                yield from ((name.replace("_", "-"), value) for name, value in parser.items(section))


def _entry(url: str) -> Entry | None:
    # uv's UV_INDEX names its indexes: internal=https://...
    _, scheme, rest = url.rpartition("http://") if "http://" in url else url.rpartition("https://")
    try:
        parts = urlsplit(scheme + rest)
        if not parts.hostname:
            return None
        plain = parts.scheme == "http"
        return Entry(host=_host(parts), port=parts.port or (80 if plain else 443), plain=plain)
    except ValueError:
        return None


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").lower().rstrip(".")
