"""How people and programs speak to Twinstage, as Markdown: the command line's verbs, the API's routes and documents."""

from collections.abc import Mapping
from typing import Any, cast

from twinstage.api.app import create_app
from twinstage.cli.verbs import VERBS

Schema = Mapping[str, Any]


def table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Markdown. A ``|`` within a cell would end it."""
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def verbs() -> str:
    out, panel = [], ""
    for verb in VERBS:
        if verb.panel != panel:
            panel = verb.panel
            out.append(f"## {panel}\n")
        command = verb.load()
        if verb.within:
            out += [part for it in verb.within for part in _verb(f"{verb.name} {it.name}", command.commands[it.name])]
        else:
            out += _verb(verb.name, command)
    return "\n".join(out)


def _verb(name: str, command: Any) -> list[str]:
    out = [f"### {name}\n\n```console\n$ twinstage {_usage(name, command.params)}\n```\n"]
    text = "\n".join(line.strip() for line in (command.help or "").strip().splitlines())
    out.append(f"{text}\n")
    rows = [_parameter(p) for p in command.params if p.name != "help"]
    if not command.context_settings.get("allow_extra_args"):  # what takes any has a --help of its own
        out.append(table(("", "", ""), rows) if rows else "It takes nothing.\n")
    return out


def _usage(name: str, parameters: list[Any]) -> str:
    words = [name]
    for it in parameters:
        if it.param_type_name != "argument":
            continue
        shown = (it.metavar or it.name.upper()).strip("[]")
        words.append(shown if it.required else f"[{shown}]")
    wanted = [it for it in parameters if it.param_type_name == "option" and it.required]
    words += [f"{it.opts[0]} TEXT" for it in wanted]
    return " ".join(words)


def _parameter(it: Any) -> tuple[str, str, str]:
    if it.param_type_name == "argument":
        name = f"`{(it.metavar or it.name.upper()).strip('[]')}`"
    else:
        name = ", ".join(f"`{option}`" for option in it.opts)
    help_ = it.help or ""
    if it.envvar:
        help_ += f" Environment: `{it.envvar}`."
    plain = isinstance(it.default, int) and not isinstance(it.default, bool)
    if plain:
        help_ += f" Default: {it.default}."
    return name, "required" if it.required else "", help_


def openapi() -> Schema:
    """Described without a controller behind it: the description asks for none of its parts."""
    return create_app(cast(Any, None)).openapi()


def routes() -> str:
    rows = []
    for path, methods in openapi()["paths"].items():
        for method, it in methods.items():
            query = [f"`{p['name']}`" for p in it.get("parameters", []) if p["in"] == "query"]
            taken = _content(it.get("requestBody", {})) or "nothing"
            answers = [status for status in it["responses"] if status.startswith("2")]
            given = _content(it["responses"][answers[0]]) or "text"
            refusals = ", ".join(s for s in it["responses"] if not s.startswith("2"))
            rows.append(
                (
                    f"`{method.upper()} {path}`",
                    it["summary"],
                    ", ".join(query),
                    taken,
                    f"{answers[0]} {given}",
                    refusals,
                )
            )
    return table(("route", "what for", "query", "takes", "answers", "or a problem"), rows)


def documents() -> str:
    schemas: Mapping[str, Schema] = openapi()["components"]["schemas"]
    out = []
    for name, schema in sorted(schemas.items()):
        if name in ("HTTPValidationError", "ValidationError"):
            continue
        out.append(f"### {name}\n")
        about = " ".join(schema.get("description", "").split())
        if about:
            out.append(f"{about}\n")
        if "enum" in schema:
            out.append(", ".join(f"`{value}`" for value in schema["enum"]) + "\n")
            continue
        needed = schema.get("required", [])
        rows = [
            (f"`{field}`", _type(it), "" if field in needed else "may be left out", it.get("description", ""))
            for field, it in schema.get("properties", {}).items()
        ]
        out.append(table(("field", "type", "", ""), rows))
    return "\n".join(out)


def _content(holder: Schema) -> str:
    for kind, it in holder.get("content", {}).items():
        if "json" not in kind:
            return f"`{kind}`"
        return _type(it.get("schema", {}))
    return ""


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"mapping to {_type(schema['additionalProperties'])}"
    return schema.get("format") or schema.get("type") or "anything"
