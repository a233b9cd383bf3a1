"""How the core reaches the world for others: directly, or by the proxy that the machine itself sits behind.

The others are builds, for their packages, and releases, for their outside names.
"""

import asyncio
import base64
import os
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from twinstage.inside.forward import Side
from twinstage.inside.indexes import is_own

PATIENCE = 20.0
"""Seconds to find and reach a host."""


class Unreachable(Exception):
    """The message names host and cause."""


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """``own``: hosts that may be addresses of this machine because an index is configured there.

    ``mine``: which addresses are refused to all others; ``here``: hosts that may stand at an address of this machine all the
    same, its loopback excepted.
    """

    proxy: SplitResult | None
    direct: tuple[str, ...]
    own: frozenset[str]
    patience: float = PATIENCE
    mine: Callable[[str], bool] = is_own
    here: frozenset[str] = frozenset()

    @staticmethod
    def of(
        environment: Mapping[str, str],
        own: Iterable[str] = (),
        patience: float = PATIENCE,
        mine: Callable[[str], bool] = is_own,
        here: Iterable[str] = (),
    ) -> "Upstream":
        """As HTTPS_PROXY and NO_PROXY say, in either case. ValueError for a proxy that is no HTTP proxy's URL."""
        url = environment.get("https_proxy") or environment.get("HTTPS_PROXY") or ""
        proxy = urlsplit(url if "//" in url else f"http://{url}") if url else None
        if proxy and (proxy.scheme not in ("http", "https") or not proxy.hostname):
            raise ValueError("HTTPS_PROXY is not the URL of an HTTP proxy (http://host:port)")
        without = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
        direct = tuple(name.strip().lower() for name in without.split(",") if name.strip())
        local = frozenset(host for host in own if is_own(host))
        return Upstream(proxy=proxy, direct=direct, own=local, patience=patience, mine=mine, here=frozenset(here))

    @property
    def shown(self) -> str:
        """For the log, without the proxy's password."""
        return f" by way of {self.proxy.hostname}:{_port(self.proxy)}" if self.proxy else ""

    async def connect(self, host: str, port: int) -> Side:
        """A connection to ``host:port``. Raises Unreachable."""
        try:
            async with asyncio.timeout(self.patience):
                if self.proxy and not self._goes_direct(host, port):
                    return await _by(self.proxy, host, port)
                return await self._directly(host, port)
        except TimeoutError:
            raise Unreachable(f"cannot reach {host}:{port}: no answer within {self.patience:g} s") from None
        except (OSError, UnicodeError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as trouble:
            raise Unreachable(f"cannot reach {host}:{port}{self.shown}: {_words(trouble)}") from trouble

    def _goes_direct(self, host: str, port: int) -> bool:
        """An index on this machine never goes by the proxy: there its address means another machine."""
        if host in self.own:
            return True
        for name in self.direct:
            bare = name.removeprefix("*").removeprefix(".")
            if name == "*" or host == bare or f"{host}:{port}" == bare or (bare and host.endswith(f".{bare}")):
                return True
        return False

    async def _directly(self, host: str, port: int) -> Side:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        # The address that was judged is the one that is used: a second look-up could answer otherwise.
        fit = [address for address in addresses if host in self.own or not self._refused(host, address)]
        if not fit:
            raise Unreachable(
                f"cannot reach {host}:{port}: its name leads to {', '.join(addresses)}, this machine itself"
            )
        for address in fit[:-1]:
            try:
                return await asyncio.wait_for(asyncio.open_connection(address, port), self.patience / 3)
            except (TimeoutError, OSError):
                continue  # the next address; the last one's trouble is what is reported
        return await asyncio.open_connection(fit[-1], port)

    def _refused(self, host: str, address: str) -> bool:
        return is_own(address) or (host not in self.here and self.mine(address))


def _words(trouble: Exception) -> str:
    """Without numbers: asyncio writes its own sentence over the kernel's, and a look-up's numbers are negative."""
    if isinstance(trouble, OSError) and trouble.errno:
        return os.strerror(trouble.errno) if trouble.errno > 0 else str(trouble.strerror)
    return str(trouble)


async def _by(proxy: SplitResult, host: str, port: int) -> Side:
    context = ssl.create_default_context() if proxy.scheme == "https" else None
    reader, writer = await asyncio.open_connection(proxy.hostname, _port(proxy), ssl=context)
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    head = [f"CONNECT {name} HTTP/1.1", f"Host: {name}"]
    if proxy.username:
        secret = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        head.append(f"Proxy-Authorization: Basic {base64.b64encode(secret).decode()}")
    try:
        writer.write("\r\n".join([*head, "", ""]).encode("latin-1"))
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[0]
        if answer.split(" ")[1:2] != ["200"]:
            raise Unreachable(
                f"cannot reach {name} by way of {proxy.hostname}:{_port(proxy)}: it says {answer[:100]!r}"
            )
    except BaseException:
        writer.close()
        raise
    return reader, writer


def _port(proxy: SplitResult) -> int:
    return proxy.port or (443 if proxy.scheme == "https" else 80)
