"""An application whose import raises."""

raise RuntimeError("this module is broken")
