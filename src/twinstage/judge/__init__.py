"""Is the canary as good as production? Pure statistics over counters."""
