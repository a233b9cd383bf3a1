"""The readers and the JSON Schemas take the same files: bound by bound, as far as a schema can say it."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from twinstage.config import shapes
from twinstage.config.definition import LATER, definition
from twinstage.config.ecosystem import ecosystem
from twinstage.config.problems import Problem, Problems
from twinstage.config.schema import FILES, File, schema
from twinstage.config.shapes import Shape
from twinstage.config.value import sized, spelled
from twinstage.demo.repositories import examples

Document = dict[str, Any]
Place = tuple[str | int, ...]

VALIDATORS = {file: Draft202012Validator(schema(file)) for file in File}
BASES: Mapping[File, Document] = {
    File.SERVICE: {"service": "orders", "run": "serve", "instances": {"production": 60, "staging": 1}},
    File.ECOSYSTEM: {
        "ecosystem": "shop",
        "services": {"orders": {"repository": "../orders"}},
        "standard": {"canary": {"bake": "0s", "longest": "30d"}},
    },
}
"""Valid, with room: whatever its bounds allow at one key alone is fine here."""
BEYOND = re.compile(
    r"is more than production's|does not rise|is shorter than its bake|write a (?:duration|size) from|at most \d+$|itself"
    r"|has no staging|do not share a host|is production's host|stands beside stub|is an address|every instance's own"
    r"|is in the same place|is set by Twinstage to the address|stands twice|cannot be used"
)
"""What a schema cannot say: two values together, sizes in bytes, spans, a number that is taken as it is written."""
NAMES = ("lint", "orders", "PAGE_SIZE")


def problems(file: File, document: Any) -> tuple[Problem, ...]:
    """The reader's. JSON is YAML, and keeps the kinds of values."""
    text = json.dumps(document, ensure_ascii=False)
    try:
        definition(text) if file is File.SERVICE else ecosystem(text, "ecosystem.yaml", Path("/company"))
    except Problems as found:
        return found.problems
    return ()


def valid(file: File, document: Any) -> bool:
    return bool(VALIDATORS[file].is_valid(document))


# --------------------------------------------------------------------------------------------------- bound by bound


def around(shape: Shape) -> tuple[list[Any], list[Any]]:
    """Values at the edge of what it allows, and just beyond."""
    if isinstance(shape, shapes.Whole):
        return [shape.low, shape.high], [shape.low - 1, shape.high + 1, 1.5, "one", True]
    if isinstance(shape, shapes.Span):
        return [spelled(shape.low), spelled(shape.high)], ["", "soon", "1 m", 30, "1m 30s"]
    if isinstance(shape, shapes.Size):
        return [sized(shape.low), sized(shape.high)], ["", "much", "1.5G", "1 G", "64", 64]
    if isinstance(shape, shapes.Text):
        return ["x", "x\ny", "x" * shape.most], ["", " \n", "x" * (shape.most + 1), 5, True, "a\x07b"]
    if isinstance(shape, shapes.Plain):
        return ["", 5, 1.5, True, "x" * shape.most], ["x" * (shape.most + 1), "a\x07b"]
    if isinstance(shape, shapes.Choice):
        return list(shape.options), ["nonsense", True]
    if isinstance(shape, shapes.Word):
        return [], ["", *shape.but]
    if isinstance(shape, shapes.Listing):
        good, bad = around(shape.of)
        more = [shape.with_] if shape.with_ is not None else []
        wrong = [[it] for it in bad] + ([[]] if shape.least else []) + [[it, it, *more] for it in good]
        return [sorted({it, *more}) for it in good], [*wrong, "x", {}]
    if isinstance(shape, shapes.Either):
        some = [around(one) for one in shape.of]
        fits = [Draft202012Validator(one.schema()).is_valid for one in shape.of]
        return [it for good, _ in some for it in good], [
            it for _, bad in some for it in bad if not any(fit(it) for fit in fits)
        ]
    if isinstance(shape, shapes.Nothing):
        return [None], ["x", 5]
    return [], ["x", 5]


def shapes_of(shape: Shape, at: Place = ()) -> Iterator[tuple[Place, Shape]]:
    yield at, shape
    table = as_table(shape)
    if isinstance(table, shapes.Table):
        for step, key in table.keys.items():
            yield from shapes_of(key.shape, (*at, step))
    elif isinstance(table, shapes.Named):
        yield from shapes_of(table.of, (*at, name_for(table)))


