"""All of a company's definitions together: what no file can show alone."""

from collections.abc import Mapping

from twinstage.config.definition import definition
from twinstage.config.problems import Problem, Problems
from twinstage.model.names import ServiceName
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
