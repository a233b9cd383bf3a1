"""Which discounts there are. It and pricing depend on each other."""
