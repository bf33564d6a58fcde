"""The process of one slot: unprivileged, alone in its namespaces, it starts programs and watches over them.

It imports the standard library and this folder only, and nothing lazily: once it has given up root, the interpreter's
own files may be unreadable.
"""
