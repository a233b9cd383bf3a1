"""The example's repositories: the same history everywhere, and ready for another play."""

import shutil
from pathlib import Path

import pytest

from twinstage.demo import changes
from twinstage.demo.repositories import DemoTrouble, Repository, Shop, examples, prepare


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two of the ten are enough here."""
    here = tmp_path / "examples"
    ignore = shutil.ignore_patterns(".venv", "__pycache__", ".*_cache")
    for service in ("orders", "cart"):
        shutil.copytree(examples() / service, here / service, ignore=ignore)
    shutil.copy(examples() / "ecosystem.yaml", here)
    return here


@pytest.fixture
def shop(source: Path, tmp_path: Path) -> Shop:
    return prepare(source, tmp_path / "play")


def subjects(repository: Repository, revision: str = "main") -> list[str]:
    return repository.git("log", "--format=%s", revision).splitlines()


def test_each_service_has_a_history_with_reviews(shop: Shop) -> None:
    assert shop.services == ("cart", "orders")
    for service in shop.services:
        log = shop.repository(service).git("log", "--format=%ae %(trailers:key=Reviewed-by,valueonly)").split("\n")
        written = [line.split() for line in log if line]
        assert len(written) == 3
        assert all(author not in line[-1] and "@shop.example" in line[-1] for author, *line in written)


def test_commit_ids_are_the_same_everywhere(
    shop: Shop, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody Else")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    other = prepare(source, tmp_path / "elsewhere")
    for service in shop.services:
        assert other.repository(service).head() == shop.repository(service).head()


def test_a_second_play_finds_the_repositories_as_they_are(shop: Shop, source: Path) -> None:
    repository = shop.repository("orders")
    change = changes.new_wish(repository.read(changes.BOOK), repository.files(changes.MIGRATIONS))
    released = repository.commit(change)
    (repository.path / "left-over.py").write_text("")
    prepare(source, shop.path)
    assert repository.head() == released
    assert repository.git("show", f"{released}:{change.files[0].file}") == change.files[0].text
    assert repository.files(changes.MIGRATIONS)[-1] == "0002_gift_note.sql"
    assert not (repository.path / "left-over.py").exists()


def test_a_changed_example_is_taken_over_by_a_commit(shop: Shop, source: Path) -> None:
    (source / "cart" / "src" / "cart" / "news.py").write_text("NEWS = 1\n")
    (source / "cart" / "tests" / "unit" / "test_quotes.py").unlink()
    prepare(source, shop.path)
    repository = shop.repository("cart")
    assert subjects(repository)[0] == "Take cart over as the example has it now"
    assert (repository.path / "src/cart/news.py").exists()
    assert not (repository.path / "tests/unit/test_quotes.py").exists()
    prepare(source, shop.path)
    assert len(subjects(repository)) == 4


def test_a_repository_that_was_not_finished_is_made_again(shop: Shop, source: Path) -> None:
    whole = shop.repository("cart").head()
    shutil.rmtree(shop.path / "cart" / ".git" / "refs")
    shop.repository("cart").path.joinpath(".git", "refs").mkdir()
    prepare(source, shop.path)
    assert shop.repository("cart").head() == whole


def test_what_is_not_to_last_is_on_a_branch_of_its_own_each_time(shop: Shop) -> None:
    repository = shop.repository("cart")
    main = repository.head()
    first, second = (repository.commit(changes.lost_quantity()) for _ in range(2))
    assert first != second
    assert repository.head() == main
    assert repository.head("simpler-lines") == first
    assert repository.head("simpler-lines-2") == second
    assert repository.git("status", "--porcelain") == ""
    assert 'prices[sku]["net"] * quantity' in repository.read(changes.QUOTES)


def test_git_s_own_words_are_passed_on(shop: Shop) -> None:
    with pytest.raises(DemoTrouble, match=r"git rev-parse failed: fatal: "):
        shop.repository("cart").head("nowhere")
