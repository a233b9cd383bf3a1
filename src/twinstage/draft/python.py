"""Python: how it is built, how it is run, and what checks it."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from twinstage.draft.guess import Guess, Texts

_APPS = (
    ("fastapi", re.compile(r"^(\w+)\s*(?::[^=]+)?=\s*(?:fastapi\.)?FastAPI\(", re.MULTILINE)),
    ("starlette", re.compile(r"^(\w+)\s*(?::[^=]+)?=\s*(?:[\w.]*\.)?Starlette\(", re.MULTILINE)),
    ("flask", re.compile(r"^(\w+)\s*(?::[^=]+)?=\s*(?:flask\.)?Flask\(", re.MULTILINE)),
    ("aiohttp", re.compile(r"^(\w+)\s*(?::[^=]+)?=\s*(?:aiohttp\.)?web\.Application\(", re.MULTILINE)),
)
_WORD = re.compile(r"^[A-Za-z0-9._-]+")
_COMPILED = "--compile-bytecode"
"""A release is read-only: what is not compiled now is compiled at every start."""


def manifest(texts: Texts) -> Mapping[str, Any]:
    """pyproject.toml; empty where there is none that can be read."""
    try:
        return tomllib.loads(texts.get("pyproject.toml", ""))
    except tomllib.TOMLDecodeError:
        return {}


def name(texts: Texts) -> Guess | None:
    told = manifest(texts)
    found = told.get("project", {}).get("name") or told.get("tool", {}).get("poetry", {}).get("name")
    return Guess(value=str(found), why="its name in pyproject.toml") if found else None


def packages(texts: Texts) -> frozenset[str]:
    """Everything that is declared, development included; lower case, ``-`` for ``_``."""
    told = manifest(texts)
    lines: list[str] = list(told.get("project", {}).get("dependencies", ()))
    groups = [
        *told.get("dependency-groups", {}).values(),
        *told.get("project", {}).get("optional-dependencies", {}).values(),
    ]
    lines += [line for group in groups for line in group if isinstance(line, str)]
    lines += list(told.get("tool", {}).get("poetry", {}).get("dependencies", {}))
    for path in _requirements(texts):
        lines += texts[path].splitlines()
    words = (_WORD.match(line.strip()) for line in lines)
    return frozenset(word[0].lower().replace("_", "-") for word in words if word)


def build(texts: Texts) -> Guess | None:
    told = manifest(texts)
    editable = " --no-editable" if "build-system" in told else ""
    if "uv.lock" in texts:
        return Guess(value=f"uv sync --frozen{editable} {_COMPILED}", why="uv.lock")
    if found := _requirements(texts):
        files = " ".join(f"-r {path}" for path in found)
        value = f"uv venv && uv pip install {_COMPILED} {files}"
        return Guess(
            value=value, why=" and ".join(found), look="are all versions pinned? The same commit is built once"
        )
    if "poetry.lock" in texts or ("tool" in told and "poetry" in told["tool"]):
        value = f"uv venv && uv pip install {_COMPILED} ."
        return Guess(
            value=value, why="pyproject.toml of Poetry", look="poetry.lock is not read: `uv lock` makes one that is"
        )
    if "project" in told:
        value = f"uv sync{editable} {_COMPILED}"
        return Guess(value=value, why="pyproject.toml", look="there is no lock file: `uv lock`, and commit uv.lock")
    return None


def run(texts: Texts) -> Guess | None:
    """The program's own entry where it has one; else a server for the application object."""
    if (own := _entry(texts)) is not None:
        return own
    if "manage.py" in texts:
        return _django(texts)
    for path in sorted(texts, key=lambda p: (p.count("/"), p)):
        if path.endswith(".py") and not path.startswith("tests/"):
            for framework, pattern in _APPS:
                if (match := pattern.search(texts[path])) is not None:
                    return _served(framework, _module(path), match[1], path, packages(texts))
    for script in ("main.py", "app.py", "server.py", "run.py"):
        if script in texts:
            return Guess(value=f"python {script}", why=script, look="does it listen on HOST:PORT?")
    if scripts := manifest(texts).get("project", {}).get("scripts", {}):
        first = next(iter(scripts))
        return Guess(value=first, why="[project.scripts] in pyproject.toml", look="does it listen on HOST:PORT?")
    return None


