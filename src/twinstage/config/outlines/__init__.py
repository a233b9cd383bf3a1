"""Every key of the user's files: what may stand there, and what it is. One module a file.

The readers know their keys from here, and so do the JSON Schemas and the reference. A new key is a line here, and what
its reader makes of it; ``tests/unit/test_schema.py`` then tries its bounds on both.
"""
