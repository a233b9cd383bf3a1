import psycopg
import pytest

from orders.migrate import Changed, migrate, scripts


def test_what_is_applied_is_not_applied_again(database):
    assert migrate(database, scripts()) == []


def test_they_are_applied_in_order(database):
    assert [name for name, _ in scripts()] == sorted(noted(database))


def test_half_a_migration_leaves_nothing(database):
    broken = [("9998_half.sql", "CREATE TABLE half (); SELECT 1 / 0")]
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(database, [*scripts(), *broken])
    assert "9998_half.sql" not in noted(database)
    assert database.execute("SELECT to_regclass('half')").fetchone() == (None,)


def test_what_was_applied_is_not_rewritten(database):
    (name, script), *others = scripts()
    with pytest.raises(Changed, match=name):
        migrate(database, [(name, script + "-- better"), *others])


def test_what_a_later_release_applied_is_left_alone(database):
    database.execute("INSERT INTO migrations VALUES ('9999_later.sql', 'unknown here')")
    try:
        assert migrate(database, scripts()) == []
        assert "9999_later.sql" in noted(database)
    finally:
        database.execute("DELETE FROM migrations WHERE name = '9999_later.sql'")


def noted(database):
    return [name for (name,) in database.execute("SELECT name FROM migrations")]
