"""One instance or job as it stands in its sandbox: environment, mounts and the few files it sees of us. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import twinstage.inside.forward
from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.workload import Workload
from twinstage.runtime.local.layout import DESIRED, STATE
from twinstage.runtime.local.ledger import Ports
from twinstage.runtime.local.network import addresses
from twinstage.runtime.local.sandbox import arguments, scripts, toolchain
from twinstage.runtime.local.sandbox.toolchain import Bind
from twinstage.runtime.local.settings import Settings

HOST = "127.0.0.1"
WORK = "/work"
CACHE = "/cache"
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
    """A directory of the workshop that must exist before it starts."""


def url_name(service: ServiceName) -> str:
    """``gift-cards`` is reached by GIFT_CARDS_URL."""
    return service.upper().replace("-", "_") + "_URL"


def urls(calls: Sequence[ServiceName], ecosystem: Ecosystem, ports: Ports) -> dict[str, str]:
    return {url_name(s): _url(s, ecosystem, ports) for s in calls if s in ports.services}


def _url(service: ServiceName, ecosystem: Ecosystem, ports: Ports) -> str:
    return f"http://{addresses.GATEWAY}:{ports.frontend(service, ecosystem)}"


def of_workload(workload: Workload, name: str, ports: Ports) -> Stand:
    """How an instance of this workload stands. ``name``: its program's."""
    environment = {
        **urls(workload.calls, workload.key.ecosystem, ports),
        **workload.env,
        "HOST": HOST,
        "PORT": str(workload.listens or workload.backend),
        **_common(workload.artifact.location),
    }
    artifact = workload.artifact.location
    binds = [*_seen(name), Bind(source=artifact, target=artifact)]
    return _stand(binds, environment, str(workload.key.service), artifact, workload.run, alone=False)


def of_job(job: Job, name: str, ports: Ports, settings: Settings) -> Stand:
    """How a job stands: a build where its artifact will be, everything else in a writable copy of the commit."""
    if job.kind is JobKind.BUILD:
        return _of_build(job, name, settings)
    artifact = job.artifact.location if job.artifact else None
    environment = {**job.env, **_common(artifact)}
    if job.kind is JobKind.VERIFY:
        environment |= urls(job.calls, Ecosystem.STAGING, ports)
        environment["TWINSTAGE_URL"] = _url(job.service, Ecosystem.STAGING, ports)
        environment["TWINSTAGE_BAGGAGE"] = f"twinstage-lane={job.lane}"
    binds = [*_seen(name), Bind(source=f"{STATE}/jobs/{job.id}/work", target=WORK, writable=True)]
    if artifact:
        binds.append(Bind(source=artifact, target=artifact))
    return _stand(binds, environment, str(job.service), WORK, job.command, alone=job.kind is not JobKind.VERIFY)


def _of_build(job: Job, name: str, settings: Settings) -> Stand:
    """The only job that fetches packages: through a forwarder of its own to the core's proxy, from allowed hosts alone."""
    if job.builds is None:
        raise ValueError(f"the build {job.id} does not say where it builds")
    proxy = f"http://{HOST}:{_FORWARD_PORT}"
    environment = {
        **job.env,
        **_common(None),
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
        *_seen(name),
        Bind(source=job.builds, target=job.builds, writable=True),
        Bind(source=cache, target=CACHE, writable=True),
        Bind(source=_FORWARD_SOCKET, target=_FORWARD_SOCKET),
        *(replace(b, source=b.target) for b in settings.build_binds()),
    ]
    stand = _stand(binds, environment, str(job.service), job.builds, job.command or ":", alone=True)
    forwarder = Path(twinstage.inside.forward.__file__).read_text()
    start = (
        f"exec {toolchain.BIN}/python3 {scripts.INSIDE}/forward.py {_FORWARD_SOCKET} {_FORWARD_PORT} "
        f'-- /bin/sh -c "$(cat {scripts.INSIDE}/run)"\n'
    )
    return replace(stand, files={**stand.files, "forward.py": forwarder, "init": start}, cache=cache)


def _common(artifact: str | None) -> dict[str, str]:
    return {"PATH": arguments.path_of(artifact), "HOME": "/tmp", "LANG": "C.UTF-8", "TZ": "UTC"}  # noqa: S108


def _seen(name: str) -> list[Bind]:
    """The system, the tools and its own small files: all that an instance sees of the machine."""
    here = f"{DESIRED}/instances/{name}"
    system, _ = toolchain.system()
    binds = [
        *system,
        *(replace(b, source=b.target) for b in toolchain.tools()),
        Bind(source=here, target=scripts.INSIDE),
    ]
    for file in ("hosts", "resolv.conf", "nsswitch.conf", "passwd", "group"):
        binds.append(Bind(source=f"{here}/{file}", target=f"/etc/{file}"))
    return binds


def _stand(
    binds: Sequence[Bind], environment: Mapping[str, str], service: str, directory: str, command: str, *, alone: bool
) -> Stand:
    _, links = toolchain.system()
    files = {
        "run": command,
        "init": scripts.init(),
        "hosts": f"127.0.0.1 localhost\n127.0.0.1 {service}\n",
        "resolv.conf": "" if alone else f"nameserver {addresses.GATEWAY}\noptions timeout:2 attempts:1\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "passwd": _PEOPLE,
        "group": _GROUP,
    }
    options = arguments.inner(
        binds=binds,
        links=[*links, *toolchain.tool_links()],
        environment=environment,
        hostname=service,
        directory=directory,
        alone=alone,
    )
    return Stand(files=files, arguments=options, wired=not alone)
