"""How long a parcel takes, and what it is called."""

import secrets

DAYS = {"AT": 2, "DE": 1, "FR": 3, "IT": 3}
FURTHER = 6


def parcel(country, pieces, mode):
    """A booked parcel. The sandbox's labels are marked, so that nobody loads them on a van."""
    number = secrets.token_hex(4).upper()
    return {
        "tracking": f"TEST-{number}" if mode == "sandbox" else number,
        "days": DAYS.get(country, FURTHER),
        "pieces": pieces,
    }