def as_table(shape: Shape) -> Shape:
    if isinstance(shape, shapes.Either):
        return next(one for one in shape.of if isinstance(one, shapes.Table))
    return shape


def name_for(shape: shapes.Named) -> str:
    return next(it for it in NAMES if shape.rule.pattern.fullmatch(it))


def put(file: File, at: Place, value: Any) -> Any:
    """The base, with that value there, and beside it what its tables require."""
    whole: Any = deepcopy(BASES[file])
    if not at:
        return value
    here, shape = whole, as_table(ROOTS[file])
    for step in at[:-1]:
        inner = shape.keys[step].shape if isinstance(shape, shapes.Table) else shape.of  # type: ignore[attr-defined]
        shape = as_table(inner)
        if not isinstance(here.get(step), dict):
            here[step] = {}
        here = here[step]
        for known, key in getattr(shape, "keys", {}).items():
            if key.required and known != at[-1]:
                here.setdefault(known, usual(key))
    here[at[-1]] = value
    return whole


def usual(key: shapes.Key) -> Any:
    good, _ = around(key.shape)
    return good[0] if good else key.example


ROOTS: Mapping[File, Shape] = {file: table for file, (table, _) in FILES.items()}
EVERY = [(file, at, shape) for file in File for at, shape in shapes_of(ROOTS[file])]


def label(it: object) -> str:
    if isinstance(it, tuple):
        return ".".join(map(str, it)) or "file"
    return it.value if isinstance(it, File) else type(it).__name__.lower()


@pytest.mark.parametrize(("file", "at", "shape"), EVERY, ids=label)
def test_the_edge_of_what_a_key_allows_is_the_same_for_both(file: File, at: Place, shape: Shape) -> None:
    good, bad = around(shape)
    for value in good:
        document = put(file, at, value)
        assert not [found for found in problems(file, document) if not BEYOND.search(found.message)], value
        assert valid(file, document), value
    for value in [*bad, *([] if isinstance(shape, shapes.Nothing | shapes.Either) else [None])]:
        document = put(file, at, value)
        assert problems(file, document), value
        assert not valid(file, document), value


@pytest.mark.parametrize(("file", "at", "shape"), [it for it in EVERY if isinstance(it[2], shapes.Span)], ids=label)
def test_a_duration_beyond_its_bounds_is_refused_by_the_reader(file: File, at: Place, shape: shapes.Span) -> None:
    assert problems(file, put(file, at, spelled(shape.high + timedelta(seconds=1))))
    if shape.low:
        assert problems(file, put(file, at, "0s"))


@pytest.mark.parametrize(("file", "at", "shape"), EVERY, ids=label)
def test_a_table_takes_its_own_keys_and_wants_the_required_ones(file: File, at: Place, shape: Shape) -> None:
    table = as_table(shape)
    if isinstance(table, shapes.Table):
        whole = inside(file, at)
        refused = [{**whole, "nonsense": 1}, *({k: v for k, v in whole.items() if k != it} for it in required(table))]
    elif isinstance(table, shapes.Named):
        kept = inside(file, at) or {}
        item = next(iter(kept.values()), "x")
        wrong = [*table.but, "has blanks", *([f"{table.reserved}X"] if table.reserved else [])]
        refused = [{**kept, it: item} for it in wrong] + ([{}] if table.least else [])
    else:
        return
    for value in refused:
        document = put(file, at, value)
        assert problems(file, document), value
        assert not valid(file, document), value


def inside(file: File, at: Place) -> Any:
    """A table that is fine there."""
    table = as_table({place: it for f, place, it in EVERY if f is file}[at])
    if not at:
        return deepcopy(BASES[file])
    if isinstance(table, shapes.Named):
        it = name_for(table)
        return {it: inside(file, (*at, it)) if isinstance(table.of, shapes.Table) else "x"}
    return {known: usual(key) for known, key in getattr(table, "keys", {}).items() if key.required}


