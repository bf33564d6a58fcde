"""Who writes strategies: templates that are filled from a prompt, and a server that is asked."""

from __future__ import annotations

from typing import Any

import pytest

from abaca import App, ConfigError
from abaca_strategies.errors import WriterFailed
from abaca_strategies.packed import Packed
from abaca_strategies.running.linting import lint
from abaca_strategies.running.runner import Runner
from abaca_strategies.running.work import Backtest
from abaca_strategies.writing import ServedWriter, TemplateWriter, writer_of
from abaca_strategies.writing.offline import fill
from abaca_strategies.writing.reading import TEMPLATES, Fit, without_stops
from abaca_strategies.writing.serving import read_code
from tests.strategies_service.server import Reply, chatting, refused, said

CODE = "# name: Hold\ndef signals(df, params):\n    return df.close * 0 + 1\n"
FENCED = f"Here you are:\n```python\n{CODE}```\nGood luck!"
CROSS = "moving_average_cross"

FITTING: list[tuple[str, str, dict[str, Any]]] = [
    (
        "Buy when the 50 day moving average crosses above the 200 day",
        CROSS,
        {"fast": 50, "slow": 200, "kind": "simple"},
    ),
    ("golden cross", CROSS, {"fast": 20, "slow": 50, "short": False}),
    ("buy when the 10 day average crosses above the 30 day average", CROSS, {"fast": 10, "slow": 30}),
    ("EMA 12 and EMA 26, long and short", CROSS, {"fast": 12, "slow": 26, "kind": "exponential", "short": True}),
    ("price above its 200-day SMA, long only, no shorts", CROSS, {"fast": 50, "slow": 200, "short": False}),
    ("20/60 SMA crossover with a 5% stop loss", CROSS, {"fast": 20, "slow": 60}),
    ("with a 5% stop loss and take profit of 10%, RSI(9)", "rsi", {"period": 9, "low": 30.0, "high": 70.0}),
    ("buy when RSI is below 30 and sell when it is above 70", "rsi", {"period": 14, "low": 30.0, "high": 70.0}),
    (
        "RSI(7) oversold at 20, overbought at 80, short it too",
        "rsi",
        {"period": 7, "low": 20.0, "high": 80.0, "short": True},
    ),
    ("Relative strength index over 21 days under 35", "rsi", {"period": 21, "low": 35.0, "high": 70.0}),
    ("find stocks that gap up more than 3%", "gap", {"gap": "up", "percent": 3.0, "direction": "long"}),
    ("fade gaps up of 4.5 percent", "gap", {"gap": "up", "percent": 4.5, "direction": "short"}),
    ("buy gaps down of at least 2%", "gap", {"gap": "down", "percent": 2.0, "direction": "long"}),
    ("gap down 2%", "gap", {"gap": "down", "percent": 2.0, "direction": "short"}),
    ("breakout above the 20 day high", "breakout", {"enter": 20, "leave": 10, "short": False}),
    ("buy a new 52 week high", "breakout", {"enter": 252, "leave": 126}),
    ("Donchian channel 55, exit at the 20-day low", "breakout", {"enter": 55, "leave": 20}),
    ("breakouts of 3 months, both directions", "breakout", {"enter": 63, "leave": 31, "short": True}),
]
UNFITTING = [
    ("buy low and sell high", "no template fits"),
    ("", "no template fits"),
    ("RSI below 30 while above the 200 day moving average", "at once"),
    ("MACD crosses its signal line", "'macd'"),
    ("gap up after earnings", "'earnings'"),
    ("RSI below 80 and above 20", "0 < low < high < 100"),
    ("moving averages of 50 and 0 days", "at least one bar"),
    ("gaps of 250%", "between 0 and 100 percent"),
]


class TestTemplates:
    @pytest.mark.parametrize(("prompt", "template", "params"), FITTING)
    async def test_a_prompt_fills_a_template(self, prompt: str, template: str, params: dict[str, Any]) -> None:
        # When a prompt of one kind is given
        written = await TemplateWriter().write(prompt)
        # Then its template is filled with its numbers, in code that can be used
        assert written.reason is None
        declared = next(line for line in written.python_code.splitlines() if line.startswith("PARAMS = "))
        for name, number in params.items():
            assert f"{name!r}: {number!r}" in declared
        fit = TEMPLATES[template].read(without_stops(prompt)[0])
        assert written.python_code == fill(fit, written.description)
        assert lint(written.python_code) == []
        assert ("rules.stop_loss" in written.description) == ("stop loss" in prompt)

    @pytest.mark.parametrize(("prompt", "why"), UNFITTING)
    async def test_a_prompt_that_fits_none_is_answered_with_the_reason(self, prompt: str, why: str) -> None:
        written = await TemplateWriter().write(prompt)
        assert (written.python_code, why in (written.reason or "")) == ("", True)

    @pytest.mark.asyncio(loop_scope="module")
    async def test_every_template_runs(self, runner: Runner, market: Packed) -> None:
        # Given each template as a prompt fills it, with short positions where it knows them
        for prompt in ("EMA 5 and 20, long and short", "RSI, short", "breakout of 10 days, both ways", "gap up 1%"):
            code = (await TemplateWriter().write(prompt)).python_code
            # When it is back-tested, Then it trades
            ran = await runner.backtest(Backtest(code=code), market)
            assert ran.failure is None, prompt
            assert ran.value is not None
            assert ran.value.trades_total > 3, prompt

    @pytest.mark.asyncio(loop_scope="module")
    async def test_the_averages_cross_where_they_do(self, runner: Runner, market: Packed) -> None:
        # Given the template and the same rule in a line
        fit = Fit(CROSS, "", {"fast": 5, "slow": 20, "kind": "simple", "short": False})
        plain = (
            "def signals(df, params):\n    return (df.close.rolling(5).mean() > df.close.rolling(20).mean()) * 1.0\n"
        )
        # When both are back-tested, Then they made the same of it
        one = await runner.backtest(Backtest(code=fill(fit, "")), market)
        other = await runner.backtest(Backtest(code=plain), market)
        assert one.value is not None
        assert other.value is not None
        assert one.value.metrics == other.value.metrics


