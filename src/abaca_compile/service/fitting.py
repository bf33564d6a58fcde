"""A result within the size that a job's result may have."""

from __future__ import annotations

import msgspec

from abaca_compile.model import Built, Result, Truncated

LARGEST = 8 << 20
"""Bytes of JSON that a job's arguments, or its result, may take."""
_ROOM = 64 << 10
_MOST_DIAGNOSTICS = 1000
_encode = msgspec.json.Encoder().encode


def fitted(built: Built, largest_artifact: int) -> Built:
    """Without the artifact where it is larger than that, and then with less and less of what the compiler wrote."""
    if built.artifact is not None and len(built.artifact) > largest_artifact:
        built = msgspec.structs.replace(built, artifact=None)
    for shorter in (_as_it_is, _without_artifact, _without_raw, _with_less_text):
        built = shorter(built)
        if len(_encode(built)) < LARGEST - _ROOM:
            break
    return built


def _as_it_is(built: Built) -> Built:
    return built


def _without_artifact(built: Built) -> Built:
    return msgspec.structs.replace(built, artifact=None)


def _without_raw(built: Built) -> Built:
    return _with(built, raw=None)


def _with_less_text(built: Built) -> Built:
    """A control character takes six bytes as JSON, so a sixth of the room is certain to do for both texts."""
    most, result = LARGEST // 24, built.result
    return _with(
        built,
        stdout=result.stdout and result.stdout[:most],
        stderr=result.stderr and result.stderr[:most],
        diagnostics=result.diagnostics[:_MOST_DIAGNOSTICS],
        truncated=Truncated(stdout=True, stderr=True),
        run=result.run
        and msgspec.structs.replace(result.run, stdout=result.run.stdout[:most], stderr=result.run.stderr[:most]),
    )


def _with(built: Built, **changes: object) -> Built:
    result: Result = msgspec.structs.replace(built.result, **changes)
    return msgspec.structs.replace(built, result=result)
