"""What a release reaches beyond the company: what is new in it, what is shared, and who stands in for it."""

from dataclasses import replace

from handmade import POLICY, PRODUCTION, STAGING, look, release, service

from twinstage.desired.desired import desired
from twinstage.desired.parity import parity
from twinstage.desired.wholeness import closure
from twinstage.model.names import ServiceName
from twinstage.model.release import Outside, Release
from twinstage.pipeline.beyond import news, shared

PAY = Outside(hosts={PRODUCTION: "pay.example:443", STAGING: "sandbox.pay.example:443"})
RATES = Outside(hosts={PRODUCTION: "rates.example:1", STAGING: "rates.example:1"}, shared="read-only")
BANK = Outside(hosts={PRODUCTION: "bank.example:1", STAGING: "bank.example:1"}, stub=ServiceName("fake-bank"))


def with_outside(name: str, **outside: Outside) -> Release:
    made = release(name)
    return replace(made, definition=replace(made.definition, outside=outside))


def test_what_is_new_is_said_and_what_production_reaches_already_is_not() -> None:
    old, new = with_outside("r1", pay=PAY), with_outside("r2", pay=PAY, rates=RATES, bank=BANK)
    assert news(old, old) == ""
    assert news(old, None).endswith("does not: pay.example:443 (in staging sandbox.pay.example:443)")
    assert news(new, old) == (
        "r2 calls beyond the company what production's orders does not: bank.example:1 (in staging fake-bank answers); "
        "rates.example:1 (shared with staging: read-only)"
    )


def test_a_shared_host_stands_in_the_measure_of_the_mirror() -> None:
    releases = {"r1": with_outside("r1", rates=RATES, pay=PAY)}
    (found,) = parity({"orders": service("r1")}, releases, look(STAGING), {}).shared
    assert (found.service, found.host, found.why) == ("orders", "rates.example:1", "read-only")
    assert shared(releases.values()) == (found,)


def test_a_stub_is_called_and_counted_in_staging_alone() -> None:
    releases = {"r1": with_outside("r1", bank=BANK, pay=PAY)}
    (staging,) = desired(STAGING, service("r1"), [], releases, POLICY).workloads
    (production,) = desired(PRODUCTION, service("r1"), [], releases, POLICY).workloads
    assert (staging.calls, staging.stubs) == (("fake-bank",), {"bank": "fake-bank"})
    assert (production.calls, production.stubs) == ((), {})
    assert staging.outside == {"bank": "bank.example:1", "pay": "sandbox.pay.example:443"}
    assert production.outside == {"bank": "bank.example:1", "pay": "pay.example:443"}
    assert closure(ServiceName("orders"), {ServiceName("orders"): releases["r1"].definition}) == ("fake-bank",)
