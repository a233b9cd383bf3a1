"""Checks a basket against stock and prices it. The basket itself travels with the customer."""
