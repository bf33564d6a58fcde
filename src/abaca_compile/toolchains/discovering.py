"""All compilers of this machine and of its compiler images, as environments."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from abaca_compile.catalogue import Catalogue
from abaca_compile.model import Environment, Family, Provider
from abaca_compile.toolchains import cfamily, managed
from abaca_compile.toolchains.access import checked
from abaca_compile.toolchains.asking import Ask, Runs, ask_here, ask_in
from abaca_compile.toolchains.finding import TOOLCHAINS, USUAL, Candidate, candidates, followed, search_path, within
from abaca_compile.toolchains.memory import Memory, fingerprint, identity

AT_ONCE = 2
IMAGES = "/opt/abaca/images"
_EXAMINE: Mapping[Family, Callable[[Candidate, Ask], Awaitable[list[Environment]]]] = {
    Family.GCC: cfamily.examine_gcc,
    Family.CLANG: cfamily.examine_clang,
    Family.TCC: cfamily.examine_tcc,
    Family.RUSTC: managed.examine_rustc,
    Family.GO: managed.examine_go,
    Family.JAVAC: managed.examine_javac,
    Family.NODE: managed.examine_node,
    Family.TSC: managed.examine_tsc,
    Family.PYTHON: managed.examine_python,
    Family.ZIG: managed.examine_zig,
}
_TELLS_VERSION = {Family.GO: "version", Family.ZIG: "version", Family.JAVAC: "-version", Family.TCC: "-v"}


class Discovery:
    """Finds toolchains. ``toolchains`` are folders that hold one toolchain per entry, ``images`` one root file system
    per entry; ``memory`` is the file that keeps what was found out. ``folders`` are looked into instead of all the
    usual places. Images are asked in the ``sandbox`` and are listed
    as unavailable where there is none.
    """

    def __init__(
        self,
        sandbox: Runs | None = None,
        *,
        toolchains: Iterable[str] = (TOOLCHAINS,),
        images: Iterable[str] = (IMAGES,),
        memory: Path | None = None,
        folders: Iterable[str] | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._toolchains = tuple(toolchains)
        self._images = tuple(Path(images_folder) for images_folder in images)
        self._memory = memory
        self._folders = None if folders is None else tuple(folders)
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def environments(self) -> Catalogue:
        """Look again. Only binaries that are new or changed since the last time are asked."""
        memory = await asyncio.to_thread(Memory, self._memory)
        folders = search_path(self._toolchains) if self._folders is None else self._folders
        local = await self._all(candidates(folders), memory, None)
        found = [checked(environment) for environment in local]
        taken = {environment.id for environment in found if environment.available}
        for image in self._image_folders():
            inside = await self._all(candidates(USUAL, image), memory, image)
            found += [_in_image(environment, image, taken) for environment in inside]
        await asyncio.to_thread(memory.save)
        return Catalogue(found)

    def _image_folders(self) -> list[Path]:
        return [folder for top in self._images if top.is_dir() for folder in sorted(top.iterdir()) if folder.is_dir()]

    async def _all(self, found: Iterable[Candidate], memory: Memory, image: Path | None) -> list[Environment]:
        if image is not None and self._sandbox is None:
            return []
        ask = ask_here if image is None or self._sandbox is None else ask_in(self._sandbox, image)
        lists = await asyncio.gather(*(self._one(candidate, memory, image, ask) for candidate in found))
        return [environment for environments in lists for environment in environments]

    async def _one(self, candidate: Candidate, memory: Memory, image: Path | None, ask: Ask) -> list[Environment]:
        path = within(candidate.real, image)
        about = identity(path)
        if about is None:
            return []
        known = f"{image or ''}|{candidate.path}|{about}"
        if (kept := memory.recall(known)) is not None:
            return kept
        async with self._turn:
            environments = await _EXAMINE[candidate.family](candidate, ask)
            made = []
            for environment in environments:
                said = await ask(environment.executable, _TELLS_VERSION.get(environment.family, "--version"))
                binary = within(followed(environment.executable, image), image)
                print_of = await asyncio.to_thread(fingerprint, binary, said.out + said.err)
                made.append(msgspec.structs.replace(environment, fingerprint=print_of))
        memory.keep(known, made)
        return made


def _in_image(environment: Environment, image: Path, taken: set[str]) -> Environment:
    """The environment as one of an image: under its own name where no other has it, and always as ``name@image``."""
    full = f"{environment.id}@{image.name}"
    chosen = full if environment.id in taken else environment.id
    taken.add(chosen)
    return msgspec.structs.replace(
        environment,
        id=chosen,
        aliases=(*environment.aliases, full) if chosen != full else environment.aliases,
        provider=Provider.IMAGE,
        image=str(image),
        mounts=(),
    )
