"""Which reader reads which format."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from abaca_compile.diagnostics.gccjson import read_gcc_json
from abaca_compile.diagnostics.gnu import read_gnu
from abaca_compile.diagnostics.javac import read_javac
from abaca_compile.diagnostics.lines import read_go, read_node, read_python, read_tsc
from abaca_compile.diagnostics.rustc import read_rustc_json
from abaca_compile.diagnostics.sarif import read_sarif
from abaca_compile.diagnostics.texts import Reading, Sources, clean
from abaca_compile.model import Format

_READERS: Mapping[Format, Callable[[str, Sources], Reading]] = {
    Format.GCC_JSON: read_gcc_json,
    Format.SARIF: read_sarif,
    Format.CLANG: read_gnu,
    Format.GNU: read_gnu,
    Format.ZIG: read_gnu,
    Format.RUSTC_JSON: read_rustc_json,
    Format.GO: read_go,
    Format.JAVAC: read_javac,
    Format.NODE: read_node,
}


def read(form: Format, stdout: bytes, stderr: bytes, sources: Sources) -> tuple[Reading, str]:
    """The messages of a compiler, and what it wrote to standard output besides."""
    out, err = clean(stdout), clean(stderr)
    if form is Format.PYTHON:
        return read_python(err, out), ""
    if form is Format.TSC:  # it writes its messages to standard output
        return read_tsc(out + err, sources), ""
    return _READERS[form](err, sources), out
