"""The commands ``abaca documents`` with its short name ``docs``, ``abaca search`` and ``abaca collections``."""
