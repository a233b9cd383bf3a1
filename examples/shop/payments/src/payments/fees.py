"""What the acquirer keeps of a payment."""

PER_MILLE = 14


def fee(amount, country, mode):
    """Cents of ``amount`` for a card of ``country``. The sandbox's test bank takes nothing."""
    if mode == "sandbox":
        return 0
    return amount * PER_MILLE // 1000
