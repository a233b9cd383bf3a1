"""The customers. Sandbox knows the same people, but none of their real addresses."""

CUSTOMERS = {
    "ada": ("Ada", "DE"),
    "blaise": ("Blaise", "FR"),
    "emmy": ("Emmy", "DE"),
    "gaetana": ("Gaetana", "IT"),
    "lise": ("Lise", "AT"),
}


def customer(name, mode):
    """One customer, or None. ``mode`` is ``sandbox`` or ``live``."""
    if name not in CUSTOMERS:
        return None
    full_name, country = CUSTOMERS[name]
    domain = "customers.example" if mode == "live" else "sandbox.example"
    return {
        "id": name,
        "name": full_name,
        "country": country,
        "email": f"{name}@{domain}",
    }
