"""What a delivery note has to say."""

import json


class NotADelivery(Exception):
    """It cannot be put on a shelf as it is; the message says what would be right."""


def delivery(body):
    """Reads a delivery note; gives what came and how many of it."""
    try:
        note = json.loads(body)
        sku, count = note["sku"], note["count"]
    except (ValueError, TypeError, KeyError):
        raise NotADelivery('send {"sku": "cup", "count": 24}') from None
    if not isinstance(sku, str) or type(count) is not int or not 0 < count <= 10_000:
        raise NotADelivery(f"{count!r} of {sku!r} cannot be delivered")
    return sku, count
