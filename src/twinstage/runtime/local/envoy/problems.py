"""What Envoy itself answers, as problem documents (RFC 9457) that say what to do."""

from typing import Any

MEDIA_TYPE = "application/problem+json"


def local_replies(service: str, ecosystem: str) -> dict[str, Any]:
    """The ``local_reply_config`` of a service's listeners. Answers of instances are never touched."""
    flagged = [
        ("UH", "no instance is healthy", f"{service} has no healthy instance in {ecosystem}: see `twinstage status`"),
        ("NC", "no such workload", f"the proxy of {ecosystem} does not know the workload that {service} is routed to"),
        ("UF", "cannot connect", f"an instance of {service} in {ecosystem} did not take the connection"),
        ("UC", "connection lost", f"an instance of {service} in {ecosystem} closed the connection before it answered"),
        ("UT", "timeout", f"an instance of {service} in {ecosystem} did not answer in time"),
    ]
    return {"mappers": [_undeclared(service), *(_flagged(flag, title, detail) for flag, title, detail in flagged)]}


def document(title: str, detail: str, status: int | str) -> dict[str, Any]:
    """The members of a problem document."""
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}


def _undeclared(service: str) -> dict[str, Any]:
    """The caller filter's refusal is the only 403 that Envoy itself makes."""
    detail = (
        f"{service} is not declared by the caller at %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%: "
        f"add `{service}` to depends_on in its twinstage.yaml"
    )
    return {
        "filter": {
            "status_code_filter": {
                "comparison": {"op": "EQ", "value": {"default_value": 403, "runtime_key": "twinstage.undeclared"}}
            }
        },
        "body_format_override": _format(document(f"{service} is not declared", detail, "%RESPONSE_CODE%")),
    }


def _flagged(flag: str, title: str, detail: str) -> dict[str, Any]:
    return {
        "filter": {"response_flag_filter": {"flags": [flag]}},
        "body_format_override": _format(document(title, detail, "%RESPONSE_CODE%")),
    }


def _format(members: dict[str, Any]) -> dict[str, Any]:
    return {"json_format": members, "content_type": MEDIA_TYPE}
