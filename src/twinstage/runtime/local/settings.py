"""What `up` found on the machine and the controller needs to know, kept beside the company's state (mode 0600)."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from twinstage.model.seen import Lack
from twinstage.runtime.local.gives import Gives
from twinstage.runtime.local.sandbox.toolchain import Bind

_INDEX_VARIABLES = {
    "UV_DEFAULT_INDEX": "UV_DEFAULT_INDEX",
    "UV_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "UV_INDEX": "UV_INDEX",
    "UV_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "UV_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
}
_CA_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``packages``: environment of builds that says where packages come from. ``binds``: what else builds must see.

    ``postgres``: the directory of PostgreSQL's programs; empty: the wheel's.
    """

    name: str
    python: str
    base: str
    bwrap: str
    packages: Mapping[str, str]
    binds: tuple[tuple[str, str], ...]
    lacking: tuple[Lack, ...]
    postgres: str = ""
    gives: Gives = field(default_factory=Gives)

    def write(self, path: Path, owner: int) -> None:
        part = path.with_suffix(".part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(self), file)
        if os.geteuid() == 0:
            os.chown(part, owner, owner)
        part.replace(path)

    @staticmethod
    def read(path: Path) -> "Settings":
        told = json.loads(path.read_text())
        told["binds"] = tuple((s, t) for s, t in told["binds"])
        told["lacking"] = tuple(_lack(it) for it in told["lacking"])
        told["gives"] = Gives(**told.get("gives", {}))
        return Settings(**told)

    def build_binds(self) -> list[Bind]:
        return [Bind(source=s, target=t) for s, t in self.binds]


def _lack(told: Mapping[str, str] | str) -> Lack:
    """Until a machine's lacks were data, each was a sentence. What it says is still so; `up` looks again."""
    if isinstance(told, str):
        return Lack(
            name="found by an older Twinstage", means=told, takes="`twinstage up`, which looks again and says more"
        )
    return Lack(**told)


def package_environment(environment: Mapping[str, str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """(variables for builds, binds for builds) from the environment `up` was started in: indexes, certificates, local wheels."""
    variables: dict[str, str] = {}
    binds: list[tuple[str, str]] = []
    for name, becomes in _INDEX_VARIABLES.items():
        if environment.get(name) and becomes not in variables:
            variables[becomes] = environment[name]
    for directory in variables.get("UV_FIND_LINKS", "").replace(",", " ").split():
        if Path(directory).is_dir():
            binds.append((directory, directory))
    if "UV_FIND_LINKS" in variables and not binds:
        del variables["UV_FIND_LINKS"]
    for name in _CA_VARIABLES:
        bundle = environment.get(name, "")
        if bundle and Path(bundle).is_file():
            variables["SSL_CERT_FILE"] = bundle
            if not bundle.startswith(("/etc/ssl/", "/usr/")):
                binds.append((bundle, bundle))
            break
    return variables, binds
