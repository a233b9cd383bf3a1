"""``twinstage submit``"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from twinstage import wire
from twinstage.cli import words
from twinstage.cli.company import Json, Named, reach, whoami
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.following import follow
from twinstage.cli.orders import NoWait
from twinstage.cli.screen import as_json, errors, output
from twinstage.client import Client, Refused
from twinstage.forge.git import ForgeTrouble, NotARepository, UnknownRevision
from twinstage.forge.repository import Repository
from twinstage.model.names import Phase

Service = Annotated[str | None, typer.Argument(help="The service whose commit it is.", show_default=False)]
Commit = Annotated[
    str | None, typer.Argument(help="A commit, branch or tag. Default: the head of its branch.", show_default=False)
]
Skipped = Annotated[
    list[Phase] | None,
    typer.Option(
        "--skip",
        metavar="PHASE",
        help="In an emergency: leave out development (its gates), staging or canary. With --why; may be given again.",
        show_default=False,
    ),
]
Because = Annotated[str | None, typer.Option("--why", "-m", help="The reason for --skip.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Submit every service's branch head.", show_default=False)]


def submit(
    service: Service = None,
    commit: Commit = None,
    every: All = False,
    skip: Skipped = None,
    why: Because = None,
    ecosystem: Named = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> None:
    """Ship a commit: through the gates, staging and canary to production, all by itself.

    Shows how far it is until it is live, or has failed. Ctrl-C stops only the showing.

    `--all` looks at every service's commit first: where one cannot be shipped none is, and all that is wrong is told at once.
    """
    if (service is None) != every or (every and commit):
        raise Stop(
            Exit.USAGE, "cannot submit: name one service, or --all of them", hint="twinstage submit SERVICE [COMMIT]"
        )
    if bool(skip) != bool(why) or (skip and every):
        hint = 'twinstage submit SERVICE --skip development --skip canary --why "..."'
        raise Stop(Exit.USAGE, "cannot submit: --skip and --why go together, for one service", hint=hint)
    with reach(ecosystem) as client:
        try:
            started = _submit(client, service, commit, json) if service is not None else _submit_all(client, json)
            if skip and why and started[0].rollout:
                _skip(client, started[0].rollout, skip, why)
        except KeyboardInterrupt:
            hint = "`twinstage status` shows what arrived: that goes on; submitting it again is answered so"
            raise Stop(Exit.INTERRUPTED, "stopped while submitting", hint=hint) from None
        rollouts = [intent.rollout for intent in started if intent.rollout]
        if json and (no_wait or not rollouts):
            as_json(started[0] if service is not None else started)
        elif no_wait:
            for intent in started:
                output().print(f"{intent.rollout or ''}  [quiet]{escape(intent.answer)}[/]")
        elif rollouts:
            follow(client, rollouts, json=json, alone=service is not None)


def _submit(client: Client, service: str, commit: str | None, json: bool) -> list[wire.Intent]:
    received = hand_over(client, client.service(service), commit)
    intent = client.answered(client.submit(service, received.commit, whoami()))
    if not intent.accepted:
        if json:
            as_json(intent)
        raise Stop(Exit.WAITING, f"{service} is not shipped", detail=intent.answer)
    if intent.rollout is None and not json:
        output().print(f"[good]✔[/] {escape(intent.answer)}")
    return [intent]


def _skip(client: Client, rollout: str, phases: Sequence[Phase], why: str) -> None:
    """At once, before the first gate that would refuse it ends: nobody types `skip` as fast as that."""
    answer = client.answered(client.skip(rollout, phases, by=whoami(), why=why))
    errors().print(f"[warn]{escape(answer.answer)}[/]")
    if not answer.accepted:
        raise Stop(Exit.WAITING, f"{rollout} goes on with all its phases")


def _submit_all(client: Client, json: bool) -> list[wire.Intent]:
    """Every service's commit is handed over and looked at before the first one is shipped: one that cannot be is told while
    nothing is half done, and all of them at once."""
    ready, told = [], []
    for row in client.services():
        try:
            received = hand_over(client, client.service(row.name), None)
        except (Refused, Stop) as trouble:
            told.append(_told(row.name, *_words(trouble)))
            continue
        if received.mistakes:
            commit, count = received.commit[:7], words.count(len(received.mistakes), "mistake")
            text = f"cannot submit commit {commit}: its definition has {count}"
            told.append(_told(row.name, text, received.mistakes))
        ready.append((row.name, received.commit))
    if told:
        _list(told)
        hint = "mend that and submit all again, or submit the others by name"
        raise Stop(Exit.WAITING, f"nothing is shipped: {words.count(len(told), 'service')} cannot be", hint=hint)
    return _register(client, ready, json)


def _register(client: Client, ready: Sequence[tuple[str, str]], json: bool) -> list[wire.Intent]:
    """What the controller itself refuses by now does not keep the others: they are on their way."""
    accepted, told = [], []
    for service, commit in ready:
        try:
            intent = client.answered(client.submit(service, commit, whoami()))
        except Refused as trouble:
            told.append(_told(service, *_words(trouble)))
            continue
        if not intent.accepted:
            told.append(_told(service, intent.answer))
            continue
        accepted.append(intent)
        if intent.rollout is None and not json:
            output().print(f"[good]✔[/] {escape(intent.answer)}")
    _list(told)
    if told and not accepted:
        raise Stop(Exit.WAITING, "nothing is shipped")
    if told:
        errors().print(f"[warn]{words.count(len(told), 'service')} not shipped; the others go on[/]")
    return accepted


def _words(trouble: Refused | Stop) -> tuple[str, list[str]]:
    """What is wrong, and what more is said of it."""
    if isinstance(trouble, Refused):
        return str(trouble), [mistake.text for mistake in trouble.problem.mistakes]
    return str(trouble), [trouble.detail]


def _told(service: str, text: str, more: Sequence[str] = ()) -> str:
    return "\n  ".join([f"[bad]✘[/] {escape(service)}: {escape(text)}", *map(escape, filter(None, more))])


def _list(told: Sequence[str]) -> None:
    for text in told:
        errors().print(text)


def hand_over(client: Client, service: wire.Service, revision: str | None) -> wire.Received:
    """Give the controller the commit with all that it lacks of it: nothing at all where it has it. Raises Stop, or Refused."""
    repository = Repository(Path(service.repository))
    try:
        commit = repository.resolve(revision) if revision else repository.head(service.branch)
        known = client.commits(service.name)
        return client.upload(service.name, commit, b"" if commit in known else repository.pack(commit, known))
    except (NotARepository, UnknownRevision) as trouble:
        raise Stop(Exit.USAGE, str(trouble)) from None
    except ForgeTrouble as trouble:
        raise Stop(Exit.TROUBLE, str(trouble)) from None
