"""One instance or job as it stands in its sandbox: environment, mounts and the few files it sees of us. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import twinstage.inside.forward
from twinstage.model.bounds import Bounds
from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, Place, ServiceName
from twinstage.model.workload import Workload
from twinstage.runtime.local.gives import NICE
from twinstage.runtime.local.layout import DESIRED, STATE, place_of
from twinstage.runtime.local.ledger import Ports
from twinstage.runtime.local.network import addresses
from twinstage.runtime.local.sandbox import arguments, scripts, toolchain
from twinstage.runtime.local.sandbox.toolchain import Bind
from twinstage.runtime.local.settings import Settings

HOST = "127.0.0.1"
WORK = "/work"
CACHE = "/cache"
_ETC = ("hosts", "resolv.conf", "nsswitch.conf", "passwd", "group")
"""Its own files that programs look for in /etc. Links, since each mount takes as long as a process's start."""
_FORWARD_PORT = 3128
_FORWARD_SOCKET = "/packages/proxy.sock"
_PEOPLE = "app:x:1000:1000:app:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"
_GROUP = "app:x:1000:\nnogroup:x:65534:\n"


@dataclass(frozen=True, kw_only=True)
class Stand:
    """``files``: name -> text, in a directory of its own; ``arguments``: bubblewrap's; ``wired``: has a network."""

    files: Mapping[str, str]
    arguments: Sequence[str]
    wired: bool
    cache: str | None = field(default=None)
    """A directory that must exist in the place before it starts."""
    limits: str = ""
    """What its first process takes upon itself: lines that begin its `init`, whichever that is."""


SOONER = {Place.PRODUCTION: 300, Place.STAGING: 600, Place.WORKSHOP: 800}
"""Where memory runs out, the kernel takes one of these, the highest first, and none of our own processes."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What it may take. ``data``: each process's own memory is bounded, as no control group bounds them together."""

    bounds: Bounds
    data: bool
    place: Place
    job: bool = False

    def limits(self) -> str:
        fsize = self.bounds.work if self.job else self.bounds.tmp
        adjust = SOONER[Place.WORKSHOP if self.job else self.place]
        return scripts.limits(self.bounds, data=self.data, adjust=adjust, fsize=fsize, nice=NICE[self.place])


def url_name(service: ServiceName) -> str:
    """``gift-cards`` is reached by GIFT_CARDS_URL."""
    return service.upper().replace("-", "_") + "_URL"


def urls(calls: Sequence[ServiceName], ecosystem: Ecosystem, ports: Ports) -> dict[str, str]:
    return {url_name(s): _url(s, ecosystem, ports) for s in calls if s in ports.services}


def _url(service: ServiceName, ecosystem: Ecosystem, ports: Ports) -> str:
    return f"http://{addresses.GATEWAY}:{ports.frontend(service, ecosystem)}"


def of_workload(
    workload: Workload, name: str, ports: Ports, settings: Settings, databases: Sequence[str] = ()
) -> Stand:
    """How every instance of this workload stands. ``name``: of their files; ``databases``: names of its databases' variables."""
    environment = {
        **urls(workload.calls, workload.key.ecosystem, ports),
        **workload.env,
        "HOST": HOST,
        "PORT": str(workload.listens or workload.backend),
        **common(workload.artifact.location),
    }
    artifact = workload.artifact.location
    binds = [*seen(name), Bind(source=artifact, target=artifact)]
    standing = Standing(bounds=workload.bounds, data=settings.gives.data, place=place_of(workload.key.ecosystem))
    made = stand(binds, environment, str(workload.key.service), artifact, workload.run, alone=False, standing=standing)
    return awaiting(made, (*workload.secrets, *databases))


def awaiting(made: Stand, names: Sequence[str]) -> Stand:
    """The same, with variables whose values are handed over: the launcher sees by the file of their names that it has to wait
    for them. No file of the disk holds a value."""
    return replace(made, files={**made.files, "secrets": "".join(f"{name}\n" for name in names)}) if names else made


