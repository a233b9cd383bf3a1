"""ecosystem.yaml, key by key."""

from datetime import timedelta

from twinstage.config import rules
from twinstage.config.outlines import bounds
from twinstage.config.shapes import Choice, Key, Listing, Named, Span, Table, Whole, Word
from twinstage.config.value import spelled
from twinstage.model.bounds import LEAST
from twinstage.model.policy import Policy

MOST_SERVICES = 500
MOST_LANES = 100
SECOND, LONGEST = timedelta(seconds=1), timedelta(days=30)
_DEFAULT = Policy()

ENTRY = Table(
    keys={
        "repository": Key(
            shape=Word(rule=rules.REPOSITORY, words="path"),
            required=True,
            about="its git repository: relative to this file; `~` works",
            example="../orders",
        ),
        "branch": Key(
            shape=Word(rule=rules.BRANCH, words="branch"),
            default="`main`",
            about="whose head `submit` takes",
            example="main",
        ),
        "path": Key(
            shape=Word(rule=rules.PATH, words="path"),
            default="`.`",
            about="where its `twinstage.yaml` lies. Two services may share a repository, not a path",
            example=".",
        ),
    }
)


def _shares(shares: tuple[int, ...]) -> str:
    return f"`[{', '.join(map(str, shares))}]`"


def _span(low: timedelta, default: timedelta, about: str) -> Key:
    return Key(shape=Span(low=low, high=LONGEST), default=f"`{spelled(default)}`", about=about)


CANARY = Table(
    keys={
        "shares": Key(
            shape=Listing(
                of=Whole(low=1, high=rules.HIGHEST_CANARY),
                words="percentages",
                least=1,
                bounds=f"rising, 1 to {rules.HIGHEST_CANARY}",
            ),
            default=_shares(_DEFAULT.canary_shares),
            about="of production's traffic, one after the other",
        ),
        "bake": _span(
            timedelta(0),
            _DEFAULT.bake,
            "how long a canary is watched at least, over all its shares, each an equal part, from when the proxy was seen to "
            "give it; not above `longest`",
        ),
        "longest": _span(SECOND, _DEFAULT.longest_canary, "after this long without proof …"),
        "unproven": Key(
            shape=Choice(options=("promote", "hold")),
            default=f"`{_DEFAULT.unproven}`",
            about="… it is promoted, and said to be unproven, or held for a person",
        ),
    }
)
PRODUCTION = Table(
    keys={
        "shares": Key(
            shape=Listing(
                of=Whole(low=1, high=100),
                words="percentages",
                least=1,
                with_=100,
                bounds="rising, 1 to 100, the last is 100",
            ),
            default=_shares(_DEFAULT.production_shares),
            about="of production's traffic, after the canary",
        ),
        "bake": _span(timedelta(0), _DEFAULT.settle, "how long each of them is watched"),
    }
)
LIMITS = Table(
    keys={
        **{name: _span(SECOND, span, "how long it may take: see Limits") for name, span in _DEFAULT.limits.items()},
        "lanes": Key(
            shape=Whole(low=1, high=MOST_LANES),
            default=str(_DEFAULT.max_lanes),
            about="candidates in staging at once; the others wait for a place",
        ),
        **bounds.keys(LEAST),
    }
)
STANDARD = Table(
    keys={
        "gates": Key(
            shape=Listing(of=Word(rule=rules.GATE), words="list of names"),
            default=f"`[{', '.join(_DEFAULT.gates)}]`",
            about="what every commit must pass before staging. `review` is read from the commit: a `Reviewed-by` trailer by "
            "somebody who is not its author",
            example="[lint, unit, integration, review]",
            note="every commit passes them before staging",
        ),
        "reviewers": Key(
            shape=Listing(of=Word(rule=rules.REVIEWER), words="list of patterns", least=1, bounds="at least one"),
            default='`["*"]`',
            about="whose `Reviewed-by` counts: addresses, with `*` and `?`",
            example='["*@shop.example"]',
            note="whose Reviewed-by counts",
        ),
        "undeclared": Key(
            shape=Choice(options=("fail", "record")),
            default=f"`{_DEFAULT.undeclared}`",
            about="what a call to anything undeclared does to the release that made it. A call to the other ecosystem always "
            "fails it",
            example="fail",
            note="or record: what an undeclared call does to its release",
        ),
        "canary": Key(
            shape=CANARY,
            about="how a release is tried on production's traffic",
            example="{shares: [5, 25], bake: 2m, longest: 1h, unproven: promote}",
            note="shares of production's traffic",
        ),
        "production": Key(
            shape=PRODUCTION,
            about="the steps after the canary",
            example="{shares: [50, 100], bake: 5s}",
            note="the steps after it",
        ),
        "verification_valid": Key(
            shape=Span(low=SECOND, high=LONGEST),
            default=f"`{spelled(_DEFAULT.verification_valid)}`",
            about="how old a verification may be when its release's turn comes; an older one is sought again",
            example="24h",
            note="an older one is sought again",
        ),
        "limits": Key(
            shape=LIMITS,
            about="how long something may take, how many lanes there are, and what an instance or job may take of the machine",
            example="{build: 10m, lanes: 10, memory: 2G}",
            note="how long something may take; candidates at once; what one may take",
        ),
    }
)

ECOSYSTEM = Table(
    keys={
        "ecosystem": Key(
            shape=Word(rule=rules.SERVICE),
            required=True,
            about="the company",
            example="shop",
            note="the company's name",
        ),
        "services": Key(
            shape=Named(
                rule=rules.SERVICE,
                of=ENTRY,
                but=rules.RESERVED_SERVICES,
                least=1,
                most=MOST_SERVICES,
                bounds=f"1 to {MOST_SERVICES} services, named as in their definitions",
            ),
            required=True,
            about="every service of the company",
            example="{orders: {repository: ../orders, branch: main, path: .}, payments: {repository: ../payments}}",
            note="one git repository, or path in one, each",
        ),
        "standard": Key(
            shape=STANDARD,
            about="what all of them ship by. What is left out keeps its default; so does the whole section",
            note="what all of them ship by",
        ),
        "public": Key(
            shape=Listing(of=Word(rule=rules.PUBLIC), words="list of hosts"),
            default="none",
            about="production's own public names, with all below them: no service may declare one as `outside`, and staging's "
            "call of one counts as a call of production. Once they are listed, other domains are taken for others', whatever "
            "words are in them",
            example="[shop.example]",
            note="never to be called as if it were outside",
        ),
        "postgres": Key(
            shape=Word(rule=rules.PROGRAMS, words="path"),
            default="what comes with Twinstage",
            about="the directory of the PostgreSQL programs to use for databases, the same in both ecosystems",
            example="/usr/lib/postgresql/17/bin",
            note="only to use installed programs for databases",
        ),
        "runtime": Key(
            shape=Choice(options=("local",)),
            default="`local`",
            about="where it runs (`kubernetes`: not yet)",
            example="local",
            note="this machine",
        ),
    }
)
