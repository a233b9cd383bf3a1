"""RDS: how one service's requests are shared out, which lanes it has, and who may call it."""

import json
import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network
from typing import Any

from twinstage.model.names import Ecosystem
from twinstage.model.workload import Route, WorkloadKey
from twinstage.runtime.local.envoy import problems
from twinstage.runtime.local.envoy.discovery import TYPES, response

CALLERS = "envoy.filters.http.rbac"
TIMEOUT = "15s"


def route(
    route: Route, names: Callable[[WorkloadKey], str], admits: Sequence[str], version: str, *, timeout: str = TIMEOUT
) -> dict[str, Any]:
    """The whole RDS file of one service.

    ``names`` gives a workload's cluster, ``admits`` the callers' address ranges (CIDR), ``version`` what the admin
    interface shows once it is in force. Lanes exist in staging alone: production ignores what the request asks for.
    """
    lanes = route.lanes if route.ecosystem is Ecosystem.STAGING else ()
    entries = [_lane(lane, names(key), timeout) for lane, key in sorted(lanes)]
    shared = sorted((names(key), share) for key, share in route.split if share > 0)
    entries.append(_shared(shared, timeout) if shared else _nothing(route))
    configuration = {
        "@type": f"{TYPES}config.route.v3.RouteConfiguration",
        "name": route.service,
        # A cluster not loaded yet answers 503 and says so; refusing the file would keep the old shares in force.
        "validate_clusters": False,
        "typed_per_filter_config": {CALLERS: callers(admits)},
        "virtual_hosts": [{"name": route.service, "domains": ["*"], "routes": entries}],
    }
    return response([configuration], version)


def lane_pattern(lane: str) -> str:
    """Full-matches a ``baggage`` header with the member ``twinstage-lane`` of exactly this id, wherever it stands."""
    return rf"(.*,)?[ \t]*twinstage-lane[ \t]*=[ \t]*{re.escape(lane)}[ \t]*([,;].*)?"


def callers(admits: Sequence[str]) -> dict[str, Any]:
    """Who may call: by the address the connection really comes from, never by a header. No ranges: nobody."""
    return {
        "@type": f"{TYPES}extensions.filters.http.rbac.v3.RBACPerRoute",
        "rbac": {"rules": {"action": "ALLOW", "policies": admitted(admits)}},
    }


def admitted(admits: Sequence[str]) -> dict[str, Any]:
    """Policies of a filter that allows these ranges alone."""
    principals = [
        {"direct_remote_ip": {"address_prefix": str(network.network_address), "prefix_len": network.prefixlen}}
        for network in sorted({IPv4Network(span) for span in admits})
    ]
    return {"declared": {"permissions": [{"any": True}], "principals": principals}} if principals else {}


def _lane(lane: str, cluster: str, timeout: str) -> dict[str, Any]:
    asked = {"name": "baggage", "string_match": {"safe_regex": {"regex": lane_pattern(lane)}}}
    return {
        "name": f"lane {lane}",
        "match": {"prefix": "/", "headers": [asked]},
        "route": _action({"cluster": cluster}, timeout),
        "metadata": {"filter_metadata": {"twinstage": {"lane": lane}}},
    }


def _shared(shares: Sequence[tuple[str, int]], timeout: str) -> dict[str, Any]:
    if len(shares) == 1:
        to: dict[str, Any] = {"cluster": shares[0][0]}
    else:
        to = {"weighted_clusters": {"clusters": [{"name": name, "weight": share} for name, share in shares]}}
    return {"name": "shared", "match": {"prefix": "/"}, "route": _action(to, timeout)}


def _action(to: dict[str, Any], timeout: str) -> dict[str, Any]:
    """Retried only where the instance cannot have seen the request, so nothing is ever done twice."""
    return to | {
        "timeout": timeout,
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset-before-request",
            "num_retries": 2,
            "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.1s"},
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": {"@type": f"{TYPES}extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"},
                }
            ],
            # Each attempt picks at random: of two instances, three would meet the dead one again once in sixteen.
            "host_selection_retry_max_attempts": 20,
        },
    }


def _nothing(route: Route) -> dict[str, Any]:
    detail = f"no release of {route.service} serves {route.ecosystem} yet: see `twinstage status {route.service}`"
    body = json.dumps(problems.document("nothing is routed here", detail, 503))
    kind = {"key": "content-type", "value": problems.MEDIA_TYPE}
    return {
        "name": "nothing",
        "match": {"prefix": "/"},
        "direct_response": {"status": 503, "body": {"inline_string": body}},
        "response_headers_to_add": [{"header": kind, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
    }
