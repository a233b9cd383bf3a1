"""Takes an order: has it paid, then shipped."""
