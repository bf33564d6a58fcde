"""One source, many environments and standards: which compilations that is."""

from __future__ import annotations

import msgspec

from abaca_compile.catalogue import Catalogue
from abaca_compile.errors import ValidationError
from abaca_compile.model import Compilation, Submission
from abaca_compile.model.base import Value
from abaca_compile.validation import Bounds, accepted

MOST = 250


class MatrixSubmission(Submission, frozen=True, kw_only=True):
    """A submission for every combination of ``environments`` and ``standards``. Without ``environments``: every
    available one of its ``language``; without ``standards``: the one of ``standard``, or each environment's own."""

    standards: tuple[str, ...] = ()

    def submission(self) -> Submission:
        fields = {name: getattr(self, name) for name in Submission.__struct_fields__}
        return Submission(**fields)


class Refused(Value, frozen=True, kw_only=True):
    """A combination that was not submitted, and why."""

    environment: str
    standard: str | None
    message: str


def combinations(
    matrix: MatrixSubmission, catalogue: Catalogue, bounds: Bounds
) -> tuple[list[Compilation], tuple[Refused, ...]]:
    """The compilations in order, environments first, and combinations that their environments do not take.

    Raises ``ValidationError`` for what is wrong with all of them.
    """
    base = matrix.submission()
    if matrix.environments is None and matrix.environment is None and matrix.compiler is None:
        base = msgspec.structs.replace(base, environments=_every(base, catalogue, bounds))
    if not matrix.standards:
        found = list(accepted(base, catalogue, bounds))
        return _few(found), ()
    if matrix.standard is not None:
        raise ValidationError("standards", "give standard or standards, and not both")
    chosen: list[Compilation] = []
    declined: list[Refused] = []
    for environment in [one.environment for one in accepted(base, catalogue, bounds)]:
        one = msgspec.structs.replace(base, environment=environment, environments=None, compiler=None)
        for standard in dict.fromkeys(matrix.standards):
            try:
                chosen += accepted(msgspec.structs.replace(one, standard=standard), catalogue, bounds)
            except ValidationError as error:
                if error.field != "standard":
                    raise
                declined.append(Refused(environment=environment, standard=standard, message=error.reason))
    if not chosen:
        raise ValidationError("standards", declined[0].message)
    return _few(chosen), tuple(declined)


def _every(submission: Submission, catalogue: Catalogue, bounds: Bounds) -> tuple[str, ...]:
    (default,) = accepted(submission, catalogue, bounds)
    return tuple(one.id for one in catalogue.of(default.language) if one.available)


def _few(found: list[Compilation]) -> list[Compilation]:
    if len(found) > MOST:
        raise ValidationError("environments", f"that is {len(found)} compilations, and {MOST} are possible")
    return found
