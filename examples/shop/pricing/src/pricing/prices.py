"""The price list, in cents."""

PRICE_LIST = 1
CURRENCY = "EUR"
BASE = {
    "assam": 590,
    "sencha": 720,
    "oolong": 890,
    "rooibos": 450,
    "kettle": 3900,
    "cup": 1200,
}


def base_prices(skus):
    """The list's price of each; everything if none is named. What is unknown is left out."""
    return {sku: price for sku, price in BASE.items() if not skus or sku in skus}


def prices(skus, discounts):
    """Base price, discount and what is to pay for each. A discount never exceeds the price."""
    return {
        sku: {
            "base": base,
            "discount": min(base, discounts.get(sku, 0)),
            "net": max(0, base - discounts.get(sku, 0)),
        }
        for sku, base in base_prices(skus).items()
    }
