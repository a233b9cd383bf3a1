"""The first twinstage.yaml: what is found in repositories of all sorts, and that what is written is always valid."""

import json
from pathlib import Path

import pytest
from face_shell import Shell
from hypothesis import given
from hypothesis import strategies as st

from twinstage.config.definition import definition
from twinstage.config.schema import File, place, schema
from twinstage.draft.guess import Survey
from twinstage.draft.survey import survey
from twinstage.draft.text import scalar, text
from twinstage.model.release import Definition

SHOP = Path(__file__).parents[2] / "examples" / "shop"


def read(texts: dict[str, str], folder: str = "orders") -> tuple[Survey, Definition]:
    found = survey(texts, folder)
    return found, definition(text(found))


@pytest.mark.parametrize("name", sorted(p.name for p in SHOP.iterdir() if p.is_dir()))
def test_the_shops_own_definitions_are_nearly_found_again(name: str) -> None:
    texts = {
        path.relative_to(SHOP / name).as_posix(): path.read_text()
        for path in (SHOP / name).rglob("*")
        if path.is_file() and path.suffix in (".py", ".toml", ".lock")
    }
    found, drafted = read(texts, "somewhere")
    own = definition((SHOP / name / "twinstage.yaml").read_text())
    assert (drafted.service, drafted.build, drafted.web.run) == (own.service, own.build, own.web.run)
    assert (drafted.gates, drafted.verify) == (own.gates, own.verify)
    assert drafted.web.health == (None if name == "accounts" else own.web.health), "accounts splits its paths first"
    assert not own.depends_on or drafted.depends_on or any("depends_on" in note for note in found.notes)


def test_flask_with_requirements_and_a_port_of_its_own() -> None:
    app = "import os\nfrom flask import Flask\napp = Flask(__name__)\nPAY = os.environ['PAYMENTS_EU_URL']\n"
    app += "KEY = os.getenv('STRIPE_KEY')\nMODE = os.environ.get('MODE', 'x')\nOTHER = 'http://catalog:8001/items'\n"
    app += (
        "@app.get('/health')\ndef health(): return ''\nif __name__ == '__main__': app.run(host='0.0.0.0', port=5000)\n"
    )
    found, drafted = read({"app.py": app, "requirements.txt": "Flask==3.0\n# x\ngunicorn==22\n"}, "My Orders!")
    assert drafted.service == "my-orders"
    assert drafted.web.run == "gunicorn --bind $HOST:$PORT app:app"
    assert drafted.build == "uv venv && uv pip install --compile-bytecode -r requirements.txt"
    assert drafted.depends_on == ("payments-eu",)
    assert drafted.web.health == "/health"
    assert drafted.web.port is None, "gunicorn is told the port"
    assert any("app.py:7 calls catalog:8001" in note for note in found.notes)
    assert any("STRIPE_KEY looks like a secret" in note for note in found.notes)
    written = text(found)
    assert "#   MODE: {staging: ..., production: ...}" in written
    assert "#   STRIPE_KEY" not in written
    assert written.count("LOOK: no command was found") == 3
    without, plain = read({"app.py": app, "requirements.txt": "flask"})
    assert plain.web.run == "flask --app app:app run --host $HOST --port $PORT"
    assert without.run is not None
    assert "add gunicorn" in without.run.look


@pytest.mark.parametrize(
    ("texts", "run"),
    [
        ({"src/shop/api.py": "api: FastAPI = FastAPI()"}, "uvicorn shop.api:api --host $HOST --port $PORT"),
        ({"web.py": "app = Starlette(routes=[])"}, "uvicorn web:app --host $HOST --port $PORT"),
        ({"Procfile": "release: x\nweb: gunicorn -b 0.0.0.0:8000 a:b\n"}, "gunicorn -b $HOST:$PORT a:b"),
        ({"Dockerfile": 'FROM x\nENTRYPOINT ["java"]\nCMD ["-jar", "a b.jar"]'}, "java -jar 'a b.jar'"),
        ({"Dockerfile": "CMD ./serve \\\n  --fast"}, "./serve    --fast"),
        ({"manage.py": "set('DJANGO_SETTINGS_MODULE', 'site1.settings')", "requirements.txt": "django\ngunicorn"},
         "gunicorn --bind $HOST:$PORT site1.wsgi"),
        ({"manage.py": "x"}, "python manage.py runserver --noreload $HOST:$PORT"),
        ({"package.json": '{"name": "@shop/orders", "scripts": {"start": "node ."}}'}, "npm start"),
        ({"package.json": "{broken", "server.js": "x"}, "node server.js"),
        ({"main.py": "x"}, "python main.py"),
        ({"pyproject.toml": '[project]\nname = "x"\n[project.scripts]\nserve-it = "x:y"'}, "serve-it"),
    ],
)  # fmt: skip
def test_how_it_is_started(texts: dict[str, str], run: str) -> None:
    _, drafted = read(texts)
    assert drafted.web.run == run


