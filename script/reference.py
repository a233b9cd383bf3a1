"""Fills in the parts of the documents that the code knows better: reference.py [--check].

A part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; NAME is a key of PARTS. Everything around it is
written by hand. A test runs the same comparison, so a document cannot fall behind the code.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent))

import sayings
import walls
from faces import documents, routes, table, verbs
from outlines import definition_example, definition_keys, ecosystem_example, ecosystem_keys, standard_keys

from twinstage.api.advice import ADVICE
from twinstage.api.documents import PHASE
from twinstage.config.definition import definition
from twinstage.config.ecosystem import ecosystem
from twinstage.config.outlines.bounds import ABOUT
from twinstage.config.problems import Problems
from twinstage.config.value import sized, spelled
from twinstage.model.bounds import LEAST, MOST, SIZES, Bounds
from twinstage.model.policy import Policy
from twinstage.model.reasons import SENTENCES
from twinstage.model.rollout import FINAL, State
from twinstage.pipeline.states import LIMIT, RETREAT, TABLE, diagram, limit
from twinstage.runtime.local.gives import Gives
from twinstage.runtime.local.gives import lacks as not_in_force
from twinstage.runtime.local.gives import limits as told
from twinstage.runtime.local.lacks import UNNOTED, Machine
from twinstage.runtime.local.lacks import lacks as lacking

ROOT = Path(__file__).resolve().parent.parent
PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


STILL = {
    "release": "nothing; what it waits for is its own work",
    "platform": "nothing; it goes on by itself",
    "clock": "nothing; it takes its time",
    "operator": "nothing; somebody asked for it",
}
ELSE = {
    "ARTIFACT_DAMAGED": "submit the commit again: it is built anew, beside the damaged tree",
    "UNFIT": "change what it says in twinstage.yaml, and submit that commit",
}
"""Ends for which the API gives no advice."""

# ------------------------------------------------------------------------------------------------- states and reasons


def state_diagram() -> str:
    return f"```mermaid\n{diagram()}```\n"


def states() -> str:
    rows = []
    for state in State:
        if state in FINAL:
            continue
        owner, key, late = LIMIT[state]
        span = spelled(limit(state, Policy()))
        until = "`canary.longest`" if state is State.CANARY else f"`limits.{key}`"
        on = ", ".join(f"{to.value} ({event.value})" for event, to in TABLE[state].items())
        out = [event.value for event, (froms, _) in RETREAT.items() if state in froms]
        phase = PHASE[state].value if state in PHASE else "where it was"
        ends = "fails the release" if late else "is told, and it goes on waiting"
        if state is State.CANARY:
            ends = "promotes unproven or holds: `canary.unproven`"
        if state is State.RETREATING:
            on = ", ".join(outcome.value for _, outcome in RETREAT.values())
        rows.append((f"`{state.value}`", phase, owner.value, f"{span} ({until})", ends, on, ", ".join(out) or "none"))
    titles = ("state", "phase", "whose move", "limit", "the limit's end", "leads on to", "ways out, to retreating")
    return table(titles, rows)


def reasons() -> str:
    made = owners()
    rows = []
    for code, sentence in SENTENCES.items():
        if code not in made:
            continue  # a sentence that nothing says: it is part of no answer
        whose = sorted(made[code])
        rows.append((f"`{code}`", sentence, ", ".join(whose), ADVICE.get(code) or ELSE.get(code) or STILL[whose[0]]))
    return table(("code", "sentence", "whose move", "what to do"), rows)


def owners() -> dict[str, set[str]]:
    """Reason code -> whose move it is, read off every place in the code that makes one.

    Where the code is a variable, the codes are the constants that its function, or a caller of that function, mentions.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for file in sorted((ROOT / "src/twinstage").rglob("*.py")):
        tree = ast.parse(file.read_text())
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        for function in functions:
            for call in _calls(function, "Reason"):
                given = {keyword.arg: keyword.value for keyword in call.keywords}
                code, owner = given.get("code"), given.get("owner")
                if not isinstance(owner, ast.Attribute):
                    continue
                if isinstance(code, ast.Constant):
                    found[str(code.value)].add(owner.attr.lower())
                elif code is not None:
                    for name in _codes(function, functions):
                        found[name].add(owner.attr.lower())
    return {code: whose for code, whose in found.items() if code in SENTENCES}


