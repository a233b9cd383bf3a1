"""The home page as HTML."""

from html import escape

STYLE = """
body { font: 1.1rem/1.5 Georgia, serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }
table { width: 100%; border-collapse: collapse }
td { border-top: 1px solid #ccc; padding: .4rem 0 }
td:last-child { text-align: right }
.reduced { color: #a33 }
.note { color: #777; font-size: .9rem }
"""


def home(products, price_list, customer, mode):
    """``customer`` is a name or None; prices are in cents."""
    rows = "\n".join(row(product) for product in products)
    greeting = f"Welcome back, {escape(customer)}." if customer else "Welcome."
    sandbox = "" if mode == "live" else "<p class=note>Sandbox: nothing is really sold here.</p>"
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Two Leaves</title><style>{STYLE}</style></head>
<body>
<h1>Two Leaves</h1>
<p>{greeting}</p>
{sandbox}
<table>
{rows}
</table>
<p class="note">Price list {price_list}.</p>
</body>
</html>
"""


def row(product):
    euros = f"{product['net'] // 100}.{product['net'] % 100:02} €"
    kind = ' class="reduced"' if product["reduced"] else ""
    price = euros if product["available"] else "sold out"
    return f"<tr><td>{escape(product['name'])}</td><td{kind}>{price}</td></tr>"
