"""The files of a submission: exactly one way to give them, within the size, under names that stay in their folder."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable

from abaca_compile.errors import ValidationError
from abaca_compile.model import Language, SourceFile, Submission
from abaca_compile.suffixes import unnamed

MOST_BYTES = 1 << 20
MOST_FILES = 50
MOST_NAME = 200
RESERVED = "abaca.out"  # where drivers let the compiler write


def sources(submission: Submission, language: Language) -> tuple[SourceFile, ...]:
    """The files as the compiler gets them. Raises ``ValidationError`` naming the field."""
    given = [name for name in ("source_code", "code", "files") if getattr(submission, name) is not None]
    if len(given) != 1:
        raise ValidationError(
            given[-1] if given else "source_code",
            f"give exactly one of source_code, code (base64) and files; {' and '.join(given) or 'none'} came",
        )
    if submission.files is None:
        return (_single(submission, language),)
    if submission.filename is not None:
        raise ValidationError(
            "filename", "it names a source_code or code; the entries of files have names of their own"
        )
    if not 0 < len(submission.files) <= MOST_FILES:
        raise ValidationError("files", f"give 1 to {MOST_FILES} files; {len(submission.files)} came")
    files = []
    for number, file in enumerate(submission.files):
        content = _bytes(f"files[{number}].content", file.content, is_base64=file.encoding == "base64")
        check_name(f"files[{number}].name", file.name)
        files.append(SourceFile(name=file.name, content=content))
    _check_size("files", files)
    _check_places(files)
    return tuple(sorted(files, key=lambda file: file.name))


def check_name(field: str, name: str) -> None:
    """Refuse a name that could leave its folder, or that a compiler would take for an option."""
    parts = name.split("/")
    if not name or len(name.encode(errors="replace")) > MOST_NAME:
        raise ValidationError(field, f"a name has 1 to {MOST_NAME} bytes")
    if not name.isprintable() or "\\" in name:
        raise ValidationError(field, f"{name!r} holds a character that no file name here may hold")
    if name.startswith("/"):
        raise ValidationError(field, f"{name!r} is absolute; give it relative to the folder of the sources")
    if any(part in ("", ".", "..") for part in parts):
        raise ValidationError(field, f"{name!r} is not a plain relative name: no part may be empty, '.' or '..'")
    if any(part[0] in "-@~" for part in parts):
        raise ValidationError(field, f"{name!r}: no part of a name may begin with '-', '@' or '~'")
    if parts[0].startswith(RESERVED):
        raise ValidationError(field, f"{name!r}: names that begin with {RESERVED} are the service's own")


def _single(submission: Submission, language: Language) -> SourceFile:
    field = "source_code" if submission.source_code is not None else "code"
    content = _bytes(field, getattr(submission, field), is_base64=field == "code")
    if not content:
        raise ValidationError(field, "it is empty")
    name = unnamed(language, content)
    if submission.filename is not None:
        check_name("filename", submission.filename)
        name = submission.filename
    file = SourceFile(name=name, content=content)
    _check_size(field, (file,))
    return file


def _bytes(field: str, text: str, *, is_base64: bool) -> bytes:
    try:
        return b64decode(text, validate=True) if is_base64 else text.encode()
    except (binascii.Error, ValueError) as error:
        what = "base64" if is_base64 else "text that UTF-8 can hold"
        raise ValidationError(field, f"it is not {what}: {error}") from None


def _check_size(field: str, files: Iterable[SourceFile]) -> None:
    size = sum(len(file.content) for file in files)
    if size > MOST_BYTES:
        raise ValidationError(field, f"the source has {size:,} bytes, decoded, and {MOST_BYTES:,} are possible")


def _check_places(files: list[SourceFile]) -> None:
    """No name twice, and no file where another one needs a folder."""
    seen: dict[str, int] = {}
    folders = {file.name[:cut] for file in files for cut, letter in enumerate(file.name) if letter == "/"}
    for number, file in enumerate(files):
        if file.name in seen:
            raise ValidationError(
                f"files[{number}].name", f"{file.name!r} is also the name of files[{seen[file.name]}]"
            )
        if file.name in folders:
            raise ValidationError(f"files[{number}].name", f"{file.name!r} is also a folder of another file")
        seen[file.name] = number
