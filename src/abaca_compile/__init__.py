"""Will it compile? Source text in, and out comes whether it compiles, with diagnostics, from many toolchains at once.

The compilers run in ``abaca_sandbox``. Nothing here is imported before it is used: ``abaca_compile.engine`` is the part
that works without any server, ``abaca_compile.plugin`` the application for Abaca.
"""
