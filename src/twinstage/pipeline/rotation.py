"""While a secret is rotated: the new instances start beside the old ones, and which of the two serve.

A new value makes another workload (its key has the number of the service's secrets). What is wanted has only that key. The
old one goes on serving until every new instance is healthy; a value that is wrong therefore never takes traffic, and neither
makes a release look ill nor the mirror broken.
"""

from dataclasses import replace

from twinstage.model.seen import Observed, WorkloadSeen
from twinstage.model.workload import WorkloadKey


def serving(key: WorkloadKey, seen: Observed) -> WorkloadKey:
    """The key under which that workload serves now: its own, unless requests are still led to one that differs from it in
    nothing but older secrets, and that answers. Once they were led to its own they never go back."""
    route = seen.routes.get(key.service)
    if route is None:
        return key
    led = {k for k, share in route.split if share} | {k for _, k in route.lanes}
    if key in led:
        return key
    older = [k for k in led if k.secrets < key.secrets and replace(k, secrets=key.secrets) == key]
    return max((k for k in older if _answers(seen.workloads.get(k))), key=lambda k: k.secrets, default=key)


def _answers(workload: WorkloadSeen | None) -> bool:
    return workload is not None and workload.replicas > 0 and workload.healthy > 0
