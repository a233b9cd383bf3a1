"""Charges cards through an acquirer: a test bank in the sandbox, a real one where it is live."""
