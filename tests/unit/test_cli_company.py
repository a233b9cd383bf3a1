"""Bringing a company up and down, finding it, checking its files, and what goes wrong."""

import shutil
import sys
from pathlib import Path

import pytest
from face_company import Company, release
from face_shell import DEFINITION, Shell, Ticking

from twinstage.cli import demo
from twinstage.runtime.local import host, places

CATALOG, ORDERS = release("catalog", "c"), release("orders", "1")


def test_an_unreachable_controller_is_trouble_of_the_platform(shell: Shell, nobody: None) -> None:
    said = shell("status", "-e", "shop")
    assert said.status == 4
    assert "cannot reach the controller of shop: nothing listens on" in said.err
    assert "twinstage up" in said.err


def test_the_company_is_told_by_option_then_file_then_the_only_one(
    shell: Shell, company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.live(CATALOG)
    assert shell("status").status == 0
    (tmp_path / "here" / "ecosystem.yaml").write_text("ecosystem: bank  # with a mistake\nservice: {}\n")
    assert "controller of bank" in shell("status").err
    monkeypatch.setenv("TWINSTAGE_ECOSYSTEM", "shop")
    assert shell("status").status == 0
    assert "controller of other" in shell("status", "-e", "other").err


def test_several_companies_have_to_be_told_apart(shell: Shell, company: Company) -> None:
    other = places.socket_root() / "bank" / "api"
    other.mkdir(parents=True)
    (other / "api.sock").touch()
    said = shell("status")
    shutil.rmtree(other.parent)
    assert said.status == 2
    assert "bank, shop are up" in said.err


def test_nothing_is_up(shell: Shell, nobody: None) -> None:
    assert shell("status").status == 4
    down = shell("down")
    assert (down.status, down.out.strip()) == (0, "nothing is up")


def test_check_tells_every_mistake_at_once(shell: Shell, nobody: None, tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "twinstage.yaml").write_text(DEFINITION.format(name="orders"))
    good = shell("check")
    assert (good.status, "3 gates" in good.out) == (0, True)
    (here / "twinstage.yaml").write_text("service: orders\nrun: 7\nhealt: /\n")
    bad = shell("check")
    assert bad.status == 3
    assert "3 mistakes" in bad.err or "4 mistakes" in bad.err
    assert "twinstage.yaml:3" in bad.err
    (here / "company.yaml").write_text("ecosystem: shop\nservices: {orders: {repositry: ../orders}}\n")
    assert "repository" in shell("check", "company.yaml").err
    assert shell("check", "nothing.yaml").status == 2


def test_usage_and_version(shell: Shell) -> None:
    assert shell("version").out.startswith("twinstage ")
    assert shell("sbmit").status == 2
    assert shell("submit").status == 2
    helped = shell("--help").out
    assert "Exit statuses" in helped
    assert "trouble of the platform" in " ".join(helped.split())


def test_an_unexpected_error_is_one_line_and_a_file(
    shell: Shell, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("twinstage.cli.table.draw", broken)
    said = shell("status")
    assert said.status == 4
    first, second = said.err.splitlines()[:2]
    assert first == "twinstage itself failed: ZeroDivisionError: by nought"
    path = Path(next(word for word in second.split() if word.startswith("/")).rstrip(";"))
    assert "in broken" in path.read_text()
    path.unlink()


def test_up_tells_every_mistake_and_starts_nothing(
    shell: Shell, nobody: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "up", lambda *_: pytest.fail("started"))
    (tmp_path / "here" / "ecosystem.yaml").write_text(
        "ecosystem: shop\nservices: {orders: {branch: main}}\nruntim: x\n"
    )
    said = shell("up")
    assert said.status == 3
    assert "ecosystem.yaml has 2 mistakes" in said.err
    assert "runtime" in said.err
    assert shell("up", "elsewhere.yaml").status == 2


def test_up_brings_the_file_into_force_and_says_what_to_do_next(
    shell: Shell, company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "up", lambda _file, report: report("starting production"))
    (tmp_path / "here" / "ecosystem.yaml").write_text("ecosystem: shop\nservices: {orders: {repository: ../orders}}\n")
    with Ticking(company):
        said = shell("up")
        company.live(ORDERS)
        again = shell("up")
    assert (said.status, said.err) == (0, "")
    assert "starting production" in said.out
    assert "shop is up after" in said.out
    assert "twinstage submit --all" in said.out
    assert "http://127.0.0.1:10001" in again.out


def test_a_machine_that_cannot_is_told_what_it_lacks(
    shell: Shell, nobody: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise host.HostTrouble(
            "cannot bring up sealed ecosystems on this machine:\n- no user namespaces: write a profile"
        )

    monkeypatch.setattr(host, "up", refuses)
    (tmp_path / "here" / "ecosystem.yaml").write_text("ecosystem: shop\nservices: {orders: {repository: ../orders}}\n")
    said = shell("up")
    assert said.status == 4
    assert said.err.splitlines() == [
        "cannot bring up sealed ecosystems on this machine:", "- no user namespaces: write a profile",
    ]  # fmt: skip


def test_down_twice_is_answered_sensibly(
    shell: Shell, company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[str] = []
    monkeypatch.setattr(host, "down", stopped.append)
    monkeypatch.setattr(places, "state_root", lambda: tmp_path / "state")
    (tmp_path / "here" / "ecosystem.yaml").write_text("ecosystem: shop\n")
    assert shell("down").out == "shop was never up here\n"
    (tmp_path / "state" / "shop").mkdir(parents=True)
    assert "shop is down; `twinstage up` continues" in shell("down").out
    monkeypatch.setattr(places, "socket_root", lambda: tmp_path / "none")
    assert shell("down").out == "shop is down\n"
    assert stopped == ["shop", "shop"]


def test_demo_hands_its_arguments_to_the_play(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[list[str]] = []

    class Play:
        def __init__(self, command: list[str]) -> None:
            played.append(command)

        def wait(self) -> int:
            return 1

    monkeypatch.setattr(demo.subprocess, "Popen", Play)
    assert shell("demo", "--exit", "--help").status == 1
    assert played == [[sys.executable, "-m", "twinstage.demo", "--exit", "--help"]]
