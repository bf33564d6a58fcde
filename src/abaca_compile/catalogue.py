"""The environments that are here: found by any of their names, with what comes near to a name that is not here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

from abaca_compile.errors import EnvironmentUnavailable, UnknownEnvironment
from abaca_compile.model import Environment, Family, Language, Provider

MOST_NEAR = 5
_PREFERRED = tuple(Family)  # where a language has several compilers: the order in which families are declared
_NUMBER = re.compile(r"\d+")


class Catalogue:
    """A fixed list of environments. Of two with one id the first that is available is kept."""

    def __init__(self, environments: Iterable[Environment]) -> None:
        self._by_id: dict[str, Environment] = {}
        for environment in environments:
            known = self._by_id.get(environment.id)
            if known is None or (environment.available and not known.available):
                self._by_id[environment.id] = environment
        self._order = sorted(self._by_id.values(), key=_rank)

    @property
    def environments(self) -> tuple[Environment, ...]:
        """All of them, by language, the preferred one of each language first."""
        return tuple(self._order)

    def get(self, id: str) -> Environment | None:
        return self._by_id.get(id)

    def of(self, language: Language) -> tuple[Environment, ...]:
        return tuple(environment for environment in self._order if environment.language == language)

    def default(self, language: Language, field: str = "language") -> Environment:
        """The environment that a language alone means: its preferred family, in the newest version that works here."""
        known = self.of(language)
        for environment in known:
            if environment.available:
                return environment
        if known:
            raise _unavailable(known[0], field, ())
        raise UnknownEnvironment(field, f"no compiler for {language} was found on this machine")

    def resolve(self, name: str, language: Language | None = None, field: str = "environment") -> Environment:
        """The environment that a name means: its id, or a name such as ``gcc-12`` together with the language.

        Raises ``UnknownEnvironment`` with what comes near, or ``EnvironmentUnavailable`` with the remedy.
        """
        word = name.strip().replace(" ", "+")  # a '+' that came unescaped in a query
        named = [environment for environment in self._order if word in environment.names()]
        fitting = [environment for environment in named if language in (None, environment.language)]
        if not fitting:
            raise self._unknown(name, language, field, named)
        chosen = next((environment for environment in fitting if environment.id == word), fitting[0])
        if not chosen.available:
            chosen = next((environment for environment in fitting if environment.available), chosen)
        if not chosen.available:
            raise _unavailable(chosen, field, self.near(name, language))
        return chosen

    def near(self, name: str, language: Language | None = None) -> tuple[str, ...]:
        """Ids of available environments that come close to a name, those of the language first and best first."""
        scored = [
            (max(_likeness(name, known) for known in environment.names()), environment)
            for environment in self._order
            if environment.available and language in (None, environment.language)
        ]
        scored.sort(key=lambda pair: -pair[0])
        least = 0.0 if language is not None else 0.5
        return tuple(environment.id for score, environment in scored if score >= least)[:MOST_NEAR]

    def _unknown(
        self, name: str, language: Language | None, field: str, named: list[Environment]
    ) -> UnknownEnvironment:
        near = self.near(name, language)
        hint = f"; near to it are {', '.join(near)}" if near else ""
        if named:
            return UnknownEnvironment(field, f"{name!r} does not compile {language}{hint}", near)
        return UnknownEnvironment(field, f"there is no environment {name[:60]!r} here{hint}", near)


def _unavailable(environment: Environment, field: str, near: tuple[str, ...]) -> EnvironmentUnavailable:
    remedy = f"; run: {environment.remedy}" if environment.remedy else ""
    message = f"{environment.id} cannot be used here: {environment.reason}{remedy}"
    return EnvironmentUnavailable(field, message, environment.remedy, near)


def _likeness(name: str, known: str) -> float:
    """How near two names are; of two equally near ones the one with the nearer version comes first."""
    asked, have = _NUMBER.findall(name), _NUMBER.findall(known)
    distance = abs(int(asked[0][:6]) - int(have[0][:6])) if asked and have else 100
    return SequenceMatcher(None, name.lower(), known.lower()).ratio() - min(distance, 100) / 10_000


def _rank(environment: Environment) -> tuple[int, int, int, tuple[int, ...], str]:
    newest = tuple(-int(part[:9]) for part in _NUMBER.findall(environment.version))
    return (
        list(Language).index(environment.language),
        _PREFERRED.index(environment.family),
        environment.provider is Provider.IMAGE,
        newest,
        environment.id,
    )