async def write(*replies: Reply, **options: Any) -> Any:
    with chatting(*replies) as chat:
        writer = ServedWriter(chat.url, "small", "secret", pause=0.0, **options)
        return await writer.write("hold everything"), chat


class TestServer:
    async def test_the_prompt_is_asked_and_the_code_is_taken_out(self) -> None:
        # When a server is asked
        written, chat = await write(said(FENCED))
        # Then the code is that of the fenced block, and its name that of the first line
        assert (written.python_code, written.name, written.reason) == (CODE, "Hold", None)
        # And it was asked with the model, the key and the guide
        assert (chat.paths, chat.keys) == (["/v1/chat/completions"], ["Bearer secret"])
        assert chat.asked[0]["model"] == "small"
        assert "signals(df, params)" in chat.asked[0]["messages"][0]["content"]
        assert chat.words(0) == "hold everything"

    async def test_a_repair_shows_the_code_and_its_error_and_a_change_the_code(self) -> None:
        with chatting(said(FENCED), said(FENCED)) as chat:
            writer = ServedWriter(f"{chat.url}/", "small")
            await writer.write("hold", "x = 1\n", "no entry point")
            await writer.write("hold", "x = 1\n")
        assert ("x = 1" in chat.words(0), "cannot be used: no entry point" in chat.words(0)) == (True, True)
        assert ("x = 1" in chat.words(1), "Change this strategy" in chat.words(1)) == (True, True)
        assert chat.keys == [None, None]

    async def test_a_busy_server_is_asked_again(self) -> None:
        written, chat = await write(refused(503), refused(429, Retry_After="0"), said(FENCED))
        assert (written.python_code, len(chat.asked)) == (CODE, 3)

    @pytest.mark.parametrize(
        ("replies", "asked", "why"),
        [
            ([refused(503)] * 3, 3, "answered 503 after 3 tries: busy"),
            ([refused(401, "who are you")], 1, "answered 401 after 1 tries: who are you"),
            ([(200, {}, b"<html>")], 1, "something else than a chat completion"),
            ([(200, {}, b'{"choices": []}')], 1, "something else than a chat completion"),
            ([(200, {}, b'{"error": "no"}')], 1, "something else than a chat completion"),
        ],
    )
    async def test_what_is_no_answer_is_a_failure(self, replies: list[Reply], asked: int, why: str) -> None:
        with chatting(*replies) as chat:
            with pytest.raises(WriterFailed, match=why):
                await ServedWriter(chat.url, "small", pause=0.0).write("hold")
            assert len(chat.asked) == asked

    async def test_a_server_that_is_not_there_is_a_failure(self) -> None:
        with chatting() as chat:
            pass
        with pytest.raises(WriterFailed, match="answered nothing after 2 tries"):
            await ServedWriter(chat.url, "small", pause=0.0, tries=2).write("hold")

    @pytest.mark.parametrize(
        ("reply", "why"),
        [
            (said("I would rather not."), "answered without code: I would rather not."),
            (said(""), "answered without code: nothing"),
            (said("", message={"refusal": "no advice"}), "would not write it: no advice"),
            (said(FENCED, finish_reason="length"), "cut off"),
            (said(f"```python\n{'x' * 100_001}\n```"), "more than the 100000 bytes"),
        ],
    )
    async def test_an_answer_without_code_is_told_with_its_reason(self, reply: Reply, why: str) -> None:
        written, _ = await write(reply)
        assert (written.python_code, why in written.reason) == ("", True)


@pytest.mark.parametrize(
    "text",
    [
        CODE,
        FENCED,
        f"```\n{CODE}```",
        f"```py\r\n{CODE}```",
        f"```Python\n{CODE}",
        f"```\nx=1\n```\nand\n```\n{CODE}```",
    ],
)
def test_code_is_found_in_what_models_say(text: str) -> None:
    assert read_code(text).python_code == CODE


def test_the_writer_is_chosen_by_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given nothing, Then templates are filled
    assert isinstance(writer_of(App("memory://", plugins=["strategies"])), TemplateWriter)
    # Given a server without a model, or no address, Then that is said
    monkeypatch.setenv("ABACA_STRATEGIES_WRITER", "http://127.0.0.1:1/v1")
    with pytest.raises(ConfigError, match=r"strategies\.writer_model"):
        writer_of(App("memory://", plugins=["strategies"]))
    monkeypatch.setenv("ABACA_STRATEGIES_WRITER_MODEL", "small")
    assert isinstance(writer_of(App("memory://", plugins=["strategies"])), ServedWriter)
    monkeypatch.setenv("ABACA_STRATEGIES_WRITER", "localhost")
    with pytest.raises(ConfigError, match="no address"):
        writer_of(App("memory://", plugins=["strategies"]))
