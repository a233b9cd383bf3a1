"""Which release belongs where. Pure: everything that matters is an argument, everything decided is a value.

Read ``states.py`` first (what may happen), then ``advance.py`` (what does happen, and why).
"""
