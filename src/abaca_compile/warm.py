"""Warm caches: what a compiler would make anew in every run is made once, and shown to jobs read-only.

The precompiled `<bits/stdc++.h>` of g++ for each standard, Go's build cache, and Zig's. They are made by the operator's
user from sources of the toolchain alone, in a folder that everybody can read and only that user can write.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from abaca_compile.drivers import Plan
from abaca_compile.errors import CompileError
from abaca_compile.model import Compilation, Environment, Family, Language
from abaca_sandbox import Mount, obstacle

STANDARDS = ("gnu++17", "c++17", "gnu++20", "c++20")
GO_PACKAGES = (
    *("bufio", "bytes", "context", "encoding/json", "errors", "fmt", "io", "maps", "math", "math/rand", "os"),
    *("reflect", "regexp", "slices", "sort", "strconv", "strings", "sync", "sync/atomic", "time", "unicode"),
)
_HEADER = "bits/stdc++.h"
_MENTION = b"bits/stdc++.h"
_TIME = 600.0
_ZIG = "export fn answer() u32 {\n    return 42;\n}\npub fn main() void {}\n"
# Zig writes into its manifests, so those are copied; its objects are only read.
_ZIG_START = 'mkdir -p "$1/o" && cp -r "$0/h" "$0/z" "$0/b" "$1/" && ln -s "$0"/o/* "$1/o/" && shift && exec "$@"'
_ZIG_CACHE = "/tmp/zig-global"


class Warm:
    """The caches below one folder. A cache that was not prepared, or belongs to another binary, is not used."""

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
        packages: Sequence[str] = GO_PACKAGES,
    ) -> bool:
        """Make what is missing for an environment. False for one that has no use for it.

        Takes about 10 CPU seconds for each standard of g++, 20 and more for Go, 10 for Zig. Raises ``CompileError``
        with what the compiler said.
        """
        if environment.image is not None or not environment.available:
            return False
        if environment.family is Family.GCC and environment.language is Language.CPP:
            for standard in standards:
                if standard in environment.standards:
                    await self._make(self._header_place(environment, standard), environment, standard, ())
            return True
        if environment.family in (Family.GO, Family.ZIG):
            await self._make(self._place(environment), environment, None, packages)
            return True
        return False

    def _with_header(self, plan: Plan, compilation: Compilation, environment: Environment) -> Plan:
        """A precompiled header is found before the header itself; GCC leaves it alone where the flags do not fit."""
        if compilation.standard is None or not any(_MENTION in file.content for file in compilation.files):
            return plan
        place = self._header_place(environment, compilation.standard)
        if not _readable(place):
            return plan
        argv = (plan.argv[0], "-I", str(place), *plan.argv[1:])
        return replace(plan, argv=argv, mounts=(*plan.mounts, _mount(place)))

    def _place(self, environment: Environment) -> Path:
        return self._folder / f"{environment.id}-{environment.fingerprint[:16]}"

    def _header_place(self, environment: Environment, standard: str) -> Path:
        return self._place(environment) / standard

    async def _make(self, place: Path, environment: Environment, standard: str | None, packages: Sequence[str]) -> None:
        """Made beside its place and moved there when it is whole, so that no job ever sees half of it."""
        if await asyncio.to_thread(place.is_dir):
            return
        await asyncio.to_thread(place.parent.mkdir, parents=True, exist_ok=True)
        made = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=".making-", dir=place.parent))
        work = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="abaca-warm-"))
        try:
            argv, variables = await asyncio.to_thread(_recipe, environment, made, work, standard, packages)
            await _run(argv, work, variables)
            await asyncio.to_thread(_open_for_all, made)
            await asyncio.to_thread(_move, made, place)
        finally:
            await asyncio.to_thread(shutil.rmtree, made, ignore_errors=True)
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)


def _recipe(
    environment: Environment, made: Path, work: Path, standard: str | None, packages: Sequence[str]
) -> tuple[list[str], Mapping[str, str]]:
    if environment.family is Family.GCC:
        (made / "bits").mkdir()
        (work / "all.h").write_text(f"#include <{_HEADER}>\n")
        goal = ["-x", "c++-header", f"-std={standard}", "all.h", "-o", str(made / f"{_HEADER}.gch")]
        return [environment.executable, *goal], {}
    if environment.family is Family.GO:
        imports = "".join(f'import _ "{package}"\n' for package in packages)
        (work / "main.go").write_text(f"package main\n\n{imports}\nfunc main() {{}}\n")
        (work / "go.mod").write_text(f"module main\n\ngo {environment.version}\n")
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
