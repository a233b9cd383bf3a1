"""YAML is read with its lines, and within bounds."""

import pytest

from twinstage.config.document import MOST_BYTES, Listing, Scalar, Table, document
from twinstage.config.problems import Report

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)
)


def test_nodes_know_their_lines_and_keep_what_was_written() -> None:
    report = Report("f")
    top = document("a: 007\nb:\n  - 'x'\n  - {c: true}\nd:\ne: 1\n", report)

    assert isinstance(top, Table)
    values = {key.text: value for key, value in top.entries}
    assert values["a"] == Scalar(line=1, text="007", kind="number")
    assert isinstance(values["b"], Listing)
    assert [item.line for item in values["b"].items] == [3, 4]
    assert (values["d"].line, getattr(values["d"], "kind", "")) == (5, "nothing")
    assert report.problems == []


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: c: d\n", 2, "mapping values are not allowed"),
        ("a: [1, 2\nb: 3\n", 2, "begun in line 1"),
        ("a: 1\n\tb: 2", 2, "not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a: 1\nb: *x\n", 2, "no anchor"),
        ("a: &a [*a]", 1, "inside its own anchor"),
        ("a: 1\nb: !!python/object/apply:os.system [x]", 2, "python/object"),
        ("a: !other x", 1, "!other"),
        ("a: 1\nb: x\x01", 2, "U+0001"),
        (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
        ("", 1, "empty"),
        ("# nothing\n", 1, "empty"),
        ("- a\n", 1, "a list"),
        ("just words", 1, "a text"),
        ("[" * 100_000, 1, "nested too deep"),
        (BOMB, 5, "more than 20000 values"),
        ("a: 1\n" + "#" * MOST_BYTES, 0, "at most 262144"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(text: str | bytes, line: int, says: str) -> None:
    report = Report("f.yaml")

    assert document(text, report) is None
    (problem,) = report.problems
    assert problem.line == line
    assert says in str(problem)


def test_a_key_that_stands_twice_is_reported_with_its_path() -> None:
    report = Report("f")
    document("a:\n  b: 1\n  b: 2\n", report)

    (problem,) = report.problems
    assert (problem.line, problem.path) == (3, "a.b")
    assert "first in line 2" in problem.message


def test_aliases_are_values_and_merge_keys_are_refused() -> None:
    report = Report("f")
    top = document("a: &a {x: 1}\nb: *a\nc: {<<: *a}\n", report)

    assert top is not None
    assert top.entries[0][1] == top.entries[1][1]
    assert [problem.path for problem in report.problems] == ["c.<<"]