def _calls(inside: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(inside):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def _codes(function: ast.FunctionDef, functions: list[ast.FunctionDef]) -> set[str]:
    arguments = {argument.arg for argument in function.args.args}
    if "code" not in arguments:
        return {node.value for node in ast.walk(function) if isinstance(node, ast.Constant) and node.value in SENTENCES}
    calls = [call for other in functions for call in _calls(other, function.name)]
    given = [argument for call in calls for argument in call.args]
    return {node.value for node in given if isinstance(node, ast.Constant) and node.value in SENTENCES}


def bounds() -> str:
    rows = [
        (
            f"`limits.{name}`",
            _amount(name, getattr(Bounds(), name)),
            f"{_amount(name, LEAST[name])} to {_amount(name, MOST[name])}",
            what,
        )
        for name, what in ABOUT.items()
    ]
    return table(("key", "default", "bounds", "what it is"), rows)


def limits_in_force() -> str:
    """For root with control groups, and for anybody without, in the words of `twinstage boundary`."""
    root = Gives(memory="memory", cpu="cpu", sessions=True)
    machines = {"root, control groups of version 1": root, "an ordinary user, or without them": Gives(sessions=True)}
    rows = [
        (
            whose,
            it.what,
            *(("in force", it.how) if it.in_force else ("not in force", f"{it.how}; until then {it.means}")),
        )
        for whose, gives in machines.items()
        for it in told(gives)
    ]
    return table(("started by", "limit", "", "how, or what it would take"), rows)


def lacks() -> str:
    """Of the poorest machine that can seal a company."""
    poorest = Machine(root=False, swaps=True, swap_bounded=False, namespaces=frozenset())
    found = (*lacking(poorest), *not_in_force(Gives(sessions=True, files=1024)), UNNOTED)
    return table(("it lacks", "which means", "it would take"), [(it.name, it.means, it.takes) for it in found])


def _amount(name: str, amount: int) -> str:
    return sized(amount) if name in SIZES else f"{amount:,}"


# ------------------------------------------------------------------------------------------------------- definitions

_SERVICE = "service: orders\nrun: python -m orders\ninstances: {production: 3, staging: 1}\n"
_COMPANY = "ecosystem: shop\nservices:\n  orders: {repository: ../orders}\n"
DEFINITIONS = (
    _SERVICE.replace("run:", "rum:"),
    _SERVICE.replace("staging: 1", "staging: 5"),
    _SERVICE.replace(", staging: 1", ""),
    _SERVICE + "depends_on: [paymnts]\n",
    _SERVICE + "config: {MODE: {staging: sandbox}}\n",
    _SERVICE + "config: {PORT: 8000}\n",
    _SERVICE + "health: healthz\n",
    _SERVICE + "port: 40000\n",
    _SERVICE + "drain: 1 minute\n",
    _SERVICE + "limits: {memory: 4G}\n",
    _SERVICE + "limits: {memory: 512}\n",
    _SERVICE + "gates: {review: ./review.sh}\n",
    _SERVICE + "secrets: [PORT]\n",
    _SERVICE + "processes: {worker: {}}\n",
)
ECOSYSTEMS = (
    _COMPANY.replace("services:", "servics:"),
    _COMPANY.replace("../orders", "https://git.shop.example/orders"),
    _COMPANY + "  bills: {repository: ../orders}\n",
    _COMPANY + "standard: {canary: {shares: [5, 50]}}\n",
    _COMPANY + "standard: {canary: {bake: 2h, longest: 1h}}\n",
    _COMPANY + "standard: {production: {shares: [50]}}\n",
    _COMPANY + "standard: {undeclared: ignore}\n",
    _COMPANY + "standard: {reviewers: []}\n",
    _COMPANY + "standard: {limits: {biuld: 10m}}\n",
    _COMPANY + "runtime: kubernetes\n",
)


def definition_mistakes() -> str:
    known = cast(Any, ["orders", "payments"])
    return _mistakes(DEFINITIONS, lambda text: definition(text, known=known, most=Bounds()), _SERVICE)


def ecosystem_mistakes() -> str:
    return _mistakes(ECOSYSTEMS, lambda text: ecosystem(text, "ecosystem.yaml", Path("/company")), _COMPANY)


def _mistakes(texts: tuple[str, ...], read: Callable[[str], object], usual: str) -> str:
    """What is said of each, by the reader itself."""
    rows = []
    for text in texts:
        written = [line for line in text.splitlines() if line not in usual.splitlines()]
        try:
            read(text)
        except Problems as problems:
            said = "<br>".join(str(problem).replace("<", "&lt;") for problem in problems.problems)
            rows.append((f"`{written[0].strip()}`", said))
        else:
            raise AssertionError(f"no mistake in: {text}")
    return table(("written", "what is said"), rows)


def limits() -> str:
    of = {key: (state.value, late) for state, (_, key, late) in LIMIT.items()}
    rows = []
    for key, span in Policy().limits.items():
        if key == "migrate":  # of a job alone: it has no state of its own
            rows.append((f"`{key}`", spelled(span), "a migration of one database may run", "fails the release"))
            continue
        state, late = of[key]
        job = {"build": "a build", "gates": "a gate", "verify": "the verification"}.get(key)
        what = f"{job} may run, and a rollout be `{state}`" if job else f"a rollout may be `{state}`"
        if key == "deploy":
            what += ", and its instances take to become healthy in production"
        rows.append((f"`{key}`", spelled(span), what, "fails the release" if late else "is told; it goes on waiting"))
    return table(("key", "default", "how long", "its end"), rows)


PARTS: Mapping[str, Callable[[], str]] = {
    "diagram": state_diagram,
    "states": states,
    "reasons": reasons,
    "verbs": verbs,
    "routes": routes,
    "documents": documents,
    "exits": sayings.exits,
    "errors": sayings.errors,
    "mistakes": sayings.mistakes,
    "findings": sayings.findings,
    "definition-example": definition_example,
    "definition-keys": definition_keys,
    "ecosystem-example": ecosystem_example,
    "ecosystem-keys": ecosystem_keys,
    "standard-keys": standard_keys,
    "definition-mistakes": definition_mistakes,
    "ecosystem-mistakes": ecosystem_mistakes,
    "limits": limits,
    "bounds": bounds,
    "limits-in-force": limits_in_force,
    "lacks": lacks,
    "walls-of-an-instance": walls.of_an_instance,
    "walls-of-the-network": walls.of_the_network,
    "faults": walls.faults,
}


def filled(text: str) -> str:
    """The document with every part as it should be. Raises KeyError for a part that nobody makes."""
    return PART.sub(lambda found: f"{found[1]}{PARTS[found[2]]()}{found[3]}", text)


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def main() -> int:
    behind = [page for page in pages() if filled(page.read_text()) != page.read_text()]
    for page in behind:
        name = page.relative_to(ROOT)
        if "--check" in sys.argv:
            print(f"{name} is behind the code: run script/reference", file=sys.stderr)
        else:
            page.write_text(filled(page.read_text()))
            print(f"{name} is brought up to date")
    return 1 if behind and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
