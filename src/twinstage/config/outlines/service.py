"""twinstage.yaml, key by key."""

from datetime import timedelta

from twinstage.config import rules
from twinstage.config.outlines import bounds
from twinstage.config.shapes import Either, Key, Listing, Named, Nothing, Plain, Shape, Span, Table, Text, Whole, Word
from twinstage.model.bounds import STATED
from twinstage.model.names import Ecosystem

LONGEST_VALUE = 32 * 1024
LONGEST_DRAIN = timedelta(minutes=10)
REVIEW = "review"

_SERVICE = Word(rule=rules.SERVICE, but=rules.RESERVED_SERVICES)
_COMMAND = Text(words="shell command")
_PLACE = Word(rule=rules.ADDRESS, words="host and port")
_OUTSIDE = Table(
    keys={
        "production": Key(
            shape=_PLACE, required=True, about="the host and port that production calls", example="a.example:443"
        ),
        "staging": Key(shape=_PLACE, default="a `stub`", about="the host and port that staging calls: another host"),
        "stub": Key(
            shape=_SERVICE,
            default="`staging`",
            about="the service of the company that answers in staging instead, at its frontend: in HTTP, without TLS",
        ),
        "shared": Key(
            shape=Text(words="text"),
            default="the hosts differ",
            about="why it is safe that both ecosystems call the same host; shown to whoever looks at the boundary",
        ),
    }
)
_GATE = Table(
    keys={
        "run": Key(shape=_COMMAND, required=True, about="the gate's command"),
        "databases": Key(
            shape=Listing(of=Word(rule=rules.DATABASE), words="list of databases"),
            default="none",
            about="which of this file's databases it gets, new and thrown away with the gate",
        ),
    }
)


def _both(of: Shape, **examples: str) -> Table:
    """A value for each ecosystem: one that differs names both, so that neither can be forgotten."""
    return Table(
        keys={
            ecosystem.value: Key(
                shape=of, about=f"in {ecosystem.value}", required=True, example=examples.get(ecosystem, "")
            )
            for ecosystem in Ecosystem
        },
    )


