"""The commands ``abaca compile`` and ``abaca environments``."""
