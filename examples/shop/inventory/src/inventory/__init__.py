"""How much of everything is in the warehouse. An old program: its port is fixed."""
