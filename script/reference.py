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

from faces import documents, routes, table, verbs

from twinstage.api.advice import ADVICE
from twinstage.api.documents import PHASE
from twinstage.config.definition import definition
from twinstage.config.ecosystem import ecosystem
from twinstage.config.problems import Problems
from twinstage.config.value import spelled
from twinstage.model.policy import Policy
from twinstage.model.reasons import SENTENCES
from twinstage.model.rollout import FINAL, State
from twinstage.pipeline.states import LIMIT, RETREAT, TABLE, diagram

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
    limits = Policy().limits
    rows = []
    for state in State:
        if state in FINAL:
            continue
        owner, key, late = LIMIT[state]
        span, until = spelled(limits[key]), f"`limits.{key}`"
        if state is State.CANARY:  # see pipeline.states.limit
            span, until = spelled(Policy().longest_canary), "`canary.longest`"
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
    _SERVICE + "gates: {review: ./review.sh}\n",
    _SERVICE + "secrets: [PAYMENT_KEY]\n",
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
    return _mistakes(DEFINITIONS, lambda text: definition(text, known=known), _SERVICE)


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
    "definition-mistakes": definition_mistakes,
    "ecosystem-mistakes": ecosystem_mistakes,
    "limits": limits,
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
