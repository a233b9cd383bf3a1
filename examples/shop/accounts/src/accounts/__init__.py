"""Who the customers are and where they live. On the standard library alone."""
