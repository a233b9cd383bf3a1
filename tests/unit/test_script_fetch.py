"""How script/setup comes by `uv` on a machine that has nothing but Python."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from script_module import script

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def fetch_uv() -> ModuleType:
    return script("fetch_uv")


@pytest.mark.parametrize(
    ("machine", "glibc", "tag"),
    [
        ("x86_64", (2, 36), "manylinux_2_17_x86_64"),
        ("x86_64", None, "musllinux_1_1_x86_64"),
        ("aarch64", (2, 36), "manylinux_2_28_aarch64"),
        ("aarch64", (2, 17), "manylinux_2_17_aarch64"),
        ("aarch64", None, "musllinux_1_1_aarch64"),
    ],
)
def test_the_lock_names_a_wheel_for_each_machine(
    fetch_uv: ModuleType, machine: str, glibc: tuple[int, int] | None, tag: str
) -> None:
    version, offered = fetch_uv.wheels(ROOT / "uv.lock")
    best = fetch_uv.fitting(offered, machine, glibc)[0]
    assert tag in best["url"]
    assert f"/uv-{version}-" in best["url"]
    assert best["hash"].startswith("sha256:")


@pytest.mark.parametrize(("machine", "glibc"), [("x86_64", (2, 5)), ("vax", (2, 36)), ("armv6", None)])
def test_a_machine_without_a_wheel_gets_none(fetch_uv: ModuleType, machine: str, glibc: tuple[int, int] | None) -> None:
    assert fetch_uv.fitting(fetch_uv.wheels(ROOT / "uv.lock")[1], machine, glibc) == []


def test_an_index_is_read_in_both_its_forms(fetch_uv: ModuleType) -> None:
    as_json = json.dumps({"files": [{"url": "../uv-1-py3-none-any.whl"}]}).encode()
    assert fetch_uv.links(as_json, "application/vnd.pypi.simple.v1+json") == ["../uv-1-py3-none-any.whl"]
    as_html = b"<html><a href='../uv-1.whl#sha256=0'>uv-1.whl</a><a>none</a><a href=/b%2B.whl>b</a>"
    assert fetch_uv.links(as_html, "text/html") == ["../uv-1.whl#sha256=0", "/b%2B.whl"]
    assert fetch_uv.name_of("https://x/y/b%2B1.whl#sha256=0") == "b+1.whl"


def test_a_directory_of_wheels_comes_first_and_its_hash_counts(
    fetch_uv: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", f"{tmp_path}/none {tmp_path}")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    wheel = {"url": "https://x/uv-1.whl", "hash": "sha256:" + hashlib.sha256(b"right").hexdigest()}
    (tmp_path / "uv-1.whl").write_bytes(b"right")
    assert fetch_uv.fetch([wheel]) == b"right"
    (tmp_path / "uv-1.whl").write_bytes(b"wrong")
    with pytest.raises(fetch_uv.Trouble, match="PIP_FIND_LINKS"):
        fetch_uv.fetch([wheel])


def test_the_program_is_taken_out_whole_and_executable(fetch_uv: ModuleType, tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        made.writestr("uv-1.data/scripts/uvx", "x")
        made.writestr("uv-1.data/scripts/uv", "program")
    fetch_uv.install(content.getvalue(), tmp_path / "uv-1" / "uv")
    assert (tmp_path / "uv-1" / "uv").read_text() == "program"
    assert (tmp_path / "uv-1" / "uv").stat().st_mode & 0o777 == 0o755
    assert [path.name for path in (tmp_path / "uv-1").iterdir()] == ["uv"]


def test_passwords_are_not_shown(fetch_uv: ModuleType) -> None:
    assert fetch_uv.shown("https://me:secret@index.example/simple") == "https://index.example/simple"