SERVICE = Table(
    keys={
        "service": Key(
            shape=_SERVICE,
            required=True,
            about="the name that `ecosystem.yaml` has for it",
            example="orders",
            note="the name that ecosystem.yaml has for it",
        ),
        "build": Key(
            shape=_COMMAND,
            default="nothing to build: the commit is the artifact",
            about="run once per content, where the release will run; may fetch packages from the configured indexes and "
            "reaches nothing else",
            example="uv sync --frozen --no-editable",
            note="once, where the release will run",
        ),
        "run": Key(
            shape=_COMMAND,
            required=True,
            about="starts one instance, in the artifact's directory, which is read-only. It listens on `HOST:PORT`. A compound "
            "command needs `exec` before its last part, or SIGTERM meets the shell",
            example="python -m orders",
            note="starts one instance; it listens on HOST:PORT",
        ),
        "port": Key(
            shape=Whole(low=1, high=rules.HIGHEST_PORT),
            default="`PORT` is chosen",
            about="for programs that cannot read `PORT`: their own port. Three instances and a canary of it work all the same",
            example="8000",
            note="only for a program that cannot read PORT",
        ),
        "health": Key(
            shape=Word(rule=rules.HEALTH, words="path"),
            default="the port takes a connection",
            about="asked by the proxy each second; healthy after one answer of 200, unhealthy after two others",
            example="/healthz",
            note="answers 200 once this instance can serve",
        ),
        "instances": Key(
            shape=_both(Whole(low=1, high=rules.MOST_INSTANCES)),
            required=True,
            about=f"how many: 1 to {rules.MOST_INSTANCES} in each ecosystem, in staging at most as many as in production",
            example="{production: 3, staging: 1}",
            note="staging at most production's",
        ),
        "drain": Key(
            shape=Span(low=timedelta(0), high=LONGEST_DRAIN),
            default="30s",
            about="how long an instance that gets no new requests may finish those it has; it is stopped sooner when none is left",
            example="30s",
            note="to finish requests before it is stopped",
        ),
        "depends_on": Key(
            shape=Listing(
                of=Word(rule=rules.SERVICE),
                words="list of services",
                bounds="services of the company; cycles are legal",
            ),
            default="none",
            about="what it may call. `payments` gives `PAYMENTS_URL`, `gift-cards` gives `GIFT_CARDS_URL`",
            example="[payments, catalog]",
            note="gives PAYMENTS_URL, CATALOG_URL; nothing else can be called",
        ),
        "outside": Key(
            shape=Named(
                rule=rules.SERVICE,
                of=_OUTSIDE,
                most=rules.MOST_OUTSIDE,
                bounds=f"names as `service`; {rules.MOST_OUTSIDE} a service; hosts by name, not by address",
            ),
            default="none",
            about="hosts beyond the company that it may call, for each ecosystem another one: see "
            "[Call something outside](../how-to/call-something-outside.md). Programs call the host by its own name",
            example='{stripe: {production: "api.stripe.com:443", staging: "api.sandbox.stripe.com:443"}}',
            note="nothing else beyond the company can be reached",
        ),
        "databases": Key(
            shape=Named(
                rule=rules.DATABASE,
                of=Either(
                    of=(
                        Nothing(),
                        Table(
                            keys={
                                "migrate": Key(
                                    shape=_COMMAND,
                                    default="nothing is migrated",
                                    about="brings the database to where this release needs it, before its instances start",
                                )
                            }
                        ),
                    ),
                    words="mapping",
                ),
                most=rules.MOST_DATABASES,
                bounds=f"names: {rules.DATABASE.words}; with the service's name at most {rules.LONGEST_DATABASE} characters; "
                f"{rules.MOST_DATABASES} a service",
            ),
            default="none",
            about="PostgreSQL databases of its own in each ecosystem. `orders` gives `ORDERS_DATABASE_URL`; `migrate`, a shell "
            "command, brings it to where this release needs it, before its instances start. `{}` or nothing: no migrations",
            example="{orders: {migrate: python -m orders.migrate}}",
            note="gives ORDERS_DATABASE_URL; migrated before the instances start",
        ),
        "config": Key(
            shape=Named(
                rule=rules.VARIABLE,
                of=Either(
                    of=(Plain(most=LONGEST_VALUE), _both(Plain(most=LONGEST_VALUE))),
                    words="one value, or one for each ecosystem",
                ),
                but=rules.RESERVED_VARIABLES,
                reserved=rules.RESERVED_PREFIX,
                bounds="names are environment variables, 100 characters; values 32 KiB",
            ),
            default="none",
            about="one value, or `{staging: …, production: …}`: both or neither. Numbers and truths arrive as they are written. "
            "`PORT`, `HOST`, `PATH`, `HOME`, `TWINSTAGE_*` and the `*_URL` of a dependency or a database are taken",
            example="{PAGE_SIZE: 50, PAYMENT_MODE: {staging: sandbox, production: live}}",
            note="environment variables; both ecosystems or neither",
        ),
        "secrets": Key(
            shape=Listing(
                of=Word(rule=rules.VARIABLE, but=rules.RESERVED_VARIABLES),
                words="list of names",
                bounds="as `config`'s, and none of them",
            ),
            default="none",
            about="variables whose values stand in no file: `twinstage secret set` takes them, each ecosystem has its own. A "
            "release goes nowhere where one is not set",
            example="[PAYMENT_KEY]",
            note="`twinstage secret set` takes the values: each ecosystem has its own",
        ),
        "gates": Key(
            shape=Named(
                rule=rules.GATE,
                of=Either(of=(_COMMAND, _GATE), words="shell command, or a mapping"),
                but=frozenset({REVIEW}),
                bounds="names as `service`, at most 24; `review` has no command",
            ),
            default="none",
            about="a command for each gate of the standard, and more if you like: a service may be stricter, never looser. "
            "`{run: …, databases: [orders]}` gives it those databases, new, migrated by this commit, and thrown away afterwards",
            example="{lint: ruff check ., unit: pytest tests/unit, "
            "integration: {run: pytest tests/integration, databases: [orders]}}",
            note="a command for each gate of the standard",
        ),
        "verify": Key(
            shape=_COMMAND,
            default="nothing to verify",
            about="run inside staging against the candidate's lane",
            example="pytest tests/staging",
            note="inside staging, against the candidate",
        ),
        "limits": Key(
            shape=Table(keys=bounds.keys(STATED, "the standard's"), bounds="none above the standard's"),
            default="the standard's",
            about="what one instance may take: `memory`, `processes`, `files` and `tmp`; stricter than the standard, never looser. "
            "See [Limits](limits.md)",
            example="{memory: 512M, processes: 256, files: 1024}",
            note="what one instance may take",
        ),
    }
)
