"""Every store against one suite."""
