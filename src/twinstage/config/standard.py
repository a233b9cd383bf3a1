"""The ``standard`` section of ecosystem.yaml -> Policy. What is left out keeps its default."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from twinstage.config import rules
from twinstage.config.document import Listing
from twinstage.config.outlines import company
from twinstage.config.outlines.company import LONGEST, MOST_LANES, SECOND
from twinstage.config.value import Value, sized, spelled
from twinstage.model.bounds import LEAST, MOST, SIZES, STATED, Bounds
from twinstage.model.policy import Policy

KEYS = tuple(company.STANDARD.keys)
CANARY = tuple(company.CANARY.keys)
PRODUCTION = tuple(company.PRODUCTION.keys)
UNDECLARED = ("fail", "record")
UNPROVEN = ("promote", "hold")


def standard(value: Value | None) -> Policy:
    """Problems go to the value's report."""
    default = Policy()
    if value is None:
        return default
    found = value.table("write the standard's keys, or leave the section out", known=KEYS)
    if found is None:
        return default
    changes: dict[str, Any] = {}
    if "gates" in found:
        changes["gates"] = found["gates"].words(rules.GATE, "write a list of gates: [lint, unit, integration, review]")
    if "reviewers" in found:
        changes["reviewers"] = _reviewers(found["reviewers"])
    if "undeclared" in found:
        changes["undeclared"] = found["undeclared"].choice(UNDECLARED)
    if "verification_valid" in found:
        changes["verification_valid"] = found["verification_valid"].span(SECOND, LONGEST)
    if "canary" in found:
        changes |= _canary(found["canary"], default)
    if "production" in found:
        changes |= _production(found["production"])
    if "limits" in found:
        changes |= _limits(found["limits"], default)
    # None: the value was wrong and is reported; the default stands in so that reading can go on.
    return replace(default, **{name: change for name, change in changes.items() if change is not None})


def _reviewers(value: Value) -> tuple[str, ...] | None:
    reviewers = value.words(rules.REVIEWER, 'write a list of addresses or patterns: ["*@shop.example"]')
    if not reviewers and isinstance(value.node, Listing) and not value.node.items:
        value.wrong("nobody could review", 'name somebody: ["*@shop.example"]')
    return reviewers or None


def _canary(value: Value, default: Policy) -> Mapping[str, Any]:
    found = value.table("write canary: {shares: [5, 25], bake: 2m, longest: 1h}", known=CANARY)
    if found is None:
        return {}
    changes: dict[str, Any] = {}
    if "shares" in found:
        changes["canary_shares"] = _shares(found["shares"], rules.HIGHEST_CANARY, "[5, 25]")
    if "bake" in found:
        changes["bake"] = found["bake"].span(timedelta(0), LONGEST)
    if "longest" in found:
        changes["longest_canary"] = found["longest"].span(SECOND, LONGEST)
    if "unproven" in found:
        changes["unproven"] = found["unproven"].choice(UNPROVEN)
    read = replace(default, **{name: change for name, change in changes.items() if change is not None})
    if read.bake > read.longest_canary:
        message = f"the longest canary, {spelled(read.longest_canary)}, is shorter than its bake, {spelled(read.bake)}"
        found.get("longest", value).wrong(message, "change one of them")
    return changes


def _production(value: Value) -> Mapping[str, Any]:
    found = value.table("write production: {shares: [50, 100], bake: 5s}", known=PRODUCTION)
    if found is None:
        return {}
    changes: dict[str, Any] = {}
    if "shares" in found:
        shares = _shares(found["shares"], 100, "[50, 100]")
        if shares is not None and shares[-1] != 100:
            found["shares"].wrong(f"ends with {shares[-1]}", "the last share is 100")
        changes["production_shares"] = shares
    if "bake" in found:
        changes["settle"] = found["bake"].span(timedelta(0), LONGEST)
    return changes


def _shares(value: Value, highest: int, example: str) -> tuple[int, ...] | None:
    """Percentages that rise; None when any of them is wrong, which is reported."""
    right = f"write percentages that rise, at most {highest}: {example}"
    items = value.items(right)
    read = [item.whole(1, highest) for item in items]
    shares = tuple(share for share in read if share is not None)
    if isinstance(value.node, Listing) and not items:
        value.wrong("is empty", right)
    for item, before, after in zip(items[1:], read, read[1:], strict=False):
        if before is not None and after is not None and after <= before:
            item.wrong(f"{after} does not rise above {before}", right)
            return None
    return shares if shares and len(shares) == len(read) else None


def stated(value: Value | None, most: Bounds | None) -> Mapping[str, int]:
    """A service's own ``limits``. ``most``: the standard's, where they are known. Problems go to the value's report."""
    found = value.table("write limits: {memory: 512M, processes: 256, files: 1024}", known=STATED) if value else None
    limits: dict[str, int] = {}
    for name, entry in (found or {}).items():
        read = amount(entry, name)
        highest = getattr(most, name) if most else MOST[name]
        if read is not None and read > highest:
            written = sized(highest) if name in SIZES else str(highest)
            entry.wrong(f"is more than the standard's {written}", f"write at most {written}")
        elif read is not None:
            limits[name] = read
    return limits


def amount(value: Value, name: str) -> int | None:
    """What may be taken of one thing: a size, or a count."""
    if name in SIZES:
        return value.size(LEAST[name], MOST[name])
    return value.whole(LEAST[name], MOST[name])


def _limits(value: Value, default: Policy) -> Mapping[str, Any]:
    known = (*default.limits, "lanes", "canary", *LEAST)
    found = value.table("write limits: {build: 10m, verify: 5m, lanes: 10}", known=known)
    if found is None:
        return {}
    if "canary" in found:
        found["canary"].wrong("a canary's limit stands with the canary", "write canary: {longest: 1h} beside limits")
    spans = {name: entry.span(SECOND, LONGEST) for name, entry in found.items() if name in default.limits}
    changes: dict[str, Any] = {
        "limits": {**default.limits, **{name: span for name, span in spans.items() if span is not None}}
    }
    if "lanes" in found:
        changes["max_lanes"] = found["lanes"].whole(1, MOST_LANES)
    read = {name: amount(found[name], name) for name in LEAST if name in found}
    changes["bounds"] = replace(default.bounds, **{name: most for name, most in read.items() if most is not None})
    return changes