def required(table: shapes.Table) -> list[str]:
    return [known for known, key in table.keys.items() if key.required]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"depends_on": ["two words"]}, "depends_on[0]"),
        ({"health": "healthz"}, "health"),
        ({"health": "/a b"}, "health"),
        ({"service": "Orders"}, "service"),
        ({"service": "localhost"}, "service"),
        ({"config": {"TWINSTAGE_X": "1"}}, "config.TWINSTAGE_X"),
        ({"config": {"MODE": {"staging": "toy"}}}, "config.MODE"),
        ({"gates": {"review": "./review.sh"}}, "gates.review"),
        *(({later: {}}, later) for later in LATER),
    ],
    ids=str,
)
def test_what_a_definition_has_wrong_is_refused_by_both(document: Document, path: str) -> None:
    whole = {**BASES[File.SERVICE], **document}
    assert [it.path for it in problems(File.SERVICE, whole)] == [path]
    assert not valid(File.SERVICE, whole)


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"repository": "https://git.shop.example/orders"}, "repository"),
        ({"repository": "git@shop.example:orders"}, "repository"),
        ({"repository": "a\tb"}, "repository"),
        ({"repository": "../o", "path": "/services"}, "path"),
        ({"repository": "../o", "path": "a/../b"}, "path"),
        ({"repository": "../o", "path": "-x"}, "path"),
        ({"repository": "../o", "branch": "a..b"}, "branch"),
        ({"repository": "../o", "branch": "x.lock"}, "branch"),
        ({"repository": "../o", "branch": "a b"}, "branch"),
    ],
    ids=str,
)
def test_what_a_company_has_wrong_is_refused_by_both(entry: Document, path: str) -> None:
    whole = {"ecosystem": "shop", "services": {"orders": entry}}
    assert [it.path for it in problems(File.ECOSYSTEM, whole)] == [f"services.orders.{path}"]
    assert not valid(File.ECOSYSTEM, whole)


# ----------------------------------------------------------------------------------------------------- files of all kinds


@pytest.mark.parametrize("file", sorted(examples().rglob("*.yaml")), ids=lambda it: f"{it.parent.name}/{it.name}")
def test_the_shops_files_are_valid(file: Path) -> None:
    kind = File.ECOSYSTEM if file.name == "ecosystem.yaml" else File.SERVICE
    document = YAML(typ="safe", pure=True).load(file.read_text())
    assert not list(VALIDATORS[kind].iter_errors(document))


@pytest.mark.parametrize("file", File, ids=label)
def test_the_schemas_keep_the_draft_and_describe_every_key(file: File) -> None:
    Draft202012Validator.check_schema(schema(file))
    for _, at, shape in (it for it in EVERY if it[0] is file):
        if isinstance(shape, shapes.Table):
            assert all(key.about for key in shape.keys.values()), at


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 40_000), st.sampled_from([1.5, "", " ", "x", "orders", "5s", "1h30m", "2d", "/a"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.just([]), st.just({}),
)  # fmt: skip


def made(shape: Shape) -> st.SearchStrategy[Any]:
    """Mostly what it allows."""
    return st.one_of(fitting(shape), fitting(shape), fitting(shape), fitting(shape), ODD)


def fitting(shape: Shape) -> st.SearchStrategy[Any]:
    if isinstance(shape, shapes.Table):
        needed = {known: made(key.shape) for known, key in shape.keys.items() if key.required}
        return st.fixed_dictionaries(
            needed, optional={known: made(key.shape) for known, key in shape.keys.items() if known not in needed}
        )
    if isinstance(shape, shapes.Named):
        names = st.sampled_from([*NAMES, "payments", "PORT", "review", "TWINSTAGE_A", "x y"])
        return st.dictionaries(names, made(shape.of), max_size=3)
    if isinstance(shape, shapes.Listing):
        return st.lists(made(shape.of), max_size=3)
    if isinstance(shape, shapes.Either):
        return st.one_of([made(one) for one in shape.of])
    if isinstance(shape, shapes.Word):
        return st.one_of(
            st.from_regex(shape.rule.pattern, fullmatch=True), st.sampled_from(["orders", "payments", "/x", "2"])
        )
    good, _ = around(shape)
    return st.sampled_from([it for it in good if not isinstance(it, str) or len(it) < 100])


@pytest.mark.parametrize("file", File, ids=label)
def test_what_the_reader_takes_the_schema_takes_and_the_reverse_but_for_what_is_beyond_it(file: File) -> None:
    @settings(max_examples=300, derandomize=True)
    @given(fitting(ROOTS[file]))
    def compare(document: Document) -> None:
        found = problems(file, document)
        if not found:
            errors = [f"{it.json_path}: {it.message}" for it in VALIDATORS[file].iter_errors(document)]
            assert not errors
        elif valid(file, document):
            assert all(BEYOND.search(str(it)) for it in found), found

    compare()
