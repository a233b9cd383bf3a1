"""supervisord's configuration: pure text. Only words of ours enter it: a `%` or a newline would break all of it."""

import re
import shlex
from collections.abc import Sequence

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f;\"]")


def _value(text: str) -> str:
    """One value as supervisord reads it back: `%` doubled; what could end the line or begin a comment is refused."""
    if _UNPRINTABLE.search(text):
        raise ValueError(
            f"cannot write {text!r} into supervisord's configuration: no control character, quote or semicolon"
        )
    return text.replace("%", "%%")


def _section(name: str, lines: Sequence[tuple[str, str | int]]) -> str:
    return "\n".join([f"[{name}]", *(f"{key}={value}" for key, value in lines)]) + "\n"


def main(*, socket: str, state: str, include: str, mode: str = "0660") -> str:
    """The configuration of one supervisord: the first process of a sandbox, or the core's."""
    return "\n".join(
        [
            _section("unix_http_server", [("file", _value(socket)), ("chmod", mode)]),
            _section(
                "supervisord",
                [
                    ("nodaemon", "true"),
                    ("logfile", _value(f"{state}/supervisord.log")),
                    ("logfile_maxbytes", "1MB"),
                    ("logfile_backups", 1),
                    ("pidfile", _value(f"{state}/supervisord.pid")),
                    ("childlogdir", _value(state)),
                    ("umask", "027"),
                    ("minfds", 4096),
                    ("minprocs", 64),
                ],
            ),
            _section(
                "rpcinterface:supervisor",
                [("supervisor.rpcinterface_factory", "supervisor.rpcinterface:make_main_rpcinterface")],
            ),
            _section("include", [("files", _value(include))]),
        ]
    )


def program(
    name: str,
    command: Sequence[str],
    *,
    log: str,
    priority: int = 500,
    once: bool = False,
    on_demand: bool = False,
    stop_seconds: int = 10,
    environment: Sequence[tuple[str, str]] = (),
) -> str:
    """One program. ``once``: a job, which supervisord must never start a second time; ``on_demand``: it is started when
    somebody asks, and may end as it likes."""
    lines: list[tuple[str, str | int]] = [
        ("command", _value(shlex.join(command))),
        ("process_name", "%(program_name)s"),
        ("priority", priority),
        ("autostart", "false" if on_demand else "true"),
        ("redirect_stderr", "true"),
        ("stdout_logfile", _value(log)),
        ("stdout_logfile_maxbytes", "4MB"),
        ("stdout_logfile_backups", 1),
        ("stopsignal", "TERM"),
        ("stopwaitsecs", stop_seconds),
    ]
    if environment:
        lines.append(("environment", ",".join(f'{_value(k)}="{_value(v)}"' for k, v in environment)))
    if once or on_demand:
        # The wrapper stops its command's own group, and must itself live to write the result.
        lines += [("autorestart", "false"), ("startsecs", 0), ("startretries", 0)]
    else:
        lines += [("autorestart", "true"), ("startsecs", 1), ("startretries", 5), ("killasgroup", "true")]
    return _section(f"program:{_value(name)}", lines)
