"""All of a company's definitions together: what no file can show alone."""

from collections.abc import Mapping

from twinstage.config.definition import definition
from twinstage.config.problems import Problem, Problems, nearest
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.policy import EcosystemFile
from twinstage.model.release import Definition


def company(texts: Mapping[ServiceName, tuple[str, str | bytes]], file: EcosystemFile) -> dict[ServiceName, Definition]:
    """Reads every definition of (service -> (file's name, text)) against the company's file.

    Raises Problems with every mistake of all of them, file by file: an unknown dependency, a name that is not the
    entry's, a gate of the standard without a command, a public name of production's that is declared as outside, and all
    that a definition alone can have wrong.
    """
    known = [entry.service for entry in file.services]
    read: dict[ServiceName, Definition] = {}
    problems: list[Problem] = []
    for service, (name, text) in texts.items():
        try:
            read[service] = definition(
                text,
                name,
                service=service,
                known=known,
                asked=file.policy.gates,
                public=file.policy.public,
                most=file.policy.bounds,
            )
        except Problems as found:
            problems.extend(found.problems)
    if problems:
        raise Problems(problems)
    return read


def missing(definitions: Mapping[str, Definition], file: EcosystemFile) -> tuple[Problem, ...]:
    """Dependencies and stubs of definitions already read (file's name -> definition) that the company does not have."""
    known = [str(entry.service) for entry in file.services]
    return tuple(
        Problem(
            file=name,
            line=0,
            path="depends_on" if dependency in definition.depends_on else "outside",
            message=f"no service {dependency} in this company",
            right=_meant(dependency, known),
        )
        for name, definition in definitions.items()
        for dependency in definition.calls(Ecosystem.STAGING)
        if dependency not in known
    )


def _meant(dependency: str, known: list[str]) -> str:
    close = nearest(dependency, known)
    return f"did you mean {close}?" if close else "add it to ecosystem.yaml, or remove it here"
