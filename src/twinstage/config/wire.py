"""EcosystemFile as JSON: the body that the API takes. What comes in keeps the same rules as the file."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from twinstage.config import rules
from twinstage.config.outlines.company import MOST_LANES, MOST_SERVICES
from twinstage.config.problems import Problem, Problems, nearest
from twinstage.config.value import Rule
from twinstage.model.bounds import LEAST, MOST, Bounds
from twinstage.model.names import ServiceName
from twinstage.model.policy import EcosystemFile, Policy, ServiceEntry


def _keeps(rule: Rule) -> AfterValidator:
    def check(word: str) -> str:
        if rule.pattern.fullmatch(word) is None:
            raise ValueError(f"{word!r} cannot be used; write {rule.words}")
        return word

    return AfterValidator(check)


def _rising(shares: tuple[int, ...]) -> tuple[int, ...]:
    if any(after <= before for before, after in pairwise(shares)):
        raise ValueError("the shares do not rise")
    return shares


def _whole(shares: tuple[int, ...]) -> tuple[int, ...]:
    if shares[-1] != 100:
        raise ValueError("the last share is not 100")
    return shares


def _plain_path(path: str) -> str:
    if not path or path.startswith(("/", "-")) or ".." in path.split("/") or any(c in path for c in ":\n\0"):
        raise ValueError("not a path within the repository")
    return path


def _absolute(path: str) -> str:
    if not path.startswith("/") or any(c in path for c in "\n\0"):
        raise ValueError("not an absolute path")
    return path


def _seconds(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 30 * 86400:
        raise ValueError("write a number of seconds, at most 30 days")
    return timedelta(seconds=value)


Name = Annotated[str, _keeps(rules.SERVICE)]
Gate = Annotated[str, _keeps(rules.GATE)]
Span = Annotated[timedelta, BeforeValidator(_seconds), Field(json_schema_extra={"type": "number"})]
Canary = Annotated[int, Field(ge=1, le=rules.HIGHEST_CANARY)]
Share = Annotated[int, Field(ge=1, le=100)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class EntryBody(_Body):
    """One service."""

    service: Name
    repository: Annotated[str, AfterValidator(_absolute)]
    branch: Annotated[str, _keeps(rules.BRANCH)] = "main"
    path: Annotated[str, AfterValidator(_plain_path)] = "."


def _within(name: str) -> Any:
    return Field(default=getattr(Bounds(), name), ge=LEAST[name], le=MOST[name])


class BoundsBody(_Body):
    """What an instance or job may take: bytes of memory, /tmp and working copy; processes; open files."""

    memory: int = _within("memory")
    processes: int = _within("processes")
    files: int = _within("files")
    tmp: int = _within("tmp")
    work: int = _within("work")


class PolicyBody(_Body):
    """The standard. Durations are seconds."""

    gates: tuple[Gate, ...]
    reviewers: Annotated[tuple[Annotated[str, _keeps(rules.REVIEWER)], ...], Field(min_length=1)]
    undeclared: Literal["fail", "record"]
    canary_shares: Annotated[tuple[Canary, ...], Field(min_length=1), AfterValidator(_rising)]
    bake: Span
    longest_canary: Span
    unproven: Literal["promote", "hold"]
    production_shares: Annotated[
        tuple[Share, ...], Field(min_length=1), AfterValidator(_rising), AfterValidator(_whole)
    ]
    settle: Span
    verification_valid: Span
    limits: dict[str, Span]
    max_lanes: Annotated[int, Field(ge=1, le=MOST_LANES)]
    public: tuple[Annotated[str, _keeps(rules.PUBLIC)], ...] = ()
    bounds: BoundsBody = BoundsBody()


class EcosystemBody(_Body):
    """ecosystem.yaml, read and checked by the client."""

    name: Name
    services: Annotated[tuple[EntryBody, ...], Field(min_length=1, max_length=MOST_SERVICES)]
    policy: PolicyBody
    runtime: Literal["local"] = "local"
    postgres: Annotated[str, _keeps(rules.PROGRAMS)] | None = None

    def file(self) -> EcosystemFile:
        policy = self.policy.model_dump()
        return EcosystemFile(
            name=self.name,
            services=tuple(
                ServiceEntry(service=ServiceName(e.service), repository=e.repository, branch=e.branch, path=e.path)
                for e in self.services
            ),
            policy=Policy(**{**policy, "bounds": Bounds(**policy["bounds"])}),
            runtime=self.runtime,
            postgres=self.postgres,
        )


def encode(file: EcosystemFile) -> dict[str, Any]:
    """Plain JSON: durations are numbers of seconds, sequences are lists."""
    policy = file.policy
    return {
        "name": file.name,
        "services": [
            {"service": e.service, "repository": e.repository, "branch": e.branch, "path": e.path}
            for e in file.services
        ],
        "policy": {
            "gates": list(policy.gates),
            "reviewers": list(policy.reviewers),
            "undeclared": policy.undeclared,
            "canary_shares": list(policy.canary_shares),
            "bake": policy.bake.total_seconds(),
            "longest_canary": policy.longest_canary.total_seconds(),
            "unproven": policy.unproven,
            "production_shares": list(policy.production_shares),
            "settle": policy.settle.total_seconds(),
            "verification_valid": policy.verification_valid.total_seconds(),
            "limits": {name: span.total_seconds() for name, span in policy.limits.items()},
            "max_lanes": policy.max_lanes,
            "public": list(policy.public),
            "bounds": asdict(policy.bounds),
        },
        "runtime": file.runtime,
        "postgres": file.postgres,
    }


def decode(data: Mapping[str, Any] | str | bytes, source: str = "ecosystem") -> EcosystemFile:
    """The reverse, from JSON text or from what it was parsed to. Raises Problems (without lines) with every mistake."""
    try:
        body = _validated(data)
    except ValidationError as error:
        raise Problems(
            Problem(
                file=source,
                line=0,
                path=".".join(str(part) for part in found["loc"]),
                message=found["msg"].removeprefix("Value error, "),
                right="",
            )
            for found in error.errors(include_url=False, include_input=False)
        ) from None
    return _checked(body.file(), source)


def _validated(data: Mapping[str, Any] | str | bytes) -> EcosystemBody:
    if isinstance(data, str | bytes):
        return EcosystemBody.model_validate_json(data)
    return EcosystemBody.model_validate(data)


def _checked(file: EcosystemFile, source: str) -> EcosystemFile:
    """What no single field can show."""
    problems: list[tuple[str, str, str]] = []
    names = [entry.service for entry in file.services]
    for twice in sorted({name for name in names if names.count(name) > 1}):
        problems.append(("services", f"{twice} stands twice", "keep one of them"))
    for name in names:
        if name in rules.RESERVED_SERVICES:
            problems.append(("services", f"{name} is a name of Twinstage's own", "choose another"))
    limits = Policy().limits
    for key in file.policy.limits:
        if key not in limits:
            close = nearest(key, limits)
            problems.append((f"policy.limits.{key}", "unknown key", f"did you mean {close}?" if close else ""))
    for key in limits:
        if key not in file.policy.limits:
            problems.append((f"policy.limits.{key}", "is missing", ""))
    if file.policy.bake > file.policy.longest_canary:
        problems.append(("policy.longest_canary", "is shorter than the bake", "make it longer"))
    if problems:
        raise Problems(
            Problem(file=source, line=0, path=path, message=message, right=right) for path, message, right in problems
        )
    return file
