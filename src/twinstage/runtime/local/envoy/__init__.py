"""Our meaning to Envoy's objects: one file per object, pure functions returning whole dictionaries, and a thin writer.

Order of writing, which keeps every reference known before it is used: endpoints, clusters, routes, listeners. Order of
removing is the reverse. A change is in force when ``admin.Admin`` shows its version, never when its file is written.
"""
