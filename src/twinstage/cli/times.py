"""Times that people type: a duration from now, or a moment on their own clock."""

from datetime import datetime, time, timedelta

from twinstage.cli.exits import Exit, Stop
from twinstage.config.value import spanned

FORMS = "write a duration such as 2h or 1h30m, a time such as 18:00, or a day such as 2026-03-01 or 2026-03-01T18:00"


def moment(text: str, now: datetime) -> datetime:
    """``now`` carries the zone of the person's clock. A time of the day is the next one that comes.

    Raises Stop (usage) where it is no time.
    """
    if (span := spanned(text.strip())) is not None:
        return now + span
    try:
        return _clock(time.fromisoformat(text.strip()), now)
    except ValueError:
        pass  # no time of the day, so perhaps a date
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Stop(Exit.USAGE, f"cannot tell when {text!r} is", hint=FORMS) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=now.tzinfo)


def _clock(clock: time, now: datetime) -> datetime:
    found = datetime.combine(now.date(), clock, tzinfo=clock.tzinfo or now.tzinfo)
    return found if found > now else found + timedelta(days=1)
