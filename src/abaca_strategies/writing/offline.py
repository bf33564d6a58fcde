"""A writer without a server: it fills one of four templates with the prompt's numbers, or says why none fits."""

from __future__ import annotations

from importlib.resources import files
from string import Template as Text

from abaca_strategies.writing.protocol import Written
from abaca_strategies.writing.reading import BEYOND, TEMPLATES, Fit, Unfit, without_stops

_STOPS = " A stop loss or target is a rule of the back-test: give it as rules.stop_loss or rules.take_profit."


class TemplateWriter:
    """Answers the same code for the same prompt."""

    async def write(self, prompt: str, code: str = "", error: str = "") -> Written:
        """``code`` is not looked at: a template is filled anew, or the prompt does not fit one."""
        text, has_stops = without_stops(prompt)
        if (beyond := BEYOND.search(text)) is not None:
            return _nothing(f"the prompt speaks of {beyond[0]!r}, which no template knows")
        fitting = [name for name, template in TEMPLATES.items() if template.words.search(text)]
        if not fitting:
            return _nothing("no template fits the prompt")
        if len(fitting) > 1:
            return _nothing(f"the prompt asks for {' and '.join(fitting)} at once, and a template is one of them")
        try:
            fit = TEMPLATES[fitting[0]].read(text)
        except Unfit as unfit:
            return Written(reason=str(unfit))
        about = f"{fit.name}: {TEMPLATES[fit.template].about}.{_STOPS if has_stops else ''}"
        return Written(python_code=fill(fit, about), name=fit.name, description=about)

    async def close(self) -> None:
        """Nothing is open."""


def fill(fit: Fit, about: str) -> str:
    text = files("abaca_strategies.writing").joinpath("templates", f"{fit.template}.txt").read_text()
    return Text(text).substitute(about=about, params=repr(dict(fit.params)))


def _nothing(why: str) -> Written:
    known = "; ".join(template.about for template in TEMPLATES.values())
    return Written(
        reason=f"{why}. There are templates for: {known}. For anything else give python_code, or name a server that "
        f"writes strategies as ABACA_STRATEGIES_WRITER"
    )
