"""The command line: one short file a command, over the client alone. Open ``main.py`` first."""
