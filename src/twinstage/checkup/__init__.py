"""Names whatever has no owner, no deadline or no reason. Pure; ``doctor`` shows it."""
