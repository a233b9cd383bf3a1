"""The one that decides and acts. Open tick.py first."""
