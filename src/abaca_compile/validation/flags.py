"""Which flags a submission may give: an allow-list for each family, since one flag of a compiler can name any file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from abaca_compile.errors import ValidationError
from abaca_compile.model import Environment, Family

MOST_FLAGS = 64
MOST_LENGTH = 256

_NAME = r"[A-Za-z_]\w*"
_FEATURES = (
    "exceptions|rtti|strict-aliasing|strict-overflow|wrapv|trapv|inline|inline-functions|omit-frame-pointer|common"
    "|signed-char|unsigned-char|short-enums|permissive|openmp|openmp-simd|stack-protector|stack-protector-strong"
    "|stack-protector-all|pic|PIC|pie|PIE|fast-math|finite-math-only|math-errno|char8_t|concepts|coroutines|builtin"
    "|freestanding|hosted|analyzer|unroll-loops|tree-vectorize|vectorize|function-sections|data-sections"
    "|access-control|elide-constructors|sized-deallocation|aligned-new|threadsafe-statics|ms-extensions|gnu89-inline"
)
_MACHINE = r"sse[0-9.a-z]*|ssse3|avx[0-9a-z]*|fma|bmi2?|popcnt|aes|lzcnt|f16c|sha"
_LIBRARIES = "m|pthread|dl|rt|stdc\\+\\+|atomic|c|util"
_INSIDE = r"(?!/)(?!(?:[^/]*/)*\.\.(?:/|$))[\w./+-]+"  # a relative path that does not climb

_C_LIKE = (
    r"-O(?:[0-3sgz]|fast)?",
    r"-W(?![apl],|$)[\w+=-]+",  # -Wa,X -Wp,X -Wl,X hand X to another program
    r"-w",
    r"-pedantic(?:-errors)?|-ansi",
    r"-g[0-3]?",
    rf"-D{_NAME}(?:=[^\x00-\x1f]*)?",
    rf"-U{_NAME}",
    rf"-f(?:no-)?(?:{_FEATURES})",
    r"-fsanitize=(?:address|undefined|leak)",
    r"-fmax-errors=\d{1,5}|-ferror-limit=\d{1,5}",
    r"-m(?:32|64)",
    r"-m(?:arch|tune)=(?!native)[a-z0-9.+_-]+",
    rf"-m(?:no-)?(?:{_MACHINE})",
    rf"-l(?:{_LIBRARIES})",
    r"-pthread|-static|-nostdlib|-nostdinc",
    rf"-I{_INSIDE}|-I\.",
)
_LINT = r"[\w:-]+"
_ALLOWED: dict[Family, tuple[str, ...]] = {
    Family.GCC: _C_LIKE,
    Family.CLANG: (*_C_LIKE, r"-stdlib=libstdc\+\+"),
    Family.TCC: (
        r"-W(?![apl],|$)[\w+=-]+",
        r"-w|-g",
        rf"-D{_NAME}(?:=[^\x00-\x1f]*)?",
        rf"-U{_NAME}",
        rf"-l(?:{_LIBRARIES})",
        rf"-I{_INSIDE}|-I\.",
        r"-f(?:no-)?(?:signed-char|unsigned-char|common)",
    ),
    Family.RUSTC: (
        r"-O|-g",
        rf"-[AWDF]{_LINT}",
        r"-C(?:opt-level=[0-3sz]|debuginfo=[0-2]|overflow-checks=(?:on|off)|debug-assertions=(?:on|off)"
        r"|panic=(?:abort|unwind)|codegen-units=\d{1,3}|strip=(?:none|debuginfo|symbols))",
        rf"--cfg={_NAME}(?:=\"[\w-]*\")?",
        r"--crate-type=(?:bin|lib|rlib)",
    ),
    Family.GO: (r"-tags=[\w,]+", r"-trimpath"),
    Family.JAVAC: (r"-Xlint(?::-?[\w,-]+)?", r"-parameters|-nowarn|-Werror|-deprecation", r"-g(?::[a-z,]+)?"),
    Family.NODE: (),
    Family.TSC: (
        r"--(?:strict|noImplicitAny|strictNullChecks|noUnusedLocals|noUnusedParameters|noImplicitReturns"
        r"|noFallthroughCasesInSwitch|noUncheckedIndexedAccess|exactOptionalPropertyTypes|noImplicitOverride"
        r"|allowUnreachableCode|experimentalDecorators)",
    ),
    Family.PYTHON: (),
    Family.ZIG: (r"-O(?:Debug|ReleaseSafe|ReleaseFast|ReleaseSmall)", r"-lc"),
}
_RULES = {family: re.compile("|".join(f"(?:{rule})" for rule in rules)) for family, rules in _ALLOWED.items()}
_STANDARD = re.compile(r"(?:-std=|--edition=)(.+)")


def standard_among(flags: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    """The flags without ``-std=X`` (for Rust ``--edition=X``), and X: it means the field ``standard``."""
    others, standard = [], None
    for flag in flags:
        if found := _STANDARD.fullmatch(flag):
            standard = found[1]
        else:
            others.append(flag)
    return tuple(others), standard


def check_flags(flags: Sequence[str], environment: Environment) -> None:
    """Raises ``ValidationError`` for a flag that is not on the list of the environment's family."""
    if len(flags) > MOST_FLAGS:
        raise ValidationError("flags", f"{len(flags)} are given, and {MOST_FLAGS} are possible")
    rule = _RULES[environment.family]
    for number, flag in enumerate(flags):
        if len(flag) > MOST_LENGTH or not rule.fullmatch(flag):
            raise ValidationError(
                f"flags[{number}]",
                f"{flag[:80]!r} is not among the flags that may be given to {environment.id}; nothing was run. "
                f"A flag and its value are written as one, and paths stay inside the folder of the sources",
            )
