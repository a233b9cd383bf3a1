"""When people say it is."""

from datetime import datetime, timedelta, timezone

import pytest

from twinstage.cli.exits import Exit, Stop
from twinstage.cli.times import moment

HERE = timezone(timedelta(hours=2))
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=HERE)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2h", NOW + timedelta(hours=2)),
        (" 1d12h ", NOW + timedelta(hours=36)),
        ("18:00", datetime(2026, 3, 1, 18, tzinfo=HERE)),
        ("09:15", datetime(2026, 3, 2, 9, 15, tzinfo=HERE)),
        ("2026-03-04", datetime(2026, 3, 4, tzinfo=HERE)),
        ("2026-03-04 07:00", datetime(2026, 3, 4, 7, tzinfo=HERE)),
        ("2026-03-04T07:00Z", datetime(2026, 3, 4, 9, tzinfo=HERE)),
    ],
)
def test_a_duration_a_time_and_a_day_are_understood(typed: str, meant: datetime) -> None:
    assert moment(typed, NOW) == meant


@pytest.mark.parametrize("typed", ["", "noon", "2 hours", "25:00", "2026-02-30"])
def test_anything_else_is_told_with_what_would_be_right(typed: str) -> None:
    with pytest.raises(Stop) as told:
        moment(typed, NOW)
    assert told.value.status is Exit.USAGE
    assert "1h30m" in told.value.hint
