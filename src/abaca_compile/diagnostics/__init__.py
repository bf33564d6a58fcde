"""What compilers write, read into one form."""

from abaca_compile.diagnostics.reading import read
from abaca_compile.diagnostics.rendering import excerpt, headline, render
from abaca_compile.diagnostics.texts import Reading, Sources, clean

__all__ = ["Reading", "Sources", "clean", "excerpt", "headline", "read", "render"]
