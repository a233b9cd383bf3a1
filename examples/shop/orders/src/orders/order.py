"""What an order has to say."""

EXAMPLE = 'send {"amount": 1200, "pieces": 2, "country": "DE"}'


class NotAnOrder(Exception):
    """It cannot be taken as it is; the message says what would be right."""


def order(wanted, wishes):
    """Checks what somebody sent; ``wishes`` names the lines of text that may be added to it."""
    try:
        amount, pieces, country = int(wanted["amount"]), int(wanted["pieces"]), wanted["country"]
        added = {wish: wanted.get(wish, "") for wish in wishes}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise NotAnOrder(EXAMPLE) from None
    if not 0 < amount < 10_000_000 or not 0 < pieces < 10_000:
        raise NotAnOrder(f"nobody sells {pieces} pieces for {amount} cents; {EXAMPLE}")
    for name, text in {"country": country, **added}.items():
        if not isinstance(text, str) or not text.isprintable() or len(text) > 200:
            raise NotAnOrder(f"{name} has to be a line of text, at most 200 characters; {EXAMPLE}")
    return {"amount": amount, "pieces": pieces, "country": country} | added
