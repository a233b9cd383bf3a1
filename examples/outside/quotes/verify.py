"""In staging the quote comes from the provider's sandbox, never from the provider that counts."""

import json
import os
import urllib.request

asked = urllib.request.Request(
    f"{os.environ['TWINSTAGE_URL']}/?amount=100", headers={"baggage": os.environ["TWINSTAGE_BAGGAGE"]}
)
with urllib.request.urlopen(asked, timeout=10) as answer:
    said = json.load(answer)
assert said["by"] == "sandbox.rates.example", said
print(f"100 are {said['quote']}, says {said['by']}")