def _entry(texts: Texts) -> Guess | None:
    found = [path for path in sorted(texts, key=len) if re.fullmatch(r"(?:src/)?(\w+)/__main__\.py", path)]
    if not found:
        return None
    look = "" if "PORT" in texts[found[0]] else "does it listen on HOST:PORT?"
    return Guess(value=f"python -m {_module(found[0]).removesuffix('.__main__')}", why=found[0], look=look)


def _django(texts: Texts) -> Guess:
    settings = re.search(r"['\"]([\w.]+)\.settings", texts["manage.py"])
    known = packages(texts)
    if settings and "gunicorn" in known:
        return Guess(value=f"gunicorn --bind $HOST:$PORT {settings[1]}.wsgi", why="manage.py and gunicorn")
    if settings and "uvicorn" in known:
        return Guess(
            value=f"uvicorn {settings[1]}.asgi:application --host $HOST --port $PORT", why="manage.py and uvicorn"
        )
    look = "that is Django's server for development: add gunicorn"
    return Guess(value="python manage.py runserver --noreload $HOST:$PORT", why="manage.py", look=look)


def _served(framework: str, module: str, app: str, path: str, known: frozenset[str]) -> Guess:
    why = f"{app} in {path} is a {framework} application"
    if framework in ("fastapi", "starlette"):
        look = "" if known & {"uvicorn", "fastapi"} else "uvicorn is not among the dependencies"
        return Guess(value=f"uvicorn {module}:{app} --host $HOST --port $PORT", why=why, look=look)
    if framework == "aiohttp":
        value = f'python -c "import os; from aiohttp import web; from {module} import {app}; '
        value += f"web.run_app({app}, host=os.environ['HOST'], port=int(os.environ['PORT']))\""
        return Guess(value=value, why=why, look="does it need anything else at its start?")
    if "gunicorn" in known:
        return Guess(value=f"gunicorn --bind $HOST:$PORT {module}:{app}", why=f"{why}, and gunicorn is there")
    if "waitress" in known:
        value = f"waitress-serve --host=$HOST --port=$PORT {module}:{app}"
        return Guess(value=value, why=f"{why}, and waitress is there")
    look = "that is Flask's server for development: add gunicorn or waitress"
    return Guess(value=f"flask --app {module}:{app} run --host $HOST --port $PORT", why=why, look=look)


def gates(texts: Texts) -> Mapping[str, Guess]:
    told, known = manifest(texts), packages(texts)
    found: dict[str, Guess] = {}
    if "ruff" in told.get("tool", {}) or "ruff.toml" in texts or "ruff" in known:
        found["lint"] = Guess(value="ruff check .", why="ruff")
    elif "flake8" in known or ".flake8" in texts:
        found["lint"] = Guess(value="flake8", why="flake8")
    folders = {path.rpartition("/")[0] for path in texts if path.endswith(".py")}
    runner = "pytest" if "pytest" in known or "pytest.ini" in texts else "python -m unittest discover -s"
    for gate, names in (("unit", ("tests/unit", "test/unit", "tests", "test")), ("integration", _INTEGRATION)):
        folder = next((n for n in names if any(f == n or f.startswith(f"{n}/") for f in folders)), None)
        if folder is not None:
            look = "" if folder.endswith(gate) else f"are all tests in {folder} unit tests?"
            found[gate] = Guess(value=f"{runner} {folder}", why=f"{folder}/", look=look)
    return found


_INTEGRATION = ("tests/integration", "test/integration", "tests/functional", "integration_tests")
_STAGING = ("tests/staging", "tests/smoke", "tests/e2e", "tests/acceptance", "e2e")


def verify(texts: Texts) -> Guess | None:
    for folder in _STAGING:
        if any(path.startswith(f"{folder}/") and path.endswith(".py") for path in texts):
            look = (
                "" if folder == "tests/staging" else "do they call TWINSTAGE_URL, with TWINSTAGE_BAGGAGE as `baggage`?"
            )
            return Guess(value=f"pytest {folder}", why=f"{folder}/", look=look)
    return None


def _requirements(texts: Texts) -> list[str]:
    wanted = ("requirements.txt", "requirements/base.txt", "requirements/production.txt", "requirements-dev.txt",
              "dev-requirements.txt", "requirements/dev.txt", "requirements-test.txt", "requirements/test.txt")  # fmt: skip
    return [path for path in wanted if path in texts]


def _module(path: str) -> str:
    return path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
