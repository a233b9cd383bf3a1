"""This season's offers: percent off the base price."""

PERCENT = {"oolong": 10, "cup": 25}
DEAREST = 2000  # cents: what costs more is never reduced


def discounts(base_prices):
    """Cents off each price, where there is an offer. Rounded in the customer's favour."""
    return {
        sku: -(-price * PERCENT[sku] // 100)
        for sku, price in base_prices.items()
        if sku in PERCENT and price <= DEAREST
    }
