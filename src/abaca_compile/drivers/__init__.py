"""How to speak to each family of compilers."""

from abaca_compile.drivers.cfamily import CFamily, Tcc
from abaca_compile.drivers.managed import Go, Javac, Node, Python, Rustc, Tsc, Zig
from abaca_compile.drivers.plans import Driver, Plan
from abaca_compile.model import Family

__all__ = ["Driver", "Plan", "drivers"]


def drivers() -> dict[Family, Driver]:
    """A driver for every family."""
    c_like = CFamily()
    return {
        Family.GCC: c_like,
        Family.CLANG: c_like,
        Family.TCC: Tcc(),
        Family.RUSTC: Rustc(),
        Family.GO: Go(),
        Family.JAVAC: Javac(),
        Family.NODE: Node(),
        Family.TSC: Tsc(),
        Family.PYTHON: Python(),
        Family.ZIG: Zig(),
    }
