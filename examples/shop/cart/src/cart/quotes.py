"""What a basket comes to."""


class BasketRefused(Exception):
    """The basket cannot be sold as it is; the message is for the customer."""


def quote(basket, prices, stock):
    """Prices a basket ``{sku: quantity}``; cents. Refuses what is unknown or not in stock."""
    if not basket:
        raise BasketRefused("the basket is empty")
    for sku, quantity in basket.items():
        if quantity < 1:
            raise BasketRefused(f"{quantity} of {sku} is not a quantity")
        if sku not in prices:
            raise BasketRefused(f"there is no {sku}")
        if stock.get(sku, 0) < quantity:
            raise BasketRefused(f"only {stock.get(sku, 0)} of {sku} are left")
    lines = [
        {"sku": sku, "quantity": quantity, "amount": prices[sku]["net"] * quantity}
        for sku, quantity in basket.items()
    ]
    return {"lines": lines, "amount": sum(line["amount"] for line in lines)}