def test_aiohttp_is_started_by_a_line_of_python() -> None:
    _, drafted = read({"src/a.py": "app = web.Application()"})
    assert "web.run_app(app, host=os.environ['HOST']" in drafted.web.run


def test_a_port_that_cannot_be_chosen_is_written_down() -> None:
    found, drafted = read({"server.js": "http.createServer(f).listen(3000)"})
    assert drafted.web.port == 3000
    assert found.port is not None
    assert "listen on HOST:PORT" in found.port.look
    _, chosen = read({"server.js": "http.createServer(f).listen(process.env.PORT || 3000)"})
    assert chosen.web.port is None
    high, none = read({"main.py": "serve(port=40000)"})
    assert none.web.port is None
    assert any("above 32767" in note for note in high.notes)
    _, image = read({"Dockerfile": "EXPOSE 8080\nCMD ./x"})
    assert image.web.port == 8080


def test_gates_of_other_kinds() -> None:
    texts = {
        "package.json": '{"scripts": {"lint": "x", "test": "y", "test:integration": "z"}}',
        "package-lock.json": "",
    }
    found, drafted = read(texts)
    assert drafted.gates == {"lint": "npm run lint", "unit": "npm run test", "integration": "npm run test:integration"}
    assert (drafted.build, found.build and "Python's indexes" in found.build.look) == ("npm ci", True)
    mixed, python = read({"tests/test_a.py": "", "requirements.txt": "flake8", "tests/e2e/test_b.py": ""})
    assert python.gates == {"lint": "flake8", "unit": "python -m unittest discover -s tests"}
    assert "unit tests?" in mixed.gates["unit"].look
    assert python.verify == "pytest tests/e2e"


def test_locks_of_other_kinds() -> None:
    assert read({"pyproject.toml": '[project]\nname = "x"'})[1].build == "uv sync --compile-bytecode"
    assert read({"pyproject.toml": '[tool.poetry]\nname = "Pay"', "poetry.lock": ""})[1].service == "pay"
    assert read({"pyproject.toml": "[broken"})[1].build is None


@pytest.mark.parametrize("folder", ["twinstage", "localhost", "___", "9", "ünï", "x" * 99, "9lives"])
def test_any_directory_gives_a_name(folder: str) -> None:
    found, _ = read({}, folder)
    assert found.service.look


def test_nothing_at_all_is_still_valid_and_says_what_is_missing() -> None:
    found, drafted = read({})
    assert found.run is None
    assert "exit 1" in drafted.web.run


ANY = st.text(max_size=60)


@given(command=ANY, path=st.text(min_size=1, max_size=20), line=ANY, folder=ANY)
def test_whatever_is_found_what_is_written_is_valid(command: str, path: str, line: str, folder: str) -> None:
    texts = {
        "Procfile": f"web: {command}",
        f"{path}.py": f"{line}\nos.environ['A_URL'] '/healthz'",
        "x/Dockerfile": line,
    }
    texts["package.json"] = '{"main": "' + command + '"}'
    read(texts, folder)


@given(st.text(max_size=80).filter(str.isprintable).filter(str.strip))
def test_a_value_is_read_back_as_it_was(value: str) -> None:
    written = f"service: a\ninstances: {{production: 1, staging: 1}}\nrun: {scalar(value)}   # x\n"
    assert definition(written).web.run == value


def test_init_writes_once_and_says_what_to_look_at(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "here" / "node_modules").mkdir()
    (tmp_path / "here" / "node_modules" / "server.js").write_text("listen(1)")
    (tmp_path / "here" / "main.py").write_text("os.environ['CART_URL']")
    (tmp_path / "here" / "broken.py").symlink_to("nowhere")
    said = shell("init")
    assert (said.status, said.err) == (0, "")
    assert "depends_on: cart" in said.out
    assert "look: does it listen on HOST:PORT?" in said.out
    assert "no command for the gate integration" in said.out
    assert "here: {repository: PATH/TO/here}" in said.out
    assert shell("check").status == 0
    first = (tmp_path / "here" / "twinstage.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={place(File.SERVICE)}", "an editor finds the schema by it"
    assert json.loads((tmp_path / "here" / place(File.SERVICE)).read_text()) == schema(File.SERVICE)
    before = (tmp_path / "here" / "twinstage.yaml").read_text()
    again = shell("init", ".")
    assert (again.status, "there is one already" in again.err) == (3, True)
    assert (tmp_path / "here" / "twinstage.yaml").read_text() == before
    assert shell("init", "nowhere").status == 2
