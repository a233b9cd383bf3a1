"""The HTTP API on a Unix socket. It reads the store, and writes intents into it; only the controller acts.

Open ``routes.py`` first: the table of everything it answers.
"""
