"""Results as text, as SARIF, and as annotations for CI. As JSON a result is written as it is: ``json``."""

import msgspec

from abaca_compile.outputs.ci import ci_annotations
from abaca_compile.outputs.sarif import sarif
from abaca_compile.outputs.text import summary, text

json = msgspec.json.Encoder().encode

__all__ = ["ci_annotations", "json", "sarif", "summary", "text"]
