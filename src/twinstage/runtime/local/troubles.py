"""What is wrong with the parts of this machine's places: programs, networks, proxies, sweepers, doors."""

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping

from twinstage.model.finding import Finding
from twinstage.model.names import Ecosystem, Place
from twinstage.runtime.local.envoy.admin import Admin, ProxyUnavailable
from twinstage.runtime.local.holdings import Sweeper, running
from twinstage.runtime.local.ledger import Ports
from twinstage.runtime.local.place import STATIC, PlaceDesk
from twinstage.runtime.local.supervisor.client import ProcessSeen
from twinstage.runtime.runtime import Unavailable

_AGAIN = "`twinstage down` and `twinstage up` make it anew; the state stays"
_PATIENCE = 0.3


def programs(desk: PlaceDesk) -> Iterator[Finding]:
    """Those that do not run though they should, and those that nobody knows."""
    try:
        processes = desk.supervisor.processes()
    except Unavailable as trouble:
        yield Finding(about=f"the supervisor of {desk.place}", what=f"does not answer: {trouble}", advice=_AGAIN)
        return
    for name in sorted(STATIC - _elsewhere(desk) - set(processes)):
        what = f"is not there: {desk.place} was made by an older Twinstage"
        yield Finding(about=f"the {name} of {desk.place}", what=what, advice=_AGAIN)
    wanted = running(desk)
    for name, seen in sorted(processes.items()):
        yield from _program(desk, name, seen, wanted=name in wanted)


def _elsewhere(desk: PlaceDesk) -> set[str]:
    """The workshop has neither network nor proxy, no secret ever goes there, and nobody is let in."""
    return {"sentinel", "discovery", "lockbox", "proxy", "doorman"} if desk.place is Place.WORKSHOP else set()


def _program(desk: PlaceDesk, name: str, seen: ProcessSeen, *, wanted: bool) -> Iterator[Finding]:
    about = f"the program {name} of {desk.place}"
    if seen.state == "FATAL" and not name.startswith("job."):
        what = f"does not stay up (exit status {seen.exit_status}): {seen.error or desk.last_line(name) or 'it says nothing'}"
        yield Finding(about=about, what=what, advice=f"its log is {desk.log_of_instance(name).name}; it is tried again")
    if not wanted and seen.state in ("RUNNING", "STARTING", "BACKOFF"):
        advice = "it is stopped at the next look; if it stays, see controller.log of the core"
        yield Finding(about=about, what="runs, and nobody wants it", advice=advice)


def networks(desk: PlaceDesk) -> Iterator[Finding]:
    if desk.sentinel is None:
        return
    about = f"the sentinel of {desk.place}"
    try:
        told = desk.sentinel.ask(op="status")
    except Unavailable as trouble:
        advice = f"calls are closed all the same, only not told of; see sentinel.log of {desk.place}"
        yield Finding(about=about, what=f"does not answer: {trouble}", advice=advice)
        return
    if told.get("trouble"):
        yield Finding(about=about, what=f"cannot make the networks: {told['trouble']}", advice="see sentinel.log")
    failed: Mapping[str, str] = told.get("failed", {})
    for wire, words in sorted(failed.items()):
        yield Finding(
            about=f"the network of {wire} in {desk.place}", what=words, advice="it is tried again at each change"
        )


def proxies(ecosystem: Ecosystem, admin: Admin) -> Iterator[Finding]:
    about = f"the proxy of {ecosystem}"
    try:
        refused = admin.figures().versions.refused
    except ProxyUnavailable as trouble:
        yield Finding(
            about=about, what=f"does not answer: {trouble}", advice="it is started again by itself; see proxy.log"
        )
        return
    for what, times in sorted(refused.items()):
        advice = f"what came before stays in force; proxy.log of {ecosystem} has the cause"
        yield Finding(about=about, what=f"has refused {what} {times} times since it started", advice=advice)


def sweepers(place: Place, sweeper: Sweeper) -> Iterator[Finding]:
    try:
        sweeper.measure()
    except Unavailable as trouble:
        advice = f"nothing of {place} is collected until it does; {_AGAIN}"
        yield Finding(about=f"the sweeper of {place}", what=f"does not answer: {trouble}", advice=advice)


def doors(ports: Ports, bound: Callable[[int], bool] | None = None) -> Iterator[Finding]:
    """Frontends that nobody listens on at the machine's own address."""
    ask = bound or _bound
    shut = [
        f"{service} ({ecosystem}, {both[ecosystem][0]})"
        for service, both in sorted(ports.services.items())
        for ecosystem in Ecosystem
        if not ask(both[ecosystem][0])
    ]
    if shut:
        what = f"nothing listens at the frontends of {', '.join(shut[:5])}" + (
            f" and {len(shut) - 5} more" if shut[5:] else ""
        )
        advice = "is another program at these ports? See edge.log of the core; services reach each other all the same"
        yield Finding(about="the edge", what=what, advice=advice)


def _bound(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE):
            return True
    except OSError:
        return False


def core(processes: Iterable[ProcessSeen]) -> Iterator[Finding]:
    """Of the core's supervisor: the sandboxes themselves, the edge, the package proxy and the controller."""
    for seen in sorted(processes, key=lambda seen: seen.name):
        if seen.state not in ("RUNNING", "STARTING"):
            what = f"is {seen.state.lower()}: {seen.error or f'exit status {seen.exit_status}'}"
            advice = f"`twinstage up` starts what is missing; see {seen.name}.log of the core"
            yield Finding(about=f"{seen.name} of the core", what=what, advice=advice)
