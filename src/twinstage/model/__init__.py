"""The nouns. Frozen dataclasses that every other package shares; nothing here acts or decides.

Three sentences carry the model:

1. An ecosystem is a baseline plus overlays, per service. An overlay chosen by weight is a canary; one chosen by baggage
   is a lane. Staging's baseline is production's baseline: there is no other field to hold it, so it cannot drift.
2. Desired state is computed from decisions (service rows and open rollouts), never stored, so the two cannot disagree.
3. A workload never changes except in its replica count. Everything else is another workload, so replacement is always:
   start the new, shift the route, drain and delete the old.
"""
