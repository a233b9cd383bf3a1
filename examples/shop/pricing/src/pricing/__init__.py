"""What everything costs. It and promotions depend on each other: prices less discounts,
discounts of base prices."""
