"""What a controller notes about its start, and what `up` makes of it."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from test_local_stand import SETTINGS

from twinstage.runtime.local import host, start
from twinstage.runtime.local.layout import COMPANY, Layout
from twinstage.runtime.local.places import Places


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("TWINSTAGE_ROOT", str(tmp_path))
    found = Layout.on_host(Places.of("shop"))
    found.store.parent.mkdir(parents=True)
    SETTINGS.write(found.state / "settings.json", os.geteuid())
    return found


def test_a_controller_that_cannot_open_its_store_says_why_and_up_tells_it(layout: Layout) -> None:
    layout.store.write_bytes(b"no database at all, though long enough to be one" * 30)
    command = [sys.executable, "-m", "twinstage.daemon", "--state", str(layout.state), "--sockets", str(layout.sockets)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 4
    assert "Traceback" not in ran.stdout + ran.stderr
    assert f"cannot open {layout.store}" in start.failure(layout)
    with pytest.raises(host.HostTrouble, match="put a copy of it back"):
        host._wait_for_api(layout)
    (finding,) = [f for f in host.troubles("shop") if f.about == "the controller"]
    assert str(layout.store) in finding.what
    start.forget(layout)
    assert start.failure(layout) == ""


def test_paths_are_told_as_they_are_outside_the_controllers_sandbox(layout: Layout) -> None:
    start.failed(layout, f"cannot open {COMPANY}/store/store.sqlite")
    assert start.failure(layout) == f"cannot open {layout.store}"


def test_another_twinstage_and_other_settings_are_seen(layout: Layout) -> None:
    assert start.outdated(layout), "one that came before this was noted"
    start.note(layout)
    assert not start.outdated(layout)
    other = replace(SETTINGS, packages={"UV_DEFAULT_INDEX": "https://elsewhere.example"})
    other.write(layout.state / "settings.json", os.geteuid())
    assert start.outdated(layout)
