"""How an instance or a job is to stand in its sandbox: its environment, its mounts, its files; and bubblewrap's words for it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from test_local_files import WORKLOAD

from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, JobId, LaneId, Place, Port, RolloutId, ServiceName
from twinstage.runtime.local import instance
from twinstage.runtime.local.ledger import Ports
from twinstage.runtime.local.sandbox import arguments
from twinstage.runtime.local.sandbox.toolchain import Bind
from twinstage.runtime.local.settings import Settings, package_environment

ORDERS, GIFTS = ServiceName("orders"), ServiceName("gift-cards")
PORTS = Ports(
    services={
        ORDERS: {Ecosystem.PRODUCTION: (Port(10000), Port(12000)), Ecosystem.STAGING: (Port(14000), Port(16000))},
        GIFTS: {Ecosystem.PRODUCTION: (Port(10001), Port(12001)), Ecosystem.STAGING: (Port(14001), Port(16001))},
    }
)
SETTINGS = Settings(
    name="shop",
    python="/venv/bin/python",
    base="/usr/bin/python3",
    bwrap="/venv/bwrap",
    packages={"UV_DEFAULT_INDEX": "https://packages.example/simple"},
    binds=(("/host/wheels", "/wheels"),),
    lacking=(),
)
GATE = Job(
    id=JobId("00000001.gate.unit.0.1"),
    kind=JobKind.GATE,
    name="unit",
    place=Place.WORKSHOP,
    rollout=RolloutId("00000001"),
    service=ORDERS,
    commit="c" * 40,
    round=0,
    attempt=1,
    command="pytest 'tests/a b' # 100%\nand more",
    limit=timedelta(minutes=1),
    source="orders-c",
    artifact=WORKLOAD.artifact,
)
COMMON = {"PATH": "/artifacts/x/.venv/bin:/opt/twinstage/bin:/usr/local/bin:/usr/bin:/bin"} | {
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
}


def environment(words: Sequence[str]) -> dict[str, str]:
    return {words[n + 1]: words[n + 2] for n, word in enumerate(words) if word == "--setenv"}


def mounts(words: Sequence[str], option: str) -> list[tuple[str, str]]:
    return [(words[n + 1], words[n + 2]) for n, word in enumerate(words) if word == option]


def test_an_instance_gets_what_is_documented_and_nothing_else() -> None:
    workload = replace(WORKLOAD, calls=(GIFTS,), env={"MODE": "100%\n'x'"})
    stand = instance.of_workload(workload, "orders.web.r_1.1.main.0", PORTS, SETTINGS)
    assert environment(stand.arguments) == {
        **COMMON,
        "HOST": "127.0.0.1",
        "PORT": "16000",
        "GIFT_CARDS_URL": "http://10.64.0.1:14001",
        "MODE": "100%\n'x'",
    }
    assert "--clearenv" in stand.arguments
    assert stand.wired


def test_configuration_cannot_take_the_place_of_what_the_platform_says() -> None:
    stand = instance.of_workload(
        replace(WORKLOAD, env={"PORT": "1", "HOST": "::", "PATH": "/mine"}), "x", PORTS, SETTINGS
    )
    assert environment(stand.arguments) == {**COMMON, "HOST": "127.0.0.1", "PORT": "16000"}


def test_a_program_with_a_port_of_its_own_is_told_that_one() -> None:
    stand = instance.of_workload(replace(WORKLOAD, listens=8000), "x", PORTS, SETTINGS)
    assert environment(stand.arguments)["PORT"] == "8000"


def test_a_neighbour_that_is_not_introduced_yet_has_no_address() -> None:
    assert instance.urls((ServiceName("later"), ORDERS), Ecosystem.PRODUCTION, PORTS) == {
        "ORDERS_URL": "http://10.64.0.1:10000"
    }


def test_an_instance_can_write_nowhere() -> None:
    words = instance.of_workload(WORKLOAD, "name", PORTS, SETTINGS).arguments
    assert mounts(words, "--bind") == []
    assert ("/artifacts/x", "/artifacts/x") in mounts(words, "--ro-bind")
    closed = {words[n + 1] for n, word in enumerate(words) if word == "--remount-ro"}
    assert closed == {"/", "/dev"}
    shown = {
        source for source, _ in mounts(words, "--ro-bind") if source.startswith(("/desired", "/state", "/sockets"))
    }
    assert shown == {"/desired/instances/name"}
    links = {words[n + 2]: words[n + 1] for n, word in enumerate(words) if word == "--symlink"}
    for file in ("hosts", "resolv.conf", "nsswitch.conf", "passwd", "group"):
        assert links[f"/etc/{file}"] == f"/twinstage/{file}", "its own, and not the machine's"


def test_a_command_is_a_file_and_no_argument() -> None:
    stand = instance.of_job(GATE, "job.a", PORTS, SETTINGS)
    assert stand.files["run"] == GATE.command
    assert not any("pytest" in word for word in stand.arguments)


def test_it_knows_itself_and_who_answers_names() -> None:
    stand = instance.of_workload(WORKLOAD, "x", PORTS, SETTINGS)
    assert stand.files["hosts"] == "127.0.0.1 localhost\n127.0.0.1 orders\n"
    assert stand.files["resolv.conf"].startswith("nameserver 10.64.0.1\n")


def test_a_gate_works_in_a_copy_without_a_network() -> None:
    stand = instance.of_job(GATE, "job.a", PORTS, SETTINGS)
    assert environment(stand.arguments) == COMMON
    assert mounts(stand.arguments, "--bind") == [(f"/state/jobs/{GATE.id}/work", "/work")]
    assert ("--unshare-net" in stand.arguments, stand.wired) == (True, False)
    assert stand.files["resolv.conf"] == ""


def test_a_verification_stands_in_staging_and_names_its_lane() -> None:
    job = replace(GATE, kind=JobKind.VERIFY, place=Place.STAGING, lane=LaneId("deadbeef"), calls=(ORDERS, GIFTS))
    stand = instance.of_job(job, "job.a", PORTS, SETTINGS)
    assert environment(stand.arguments) == {
        **COMMON,
        "ORDERS_URL": "http://10.64.0.1:14000",
        "GIFT_CARDS_URL": "http://10.64.0.1:14001",
        "TWINSTAGE_URL": "http://10.64.0.1:14000",
        "TWINSTAGE_BAGGAGE": "twinstage-lane=deadbeef",
    }
    assert ("--unshare-net" in stand.arguments, stand.wired) == (False, True)


def test_a_build_writes_at_its_final_place_and_fetches_through_its_forwarder() -> None:
    job = replace(GATE, kind=JobKind.BUILD, builds="/artifacts/new", artifact=None, packages=True)
    stand = instance.of_job(job, "job.b", PORTS, SETTINGS)
    assert set(mounts(stand.arguments, "--bind")) == {
        ("/artifacts/new", "/artifacts/new"),
        ("/caches/orders", "/cache"),
    }
    assert ("/wheels", "/wheels") in mounts(stand.arguments, "--ro-bind"), "as the workshop itself sees them"
    told = environment(stand.arguments)
    assert told["UV_DEFAULT_INDEX"] == "https://packages.example/simple"
    assert told["HTTPS_PROXY"] == told["https_proxy"] == "http://127.0.0.1:3128"
    assert told["UV_PYTHON_DOWNLOADS"] == "never"
    assert told["PATH"] == "/opt/twinstage/bin:/usr/local/bin:/usr/bin:/bin"
    assert (stand.cache, stand.wired) == ("/caches/orders", False)
    assert "--unshare-net" in stand.arguments


def test_a_build_that_does_not_say_where_is_refused() -> None:
    with pytest.raises(ValueError, match=r"00000001\.gate\.unit\.0\.1"):
        instance.of_job(replace(GATE, kind=JobKind.BUILD), "job.b", PORTS, SETTINGS)


def test_an_inner_sandbox_holds_no_capability_and_nests_none() -> None:
    words = arguments.inner(
        binds=[Bind(source="/a b", target="/c"), Bind(source="/d", target="/e", writable=True)],
        links=[("usr/bin", "/bin")],
        environment={"B": "2", "A": "1"},
        hostname="orders",
        directory="/w",
        alone=False,
    )
    assert words[words.index("--cap-drop") + 1] == "ALL"
    assert "--disable-userns" in words
    assert "--die-with-parent" in words
    assert {"--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"} < set(words)
    assert "--cap-add" not in words
    assert words[words.index("--uid") + 1] == words[words.index("--gid") + 1] == "1000"
    assert (mounts(words, "--ro-bind"), mounts(words, "--bind")) == ([("/a b", "/c")], [("/d", "/e")])
    assert mounts(words, "--symlink")[0] == ("usr/bin", "/bin")
    assert words.index("--clearenv") < words.index("--setenv")
    assert words[-4:] == ["--remount-ro", "/", "--chdir", "/w"]


def test_an_outer_sandbox_outlives_who_started_it() -> None:
    words = arguments.outer(links=[], environment={"A": "1"}, hostname="staging")
    assert not {"--die-with-parent", "--disable-userns"} & set(words)
    assert "--unshare-net" in words
    assert [words[n + 1] for n, word in enumerate(words) if word == "--cap-add"] == list(arguments.CAPABILITIES)


def test_a_program_of_the_core_keeps_the_machines_network_and_nothing_else() -> None:
    words = arguments.core(links=[], environment={}, hostname="edge", account=64103)
    assert "--unshare-net" not in words
    assert words[words.index("--uid") + 1] == "64103"
    assert words[words.index("--cap-drop") + 1] == "ALL"
    assert {"--disable-userns", "--die-with-parent", "--clearenv"} < set(words)


def test_settings_are_read_back_and_are_their_owners_alone(tmp_path: Path) -> None:
    SETTINGS.write(tmp_path / "settings.json", tmp_path.stat().st_uid)
    assert Settings.read(tmp_path / "settings.json") == SETTINGS
    assert (tmp_path / "settings.json").stat().st_mode & 0o777 == 0o600
    assert SETTINGS.build_binds() == [Bind(source="/host/wheels", target="/wheels")]


def test_builds_are_told_where_packages_come_from(tmp_path: Path) -> None:
    bundle, wheels = tmp_path / "ca.pem", tmp_path / "wheels"
    bundle.touch()
    wheels.mkdir()
    variables, binds = package_environment(
        {
            "PIP_INDEX_URL": "https://mirror.example/simple",
            "PIP_EXTRA_INDEX_URL": "https://more.example/simple",
            "UV_FIND_LINKS": f"{wheels} {tmp_path}/none",
            "REQUESTS_CA_BUNDLE": str(bundle),
            "SECRET": "not passed on",
        }
    )
    assert variables == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://more.example/simple",
        "UV_FIND_LINKS": f"{wheels} {tmp_path}/none",
        "SSL_CERT_FILE": str(bundle),
    }
    assert binds == [(str(wheels), str(wheels)), (str(bundle), str(bundle))]


def test_of_two_words_for_the_index_uvs_own_is_heard() -> None:
    told = {"PIP_INDEX_URL": "https://pip.example", "UV_DEFAULT_INDEX": "https://uv.example"}
    assert package_environment(told) == ({"UV_DEFAULT_INDEX": "https://uv.example"}, [])


def test_wheels_that_are_nowhere_are_not_looked_for(tmp_path: Path) -> None:
    assert package_environment({"UV_FIND_LINKS": str(tmp_path / "none")}) == ({}, [])


def test_the_systems_own_certificates_are_there_anyway() -> None:
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    if bundle.is_file():
        assert package_environment({"SSL_CERT_FILE": str(bundle)}) == ({"SSL_CERT_FILE": str(bundle)}, [])
    assert package_environment({"SSL_CERT_FILE": "/nowhere.pem"}) == ({}, [])
