"""Every way out of a sandbox that we know, tried from inside one as an instance stands: ``python3 -m twinstage.inside.probe``.

It imports the standard library and itself alone: it runs where nothing of ours but this directory is seen. Nothing that it
tries does harm where it succeeds: signals are signal 0, clocks are not set, what is written is what it may not write.
"""
