"""Faults that the runtime on one machine could have, each with the test that must not let it pass.

A fault is a small change of text. ``old`` stands exactly once in its part of the source: where it does not any more, the fault
has to be written anew for what stands there now.
"""

from dataclasses import dataclass
from pathlib import Path

RUNTIME, INSIDE = "src/twinstage/runtime/local", "src/twinstage/inside"


@dataclass(frozen=True, kw_only=True)
class Fault:
    name: str
    part: str
    """The directory in which ``old`` stands, in whichever file."""
    old: str
    new: str
    test: str
    """That turns red."""
    says: str
    """In what it says then: so it is red for this reason."""

    def put_into(self, checkout: Path) -> None:
        texts = {path: path.read_text() for path in (checkout / self.part).rglob("*.py")}
        found = sum(text.count(self.old) for text in texts.values())
        assert found == 1, f"cannot put {self.name!r} into {self.part}: it has {found} times, not once, {self.old!r}"
        (path,) = (path for path, text in texts.items() if self.old in text)
        path.write_text(texts[path].replace(self.old, self.new))


FAULTS = (
    Fault(
        name="routes are ignored",
        part=RUNTIME,
        old="        self._write_route(route, known=True)\n",
        new="        self._ledger.put_route(route, route_version(route, self._admits(route.service)))\n",
        test="tests/contract/test_contract_routes.py::test_a_route_is_accepted_as_it_was_put[local]",
        says="did not come about",
    ),
    Fault(
        name="a route is believed to be in force because it was written",
        part=RUNTIME,
        old='            found[service] = by_version[version or ""]\n',
        new="            found[service] = record.route\n",
        test="tests/unit/test_local_sight.py::test_a_route_is_in_force_when_the_proxy_has_its_version",
        says="the older one is in force",
    ),
    Fault(
        name="instances go while they still answer",
        part=RUNTIME,
        old="in_flight=look.in_flight.get(name, 0)",
        new="in_flight=0",
        test="tests/contract/test_contract_workloads.py::test_a_request_that_is_not_answered_yet_is_in_flight[local]",
        says="did not come about",
    ),
    Fault(
        name="instances are cut off instead of told to stop",
        part=RUNTIME,
        old='("stopsignal", "TERM")',
        new='("stopsignal", "KILL")',
        test="tests/contract/test_local_sandbox.py::test_sigterm_reaches_the_program",
        says="told to stop",
    ),
    Fault(
        name="health is believed from the supervisor instead of the proxy",
        part=RUNTIME,
        old="    if host is not None and host.healthy:\n",
        new='    if process.state == "RUNNING":\n',
        test="tests/contract/test_contract_workloads.py::test_one_that_answers_badly_is_never_healthy[local]",
        says="called healthy",
    ),
    Fault(
        name="a job can write its artifact",
        part=RUNTIME,
        old="        binds.append(Bind(source=artifact, target=artifact))\n",
        new="        binds.append(Bind(source=artifact, target=artifact, writable=True))\n",
        test="tests/contract/test_local_sandbox.py::test_a_job_is_nobody_and_sees_nothing_of_its_neighbours",
        says="EROFS",
    ),
    Fault(
        name="the sentinel's report is dropped",
        part=INSIDE,
        old="        self.counts[(target.kind, answered)] += 1\n",
        new="        self.counts[(target.kind, answered)] += 1\n        return\n",
        test="tests/contract/test_contract_fences.py::test_a_stray_call_is_told_with_who_made_it[local]",
        says="did not come about",
    ),
    Fault(
        name="a job is run again when it is told again",
        part=INSIDE,
        old="    if earlier is not None:\n        _account(spec, earlier, now)\n        return\n",
        new="",
        test="tests/contract/test_local_sandbox.py::test_a_job_runs_once_however_often_it_is_told",
        says="has started a second time",
    ),
    Fault(
        name="whoever has a network may call every service",
        part=RUNTIME,
        old="for r in self._ledger.workloads.values() if service in r.workload.calls]",
        new="for r in self._ledger.workloads.values()]",
        test="tests/unit/test_local_projection.py::test_a_frontend_admits_the_ranges_of_those_who_declare_it",
        says="assert",
    ),
    Fault(
        name="an older controller is heard",
        part=RUNTIME,
        old="        if fence.epoch < highest:\n",
        new="        if fence.epoch < highest - 1:\n",
        test="tests/contract/test_contract_fences.py::test_an_older_controller_is_refused[local-put_workload]",
        says="DID NOT RAISE",
    ),
    Fault(
        name="the proxy admits whoever comes to a frontend",
        part=RUNTIME,
        old="{CALLERS: callers(admits)}",
        new='{CALLERS: callers(["0.0.0.0/0"])}',
        test="tests/envoy/test_envoy_callers.py::test_an_undeclared_caller_is_told_what_to_declare",
        says="assert 200 == 403",
    ),
    Fault(
        name="the proxy admits whoever comes to the database",
        part=RUNTIME,
        old='rules = {"action": "ALLOW", "policies": admitted(admits)}',
        new='rules = {"action": "ALLOW", "policies": admitted(["0.0.0.0/0"])}',
        test="tests/envoy/test_envoy_database.py::test_declared_callers_reach_the_server_and_others_do_not",
        says="assert not True",
    ),
    Fault(
        name="the way out carries to this machine itself",
        part=INSIDE,
        old="fit = [address for address in addresses if host in self.own or not self._refused(host, address)]",
        new="fit = addresses",
        test="tests/unit/test_inside_outside.py::test_this_machine_itself_is_never_carried_to",
        says="b'hello'",
    ),
)
