"""Environments made up for tests that need no compiler."""

from __future__ import annotations

from abaca_compile.catalogue import Catalogue
from abaca_compile.model import Compilation, Environment, Family, Format, Language, Mode, SourceFile

GCC = Environment(
    id="gcc-12",
    language=Language.C,
    family=Family.GCC,
    compiler="gcc-12",
    aliases=("gcc",),
    version="12.2.0",
    executable="/usr/bin/gcc-12",
    target="x86_64-linux-gnu",
    architecture="x86_64",
    standards=("c99", "c11", "c17", "gnu17"),
    default_standard="gnu17",
    diagnostics=Format.GCC_JSON,
    fingerprint="ab" * 32,
)
GPP = Environment(
    id="g++-12",
    language=Language.CPP,
    family=Family.GCC,
    compiler="gcc-12",
    aliases=("g++", "gcc"),
    version="12.2.0",
    executable="/usr/bin/g++-12",
    architecture="x86_64",
    standards=("c++17", "c++20"),
    default_standard="c++17",
    diagnostics=Format.GCC_JSON,
)
CLANGPP = Environment(
    id="clang++-14",
    language=Language.CPP,
    family=Family.CLANG,
    compiler="clang-14",
    aliases=("clang++", "clang"),
    version="14.0.6",
    executable="/usr/bin/clang++-14",
    architecture="x86_64",
    standards=("c++17",),
    diagnostics=Format.CLANG,
)
RUSTC = Environment(
    id="rustc-1.95",
    language=Language.RUST,
    family=Family.RUSTC,
    compiler="rustc-1.95",
    aliases=("rustc",),
    version="1.95.0",
    executable="/root/rust/bin/rustc",
    available=False,
    reason="the sandbox's user cannot read it",
    remedy="sudo cp -a /root/rust /opt/abaca/toolchains/rustc-1.95",
)
NODE = Environment(
    id="node-20",
    language=Language.JAVASCRIPT,
    family=Family.NODE,
    compiler="node-20",
    version="20.20.2",
    executable="/usr/bin/node",
    modes=(Mode.SYNTAX, Mode.COMPILE),
)
JAVAC = Environment(
    id="javac-17",
    language=Language.JAVA,
    family=Family.JAVAC,
    compiler="javac-17",
    version="17.0.15",
    executable="/usr/bin/javac",
    modes=(Mode.COMPILE, Mode.SYNTAX),
    runs=False,
)
CATALOGUE = Catalogue([GCC, GPP, CLANGPP, RUSTC, NODE, JAVAC])


def compilation(source: bytes = b"int x;\n", environment: Environment = GCC, name: str = "main.c") -> Compilation:
    return Compilation(
        environment=environment.id,
        language=environment.language,
        files=(SourceFile(name=name, content=source),),
        entry=name,
        standard=environment.default_standard,
    )
