"""What is to be seen of an installation from outside: metrics, series for charts, traces.

Each module is imported by who needs it: ``exposition`` wants ``abaca[server]``, ``otel`` wants ``abaca[otel]``.
"""
