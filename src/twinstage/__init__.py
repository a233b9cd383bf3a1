"""Twinstage ships every service of a company through one pipeline and a sealed, always complete staging mirror."""

__version__ = "0.1.0"
