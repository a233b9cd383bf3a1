"""Bounded traffic against production, and what became of every request.

It sends to 127.0.0.1 alone, at a fixed rate, with a fixed number of requests under way at most, and stops by itself
after ``longest`` seconds. A request that found no free place is counted apart: that is this machine being busy, not
production failing.
"""

import itertools
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import httpx

TIMEOUT = 10.0
"""Seconds a customer waits; what takes longer has failed."""

Json = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One kind of request to one service."""

    service: str
    port: int
    """The service's production frontend, on 127.0.0.1."""
    path: str
    body: Json | None = None
    """Sent as JSON by POST; None: a GET."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What became of one request."""

    service: str
    at: float
    """When it was sent: seconds on the load's clock."""
    seconds: float
    outcome: str
    """The status, or what kept an answer from coming: ``200``, ``500``, ``ConnectError``."""
    detail: str = ""
    path: str = ""

    @property
    def failed(self) -> bool:
        return not self.outcome.startswith("2")


@dataclass(frozen=True, kw_only=True)
class Tally:
    """A stretch of traffic, summed up."""

    requests: int
    failed: int
    p99: float
    """Seconds; 0 where there was no request."""
    failures: Sequence[Sample]
    skipped: int
    """Not sent, because too many were under way."""


def tally(samples: Sequence[Sample], skipped: int = 0) -> Tally:
    failures = [sample for sample in samples if sample.failed]
    slowest_last = sorted(sample.seconds for sample in samples)
    return Tally(
        requests=len(samples),
        failed=len(failures),
        p99=slowest_last[int(len(slowest_last) * 0.99)] if slowest_last else 0.0,
        failures=failures,
        skipped=skipped,
    )


class Load:
    """Sends the calls in turn, ``rate`` a second. Use it as a context; ``mark`` and ``since`` cut it into stretches."""

    def __init__(
        self,
        calls: Sequence[Call],
        *,
        rate: float,
        at_once: int = 16,
        longest: float = 1200.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calls = itertools.cycle(calls)
        self._rate, self._longest, self._clock = rate, longest, clock
        self._places = threading.BoundedSemaphore(at_once)
        self._senders = ThreadPoolExecutor(at_once, thread_name_prefix="load")
        limits = httpx.Limits(max_connections=at_once * 4, max_keepalive_connections=at_once * 4)
        self._http = httpx.Client(timeout=TIMEOUT, limits=limits, trust_env=False)
        self._lock = threading.Lock()
        self._samples: list[Sample] = []
        self._skipped = 0
        self._stop = threading.Event()
        self._pacer = threading.Thread(target=self._pace, name="load pacer", daemon=True)

    def __enter__(self) -> "Load":
        self._pacer.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Send no more and wait for what is under way. May be called twice."""
        self._stop.set()
        self._pacer.join()
        self._senders.shutdown()
        self._http.close()

    def mark(self) -> float:
        """This moment, to count from."""
        return self._clock()

    def since(
        self, start: float, *, until: float | None = None, service: str | None = None, paths: Collection[str] = ()
    ) -> Tally:
        """The requests sent since ``start`` (and before ``until``) that have ended.

        All of them, or those to one service, or to some paths.
        """
        end = self._clock() if until is None else until
        with self._lock:
            chosen = [
                s
                for s in self._samples
                if start <= s.at < end and service in (None, s.service) and (not paths or s.path in paths)
            ]
            return tally(chosen, self._skipped)

    def _pace(self) -> None:
        begun = self._clock()
        for number in itertools.count():
            due = begun + number / self._rate
            # A pacer that was kept waiting does not catch up in a burst: it would measure its own burst.
            if self._stop.wait(max(0.0, due - self._clock())) or due - begun > self._longest:
                return
            if self._clock() - due > 1.0:
                begun += self._clock() - due
            self._send_if_free(next(self._calls))

    def _send_if_free(self, call: Call) -> None:
        if not self._places.acquire(blocking=False):
            with self._lock:
                self._skipped += 1
            return
        self._senders.submit(self._send, call)

    def _send(self, call: Call) -> None:
        try:
            sample = self._sent(call)
            with self._lock:
                self._samples.append(sample)
        finally:
            self._places.release()

    def _sent(self, call: Call) -> Sample:
        start = self._clock()
        try:
            method = "GET" if call.body is None else "POST"
            reply = self._http.request(method, call.url, json=call.body)
            outcome, detail = str(reply.status_code), "" if reply.is_success else reply.text[:300]
        except httpx.HTTPError as trouble:
            outcome, detail = type(trouble).__name__, str(trouble)
        return Sample(
            service=call.service,
            at=start,
            seconds=self._clock() - start,
            outcome=outcome,
            detail=f"{call.path}: {detail}" if detail else "",
            path=call.path,
        )
