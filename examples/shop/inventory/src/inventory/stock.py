"""The warehouse's shelves."""

SHELVES = {
    "assam": 120,
    "sencha": 85,
    "oolong": 40,
    "rooibos": 200,
    "kettle": 9,
    "cup": 64,
}


def stock(skus):
    """How many of each; everything if none is named. What is unknown is left out."""
    return {sku: count for sku, count in SHELVES.items() if not skus or sku in skus}
