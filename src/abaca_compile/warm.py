"""Warm caches: what a compiler would make anew in every run is made once, and shown to jobs read-only.

Headers that g++ has precompiled for each standard, Go's build cache, and Zig's. They are made by the operator's user
from sources of the toolchain alone, in a folder that everybody can read and only that user can write.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from abaca_compile.drivers import Plan
from abaca_compile.drivers.managed import go_module
from abaca_compile.errors import CompileError
from abaca_compile.model import Compilation, Environment, Family, Language, SourceFile
from abaca_sandbox import Mount, obstacle

STANDARDS = ("gnu++17", "c++17", "gnu++20", "c++20")
GO_PACKAGES = (
    *("bufio", "bytes", "context", "encoding/json", "errors", "fmt", "io", "maps", "math", "math/rand", "os"),
    *("reflect", "regexp", "slices", "sort", "strconv", "strings", "sync", "sync/atomic", "time", "unicode"),
)
HEADERS = ("bits/stdc++.h", "iostream", "string", "vector")
"""Those that programs begin with: GCC uses one precompiled header in a compilation, before any code."""
_MENTION = re.compile(rb"#[ \t]*include[ \t]*<(?:%s)>" % b"|".join(re.escape(name.encode()) for name in HEADERS))
# Found where GCC may not use the precompiled one, for example when the header is included again.
_FORWARD = "#pragma GCC system_header\n#include_next <{}>\n"
_TELLTALES = ("-nostdinc", "invalid-pch")
"""Parts of flags that a precompiled header would make a difference to."""
_TIME = 600.0
_ZIG = "export fn answer() u32 {\n    return 42;\n}\npub fn main() void {}\n"
# Zig writes into its manifests, so those are copied; its objects are only read.
_ZIG_START = 'mkdir -p "$1/o" && cp -r "$0/h" "$0/z" "$0/b" "$1/" && ln -s "$0"/o/* "$1/o/" && shift && exec "$@"'
_ZIG_CACHE = "/tmp/zig-global"


class Warm:
    """The caches below one folder. A cache that was not prepared, or belongs to another binary or another place of
    it, is not used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def used_by(self, plan: Plan, compilation: Compilation, environment: Environment) -> Plan:
        """The plan, with the caches that it can use."""
        if environment.image is not None:
            return plan
        if environment.family is Family.GCC and environment.language is Language.CPP:
            return self._with_header(plan, compilation, environment)
        place = self._place(environment)
        if not _readable(place):
            return plan
        if environment.family is Family.GO:
            return replace(plan, env={**plan.env, "GOCACHE": str(place)}, mounts=(*plan.mounts, _mount(place)))
        if environment.family is Family.ZIG:
            argv = ("/bin/sh", "-c", _ZIG_START, str(place), _ZIG_CACHE, *plan.argv)
            return replace(plan, argv=argv, mounts=(*plan.mounts, _mount(place)))
        return plan

    async def prepare(
        self,
        environment: Environment,
        *,
        standards: Sequence[str] = STANDARDS,
        headers: Sequence[str] = HEADERS,
        packages: Sequence[str] = GO_PACKAGES,
    ) -> bool:
        """Make what is missing for an environment. False for one that has no use for it.

        Takes about 12 CPU seconds for each standard of g++, 20 and more for Go, 10 for Zig. Raises ``CompileError``
        with what the compiler said.
        """
        if environment.image is not None or not environment.available:
            return False
        if environment.family is Family.GCC and environment.language is Language.CPP:
            for standard in standards:
                if standard in environment.standards:
                    place = self._header_place(environment, standard)
                    await self._make(place, partial(_make_headers, environment, standard, headers))
            return True
        if environment.family in (Family.GO, Family.ZIG):
            await self._make(self._place(environment), partial(_make_cache, environment, packages))
            return True
        return False

    def _with_header(self, plan: Plan, compilation: Compilation, environment: Environment) -> Plan:
        """Precompiled headers are found before the headers, and behind folders that flags name; GCC leaves them alone
        where the flags or macros are not those that they were made with."""
        is_told = any(telltale in flag for flag in compilation.flags for telltale in _TELLTALES)
        if compilation.standard is None or is_told or not any(map(_mentions, compilation.files)):
            return plan
        place = self._header_place(environment, compilation.standard)
        if not _readable(place):
            return plan
        argv = (plan.argv[0], "-isystem", str(place), *plan.argv[1:])
        return replace(plan, argv=argv, mounts=(*plan.mounts, _mount(place)))

    def _place(self, environment: Environment) -> Path:
        """By the binary and by where it stands: Go's cache names the folder of its own library."""
        what = f"{environment.fingerprint}\0{environment.executable}"
        return self._folder / f"{environment.id}-{hashlib.sha256(what.encode()).hexdigest()[:16]}"

    def _header_place(self, environment: Environment, standard: str) -> Path:
        return self._place(environment) / f"headers-{standard}"

    async def _make(self, place: Path, fill: Callable[[Path, Path], Awaitable[None]]) -> None:
        """Made beside its place and moved there when it is whole, so that no job ever sees half of it."""
        if await asyncio.to_thread(place.is_dir):
            return
        await asyncio.to_thread(place.parent.mkdir, parents=True, exist_ok=True)
        made = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=".making-", dir=place.parent))
        work = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="abaca-warm-"))
        try:
            await fill(made, work)
            await asyncio.to_thread(_open_for_all, made)
            await asyncio.to_thread(_move, made, place)
        finally:
            await asyncio.to_thread(shutil.rmtree, made, ignore_errors=True)
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)


