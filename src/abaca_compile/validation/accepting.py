"""One submission, and the compilations that it means: one for each environment that it names."""

from __future__ import annotations

from collections.abc import Sequence

from abaca_compile.catalogue import Catalogue
from abaca_compile.errors import ValidationError
from abaca_compile.model import ALIASES, Compilation, Environment, Language, Mode, SourceFile, Submission
from abaca_compile.suffixes import SUFFIXES, is_source, language_of
from abaca_compile.validation.bounds import Bounds
from abaca_compile.validation.flags import check_flags, standard_among
from abaca_compile.validation.sources import check_name, sources

MOST_ENVIRONMENTS = 50
_ARCHITECTURES = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}


def accepted(submission: Submission, catalogue: Catalogue, bounds: Bounds | None = None) -> tuple[Compilation, ...]:
    """The compilations of a submission, in the order of its environments.

    Raises ``ValidationError`` naming the field, ``UnknownEnvironment`` with what comes near, and
    ``EnvironmentUnavailable`` for a toolchain that is known and cannot be used here.
    """
    bounds = bounds or Bounds()
    language = _language(submission)
    chosen = _environments(submission, catalogue, language)
    limits, run = bounds.limits(submission.limits), bounds.run(submission.run)
    made = []
    for environment in chosen:
        files = sources(submission, environment.language)
        _check_machine(submission, environment)
        flags, among = standard_among(submission.flags)
        check_flags(flags, environment)
        mode = _mode(submission.mode, environment, runs=run is not None)
        made.append(
            Compilation(
                environment=environment.id,
                language=environment.language,
                files=files,
                entry=_entry(submission, files, environment.language),
                standard=_standard(submission.standard or among, environment),
                flags=flags,
                mode=mode,
                limits=limits,
                run=run,
            )
        )
    return tuple(made)


def _language(submission: Submission) -> Language | None:
    """The language as it is given, or as the names of the files say it."""
    if submission.language is not None:
        word = submission.language.strip().lower()
        if word in list(Language):
            return Language(word)
        if word in ALIASES:
            return ALIASES[word]
        raise ValidationError("language", f"{submission.language!r} is not one of {', '.join(Language)}")
    names = [submission.entry, submission.filename, *(file.name for file in submission.files or ())]
    said = [language for name in names if name is not None and (language := language_of(name)) is not None]
    return said[0] if said else None


def _environments(submission: Submission, catalogue: Catalogue, language: Language | None) -> Sequence[Environment]:
    ways = [name for name in ("environment", "environments", "compiler") if getattr(submission, name) is not None]
    if len(ways) > 1:
        raise ValidationError(
            ways[-1], f"give one of environment, environments and compiler; {' and '.join(ways)} came"
        )
    if submission.environments is not None:
        names = submission.environments
        if not 0 < len(names) <= MOST_ENVIRONMENTS or len(set(names)) != len(names):
            raise ValidationError("environments", f"give 1 to {MOST_ENVIRONMENTS} different names; {len(names)} came")
        found = [catalogue.resolve(name, language, f"environments[{at}]") for at, name in enumerate(names)]
        for at, environment in enumerate(found):
            if environment in found[:at]:
                raise ValidationError(
                    f"environments[{at}]", f"{names[at]!r} means {environment.id}, which is there twice"
                )
        return found
    if submission.environment is not None:
        return [catalogue.resolve(submission.environment, language, "environment")]
    if submission.compiler is not None:
        return [catalogue.resolve(submission.compiler, language, "compiler")]
    if language is None:
        raise ValidationError("language", "give the language, an environment, or a file name that tells the language")
    return [catalogue.default(language)]


def _check_machine(submission: Submission, environment: Environment) -> None:
    asked = submission.architecture and _ARCHITECTURES.get(submission.architecture, submission.architecture)
    if asked and asked != environment.architecture:
        raise ValidationError(
            "architecture",
            f"{environment.id} compiles for {environment.architecture}, not for {submission.architecture}",
        )
    if submission.os and submission.os != environment.os:
        raise ValidationError("os", f"{environment.id} compiles for {environment.os}, not for {submission.os}")


def _mode(mode: str | None, environment: Environment, *, runs: bool) -> Mode:
    if mode is not None and mode not in list(Mode):
        raise ValidationError("mode", f"{mode!r} is not one of {', '.join(Mode)}")
    mode = None if mode is None else Mode(mode)
    if runs and not environment.runs:
        raise ValidationError("run.enabled", f"{environment.id} checks sources; what it checked is not run")
    if runs and mode not in (None, Mode.LINK) and Mode.LINK in environment.modes:
        raise ValidationError(
            "mode", f"{mode} makes no program, and run.enabled asks to run one; give link, or nothing"
        )
    if mode is None:
        return Mode.LINK if runs and Mode.LINK in environment.modes else environment.modes[0]
    if mode not in environment.modes:
        raise ValidationError("mode", f"{environment.id} knows {', '.join(environment.modes)}, not {mode}")
    return mode


def _entry(submission: Submission, files: Sequence[SourceFile], language: Language) -> str:
    names = [file.name for file in files]
    if submission.entry is not None:
        check_name("entry", submission.entry)
        if submission.entry not in names:
            raise ValidationError("entry", f"{submission.entry!r} is not one of the files")
        if not is_source(submission.entry, language):
            raise ValidationError("entry", f"{submission.entry!r} does not end in {_endings(language)}")
        return submission.entry
    given = [file.name for file in submission.files or ()] or names  # as they came: the first one is the main one
    for name in given:
        if is_source(name, language):
            return name
    field = "filename" if submission.files is None else "files"
    raise ValidationError(field, f"no file ends in {_endings(language)}, as {language} does")


def _endings(language: Language) -> str:
    return " or ".join(SUFFIXES[language])


def _standard(standard: str | None, environment: Environment) -> str | None:
    if standard is None:
        return environment.default_standard
    if standard not in environment.standards:
        known = ", ".join(environment.standards) or "no choice of standards"
        raise ValidationError("standard", f"{environment.id} accepts {known}; {standard[:40]!r} is not among them")
    return standard