def of_job(
    job: Job,
    name: str,
    ports: Ports,
    settings: Settings,
    databases: Mapping[str, str] | None = None,
    more: Sequence[Bind] = (),
) -> Stand:
    """How a job stands: a build where its artifact will be, everything else in a writable copy of the commit.

    ``databases``: the variables of a gate's own databases, which are no secret; ``more``: what else it sees of the place.
    """
    if job.kind is JobKind.BUILD:
        return _of_build(job, name, settings)
    artifact = job.artifact.location if job.artifact else None
    environment = {**job.env, **(databases or {}), **common(artifact)}
    if job.kind is JobKind.VERIFY:
        environment |= urls(job.calls, Ecosystem.STAGING, ports)
        environment["TWINSTAGE_URL"] = _url(job.service, Ecosystem.STAGING, ports)
        environment["TWINSTAGE_BAGGAGE"] = f"twinstage-lane={job.lane}"
    binds = [*seen(name), *more, Bind(source=f"{STATE}/jobs/{job.id}/work", target=WORK, writable=True)]
    if artifact:
        binds.append(Bind(source=artifact, target=artifact))
    wired = job.kind in (JobKind.VERIFY, JobKind.MIGRATE)
    return stand(
        binds, environment, str(job.service), WORK, job.command, alone=not wired, standing=of_a_job(job, settings)
    )


def _of_build(job: Job, name: str, settings: Settings) -> Stand:
    """The only job that fetches packages: through a forwarder of its own to the core's proxy, from allowed hosts alone."""
    if job.builds is None:
        raise ValueError(f"the build {job.id} does not say where it builds")
    proxy = f"http://{HOST}:{_FORWARD_PORT}"
    environment = {
        **job.env,
        **common(None),
        **settings.packages,
        **dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), proxy),
        "UV_CACHE_DIR": CACHE,
        "UV_LINK_MODE": "copy",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PYTHON": f"{toolchain.BIN}/python3",
        "UV_NO_PROGRESS": "1",
        "UV_COMPILE_BYTECODE": "1",  # a sealed release is read-only: what is not compiled now is compiled at every start
    }
    cache = f"/caches/{job.service}"
    binds = [
        *seen(name),
        Bind(source=job.builds, target=job.builds, writable=True),
        Bind(source=cache, target=CACHE, writable=True),
        Bind(source=_FORWARD_SOCKET, target=_FORWARD_SOCKET),
        *(replace(b, source=b.target) for b in settings.build_binds()),
    ]
    made = stand(
        binds,
        environment,
        str(job.service),
        job.builds,
        job.command or ":",
        alone=True,
        standing=of_a_job(job, settings),
    )
    forwarder = Path(twinstage.inside.forward.__file__).read_text()
    start = (
        f"{made.limits}exec {toolchain.BIN}/python3 {scripts.INSIDE}/forward.py {_FORWARD_SOCKET} {_FORWARD_PORT} "
        f'-- /bin/sh -c "$(cat {scripts.INSIDE}/run)"\n'
    )
    return replace(made, files={**made.files, "forward.py": forwarder, "init": start}, cache=cache)


def of_a_job(job: Job, settings: Settings) -> "Standing":
    """The limits that it has."""
    return Standing(bounds=job.bounds, data=settings.gives.data, place=job.place, job=True)


def common(artifact: str | None) -> dict[str, str]:
    """Variables that every program has, whatever its definition says."""
    return {"PATH": arguments.path_of(artifact), "HOME": "/tmp", "LANG": "C.UTF-8", "TZ": "UTC"}  # noqa: S108


def seen(name: str) -> list[Bind]:
    """The system, the tools and its own small files: all that an instance sees of the machine."""
    here = f"{DESIRED}/instances/{name}"
    system, _ = toolchain.system()
    tools = (replace(b, source=b.target) for b in toolchain.tools())
    return [*system, *tools, Bind(source=here, target=scripts.INSIDE)]


def stand(
    binds: Sequence[Bind],
    environment: Mapping[str, str],
    service: str,
    directory: str,
    command: str,
    *,
    alone: bool,
    standing: Standing | None = None,
) -> Stand:
    """The sandbox of a command, as bubblewrap is told of it, and its small files. ``standing`` None: a part of our own."""
    limits = standing.limits() if standing else ""
    bounds = standing.bounds if standing else Bounds()
    _, links = toolchain.system()
    files = {
        "run": command,
        "init": scripts.init(limits),
        **({"bounds": f"{bounds.memory} {bounds.processes}\n"} if standing else {}),
        "hosts": f"127.0.0.1 localhost\n127.0.0.1 {service}\n",
        "resolv.conf": "" if alone else f"nameserver {addresses.GATEWAY}\noptions timeout:2 attempts:1\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "passwd": _PEOPLE,
        "group": _GROUP,
    }
    options = arguments.inner(
        binds=binds,
        links=[*links, *toolchain.tool_links(), *((f"{scripts.INSIDE}/{file}", f"/etc/{file}") for file in _ETC)],
        environment=environment,
        hostname=service,
        directory=directory,
        alone=alone,
        tmp=bounds.tmp,
    )
    return Stand(files=files, arguments=options, wired=not alone, limits=limits)
