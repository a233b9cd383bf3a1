"""The table of everything the API answers: method, path, handler, and what it is for. Nothing is mounted elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from twinstage import wire
from twinstage.api import disk, doctor, logs, metrics, orders, packs, reads, secrets, suggestions
from twinstage.api.problems import MEDIA_TYPE


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    handler: Callable[..., Any]
    summary: str
    refusals: tuple[int, ...] = ()
    """Statuses it may answer instead, each with a problem document."""


# fmt: off
ROUTES = (
    Route("GET",  "/v1/status", reads.read_status, "Everything at one glance; waits for a change"),
    Route("GET",  "/v1/services", reads.list_services, "Every service, as in the status"),
    Route("GET",  "/v1/services/{service}", reads.read_service, "One service with its instances", (404,)),
    Route("GET",  "/v1/services/{service}/suggestions", suggestions.read_suggestions, "What it could declare", (404, 409)),
    Route("GET",  "/v1/services/{service}/commits", packs.list_commits, "Commits that the mirror has", (404,)),
    Route("PUT",  "/v1/services/{service}/commits/{sha}", packs.receive_commit, "Bring a commit as a pack", (404, 413)),
    Route("POST", "/v1/services/{service}/rollouts", orders.submit, "Ship a commit", (404, 409)),
    Route("POST", "/v1/services/{service}/rollback", orders.rollback, "Go back, and pin the service", (404, 409)),
    Route("POST", "/v1/services/{service}/resume", orders.resume, "Let releases move on again", (404, 409)),
    Route("POST", "/v1/services/{service}/freeze", orders.freeze, "Hold its releases back from production", (404, 409)),
    Route("POST", "/v1/services/{service}/unfreeze", orders.unfreeze, "End the freeze of a service", (404, 409)),
    Route("POST", "/v1/services/{service}/remove", orders.remove, "Take it out of the company", (404, 409)),
    Route("PUT",  "/v1/services/{service}/secrets/{ecosystem}/{name}", secrets.put, "Set a secret", (404, 409, 413)),
    Route("POST", "/v1/services/{service}/secrets/{ecosystem}/{name}/remove", secrets.remove, "Take a secret away", (404, 409)),
    Route("GET",  "/v1/secrets", secrets.read_all, "Which secrets are set, and which are lacking; never a value", (404,)),
    Route("POST", "/v1/prune", orders.prune, "Collect what nobody needs", (409,)),
    Route("POST", "/v1/freeze", orders.freeze_all, "Hold every release back from production", (409,)),
    Route("POST", "/v1/unfreeze", orders.unfreeze_all, "End the freeze of every service", (409,)),
    Route("GET",  "/v1/instances", reads.list_instances, "Every instance that is there"),
    Route("GET",  "/v1/rollouts", reads.list_rollouts, "Rollouts, newest first", (404,)),
    Route("GET",  "/v1/rollouts/{rollout}", reads.read_rollout, "One rollout", (404,)),
    Route("GET",  "/v1/rollouts/{rollout}/why", reads.read_why, "Why it is where it is, and all that explains it", (404,)),
    Route("POST", "/v1/rollouts/{rollout}/abort", orders.abort, "End a rollout", (404, 409)),
    Route("POST", "/v1/rollouts/{rollout}/skip", orders.skip, "Leave phases out, in an emergency", (404, 409)),
    Route("GET",  "/v1/intents/{intent}", reads.read_intent, "What was asked and its answer; waits for it", (404,)),
    Route("GET",  "/v1/journal", reads.read_journal, "The audit journal, oldest first"),
    Route("GET",  "/v1/history", reads.read_history, "What was released when, by whom, and how it went, newest first", (404,)),
    Route("GET",  "/v1/logs/{source}", logs.read_log, "The log of an instance or a job", (404,)),
    Route("GET",  "/v1/boundary", reads.read_boundary, "What separates the ecosystems, and who tried to pass"),
    Route("POST", "/v1/boundary/prove", orders.prove, "Try every known way across it, now", (409,)),
    Route("GET",  "/metrics", metrics.read_metrics, "Counters, as Prometheus reads them"),
    Route("GET",  "/v1/disk", disk.read_disk, "What takes up room, whether it may go, and why"),
    Route("GET",  "/v1/doctor", doctor.examine, "Whatever has no owner, no deadline or no reason"),
    Route("PUT",  "/v1/ecosystem", orders.configure, "Bring the company's file into force", (409,)),
)
# fmt: on

ORDERS = {
    orders.submit,
    orders.rollback,
    orders.resume,
    orders.freeze,
    orders.unfreeze,
    orders.freeze_all,
    orders.unfreeze_all,
    orders.abort,
    orders.skip,
    orders.remove,
    orders.prune,
    orders.prove,
    orders.configure,
    secrets.put,
    secrets.remove,
}
"""These answer 202 with an intent: the controller carries it out and answers there."""


def mount(app: FastAPI) -> None:
    for route in ROUTES:
        app.add_api_route(
            route.path,
            route.handler,
            methods=[route.method],
            summary=route.summary,
            status_code=202 if route.handler in ORDERS else 200,
            responses={status: _refusal(status) for status in (*route.refusals, 422, 503)},
            **_body(route),
        )


def _refusal(status: int) -> dict[str, Any]:
    words = {404: "There is none.", 409: "Not now.", 413: "Too large.", 422: "Not as described.", 503: "Try again."}
    return {"model": wire.Problem, "description": words[status], "content": {MEDIA_TYPE: {}}}


def _body(route: Route) -> dict[str, Any]:
    """What the handlers' signatures cannot say: bodies that are no JSON."""
    if route.handler is packs.receive_commit:
        pack = {"application/x-git-packed-objects": {"schema": {"type": "string", "format": "binary"}}}
        return {"openapi_extra": {"requestBody": {"required": True, "content": pack}}}
    if route.handler is secrets.put:
        value = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        return {"openapi_extra": {"requestBody": {"required": True, "content": value}}}
    if route.handler is logs.read_log:
        return {"response_class": logs.Log}
    if route.handler is metrics.read_metrics:
        return {"response_class": metrics.Metrics}
    return {}
