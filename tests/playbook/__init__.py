"""One play of a small company, on the platform in memory and on this machine, and what of its journal must be the same."""
