"""The products, as the buyers describe them."""

PRODUCTS = {
    "assam": "Assam, second flush",
    "sencha": "Sencha from Shizuoka",
    "oolong": "Oolong, half fermented",
    "rooibos": "Rooibos, not a tea at all",
    "kettle": "Kettle that stops at 80 degrees",
    "cup": "Cup without a handle",
}


def offer(sku, prices, stock):
    """A product as a customer sees it; ``net`` in cents."""
    return {
        "sku": sku,
        "name": PRODUCTS[sku],
        "net": prices[sku]["net"],
        "reduced": prices[sku]["discount"] > 0,
        "available": stock.get(sku, 0) > 0,
    }
