"""What the shop sells, with today's prices and stock."""