def _mentions(file: SourceFile) -> bool:
    return _MENTION.search(file.content) is not None


async def _make_headers(
    environment: Environment, standard: str, headers: Sequence[str], made: Path, work: Path
) -> None:
    for header in headers:
        forward, source = made / header, work / "all.h"
        await asyncio.to_thread(forward.parent.mkdir, exist_ok=True)
        await asyncio.to_thread(forward.write_text, _FORWARD.format(header))
        await asyncio.to_thread(source.write_text, f"#include <{header}>\n")
        goal = ["-x", "c++-header", f"-std={standard}", source.name, "-o", f"{forward}.gch"]
        await _run([environment.executable, *goal], work, {})


async def _make_cache(environment: Environment, packages: Sequence[str], made: Path, work: Path) -> None:
    argv, variables = await asyncio.to_thread(_recipe, environment, made, work, packages)
    await _run(argv, work, variables)


def _recipe(
    environment: Environment, made: Path, work: Path, packages: Sequence[str]
) -> tuple[list[str], Mapping[str, str]]:
    if environment.family is Family.GO:
        imports = "".join(f'import _ "{package}"\n' for package in packages)
        (work / "main.go").write_text(f"package main\n\n{imports}\nfunc main() {{}}\n")
        (work / "go.mod").write_text(go_module(environment.version))
        variables = {"GOCACHE": str(made), "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOPROXY": "off"}
        return [environment.executable, "build", "-o", "program", "."], {**variables, "GOPATH": str(work / "path")}
    (work / "main.zig").write_text(_ZIG)
    variables = {"ZIG_GLOBAL_CACHE_DIR": str(made), "ZIG_LOCAL_CACHE_DIR": str(work / "local")}
    return [environment.executable, "build-exe", "main.zig", "-femit-bin=program"], variables


async def _run(argv: Sequence[str], work: Path, variables: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=work,
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(work), "LC_ALL": "C.UTF-8", **variables},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), _TIME)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise CompileError(f"{argv[0]} could not make its cache: {said.decode(errors='replace')[-500:]}")


def _open_for_all(folder: Path) -> None:
    """Readable for everybody, whatever the umask; writable for the owner only."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


def _move(made: Path, place: Path) -> None:
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():  # otherwise another process was faster, and its cache is as good
            raise


def _readable(place: Path) -> bool:
    """Whether the cache is there, and open to the users that compilers run as."""
    return place.is_dir() and obstacle(place) is None


def _mount(place: Path) -> Mount:
    return Mount(str(place), str(place))
