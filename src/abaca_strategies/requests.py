"""What the tasks take and the routes read. Names are the source system's; its other spellings are read as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from abaca_strategies.errors import Refused
from abaca_strategies.models import Json, StrategyId, Version

MAX_CODE = 100_000
"""Characters of a strategy's code, and bytes as well."""
MAX_SWEEP_POINTS = 10_000

Code = Annotated[str, Meta(max_length=MAX_CODE)]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?$")]
"""A date, or an instant; a date as an end means that whole day."""
Symbol = Annotated[str, Meta(min_length=1, max_length=64)]
Symbols = Annotated[list[Symbol], Meta(min_length=1, max_length=5_000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
NewDataSetName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
DataSetName = Annotated[str, Meta(pattern=r"^(sha256:[0-9a-f]{64}|[A-Za-z0-9][A-Za-z0-9._-]{0,62})$")]
"""A name, or the digest of the content, which is how an old run is done again."""
RunTimeframe = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,3}[hdwmqy]?$")]
Bars = Annotated[int, Meta(ge=1, le=10_000)]
UserId = Annotated[int, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
BasisPoints = Annotated[float, Meta(ge=0, le=10_000)]


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of what is asked for: a field that is not known is refused, not passed over."""


class CostFields(Request, frozen=True, kw_only=True):
    fee_bps: BasisPoints = 0.0
    fee_fixed: NotNegative = 0.0
    slippage_bps: BasisPoints = 0.0


class SizingFields(Request, frozen=True, kw_only=True):
    kind: Literal["percent", "fixed"] = "percent"
    amount: NotNegative = 1.0


class RuleFields(Request, frozen=True, kw_only=True):
    """The fields of ``engine.Rules``, whose text says what they mean."""

    cash: Positive = 100_000.0
    costs: CostFields = CostFields()
    sizing: SizingFields = SizingFields()
    fill: Literal["open", "close"] = "open"
    margin: Annotated[float, Meta(ge=0.01, le=1)] = 1.0
    maintenance: NotNegative | None = None
    max_exposure: NotNegative | None = None
    allow_short: bool = True
    lot: NotNegative = 0.0
    short_of_cash: Literal["clip", "reject"] = "clip"
    stop_loss: Annotated[float, Meta(gt=0, le=1)] | None = None
    take_profit: Positive | None = None
    warmup: Annotated[int, Meta(ge=0)] = 0


class Scope(Request, frozen=True, kw_only=True):
    """Which bars: of which data set, of which tickers, from when to when."""

    user_id: UserId = 0
    dataset: DataSetName | None = None
    """By default that of the setting ``strategies.dataset``."""
    symbols: Symbols | None = None
    """All of the data set's by default."""
    start_date: Day | None = None
    end_date: Day | None = None
    timeframe: RunTimeframe | None = None
    """Bars are made into this timeframe first; by default they stay as they are."""


class BacktestRequest(Scope, frozen=True, kw_only=True):
    strategy_id: StrategyId
    version: Version | None = None
    """The newest by default; one that is missing is an error, never another."""
    params: Json = {}
    rules: RuleFields = RuleFields()
    horizons: Annotated[list[Bars], Meta(min_length=1, max_length=20)] = msgspec.field(
        default_factory=lambda: [1, 5, 20]
    )
    """Bars after an instance at which its return is looked at."""
    hold: Bars = 5
    """Bars for which the portfolio of instances keeps each position."""
    slots: Annotated[int, Meta(ge=1, le=1_000)] = 10
    benchmark: Symbol | None = None
    """A ticker of the data set; by default all tickers that are traded, with equal weights."""
    risk_free: Annotated[float, Meta(ge=-1, le=1)] = 0.0
    full_results: bool = True
    """False leaves instances, trades and the curve out of the result."""


class CreateStrategyRequest(Request, frozen=True, kw_only=True):
    """Give ``python_code``, or a ``prompt`` for the writer. ``strategy_id`` -1 makes a new strategy; another id makes a
    new version of that one."""

    user_id: UserId = 0
    prompt: Annotated[str, Meta(max_length=20_000)] = ""
    python_code: Code = ""
    name: Annotated[str, Meta(max_length=200)] = ""
    """By default the writer's, or the first words of the prompt."""
    description: Annotated[str, Meta(max_length=10_000)] = ""
    strategy_id: Annotated[int, Meta(ge=-1)] = -1
    conversation_id: Annotated[str, Meta(max_length=200)] = ""
    message_id: Annotated[str, Meta(max_length=200)] = ""


class ScreeningRequest(Request, frozen=True, kw_only=True):
    user_id: UserId = 0
    strategy_ids: Annotated[list[StrategyId], Meta(min_length=1, max_length=100)]
    dataset: DataSetName | None = None
    universe: Symbols | None = None
    limit: Annotated[int, Meta(ge=1, le=5_000)] | None = None
    as_of: Day | None = None
    """By default the end of the data, never the clock's now."""
    timeframe: RunTimeframe | None = None
    filters: Json = {}
    """Facts of the tickers, such as ``{"sector": "tech"}``, and ``min_score``."""


class AlertRequest(Request, frozen=True, kw_only=True):
    """One evaluation, of a rule or, without ``rule_id``, of a strategy with what is given here."""

    user_id: UserId = 0
    strategy_id: StrategyId
    rule_id: str | None = None
    version: Version | None = None
    dataset: DataSetName | None = None
    symbols: Symbols | None = None
    as_of: Day | None = None
    threshold: float | None = None
    min_timeframe: RunTimeframe | None = None
    is_test: bool = False
    """A test-fire: nothing is kept as a trigger."""


class AlertRuleRequest(Request, frozen=True, kw_only=True):
    """The body that makes or replaces a rule. Exactly one of ``every`` and ``cron`` says when it is evaluated."""

    strategy_id: StrategyId
    name: Annotated[str, Meta(max_length=200)] = ""
    version: Version | None = None
    """The newest at each evaluation by default."""
    dataset: DataSetName | None = None
    universe: Symbols | None = None
    """Tickers to look at; by default the strategy's ``alertUniverse``, or all."""
    threshold: float | None = None
    """The least score that triggers; by default the strategy's ``alertThreshold``, or whatever lies above 0."""
    min_timeframe: RunTimeframe | None = None
    """The bucket: at most one trigger of a ticker in each. By default the strategy's ``minTimeframe``, or a day."""
    every: Annotated[str, Meta(max_length=40)] | None = None
    """A distance, such as ``5m``."""
    cron: Annotated[str, Meta(max_length=200)] | None = None
    tz: Annotated[str, Meta(max_length=64)] = "UTC"
    """The zone of ``cron``."""
    missed: Literal["skip", "once"] = "once"
    """Where no worker was there at the time: leave it out, or evaluate once when there is one."""
    webhook: Annotated[str, Meta(max_length=2_000)] | None = None
    cooldown_seconds: NotNegative = 0.0
    """For so long after it told of a ticker, the rule does not tell of it again."""
    is_muted: bool = False
    """A rule that is muted is evaluated and kept, and tells nobody."""

    def __post_init__(self) -> None:
        if (self.every is None) == (self.cron is None):
            raise ValueError("an alert rule takes exactly one of every and cron")


class PythonAgentRequest(Request, frozen=True, kw_only=True):
    user_id: UserId = 0
    prompt: Annotated[str, Meta(max_length=20_000)] = ""
    """What the cell is for; it is kept, and not run."""
    code: Code
    data: Any = None
    """What the code finds under the name ``data``."""
    dataset: DataSetName | None = None
    symbols: Symbols | None = None
    as_of: Day | None = None
    conversation_id: Annotated[str, Meta(max_length=200)] = ""
    message_id: Annotated[str, Meta(max_length=200)] = ""


class SpanFields(Request, frozen=True, kw_only=True):
    """Numbers to draw from, both ends included; ``sweeps.Span`` says more."""

    low: float | int
    high: float | int
    log: bool = False


Values = Annotated[list[Any], Meta(min_length=1, max_length=MAX_SWEEP_POINTS)]


class SweepRequest(Scope, frozen=True, kw_only=True):
    """Points of one strategy: of a ``grid``, drawn from ``random``, or a list of ``points``. Exactly one is given."""

    strategy_id: StrategyId
    version: Version | None = None
    params: Json = {}
    """What all points share."""
    grid: dict[str, Values] | None = None
    random: dict[str, Values | SpanFields] | None = None
    count: Annotated[int, Meta(ge=1, le=MAX_SWEEP_POINTS)] = 100
    """Points to draw."""
    seed: int = 1
    points: Annotated[list[Json], Meta(min_length=1, max_length=MAX_SWEEP_POINTS)] | None = None
    constraints: Annotated[list[str], Meta(max_length=20)] = []
    """On parameters, such as ``fast < slow``."""
    objective: Annotated[str, Meta(min_length=1, max_length=60)] = "sharpe"
    maximise: bool = True
    require: Annotated[list[str], Meta(max_length=20)] = []
    """On figures, such as ``trades >= 30``; a point that does not keep them cannot be the best."""
    rules: RuleFields = RuleFields()
    folds: Annotated[int, Meta(ge=0, le=50)] = 0
    """Pairs of a walk forward; 0 is none."""
    train: Annotated[float, Meta(gt=0, lt=1)] = 0.7
    anchored: bool = False
    gap: Annotated[int, Meta(ge=0, le=10_000)] = 0
    hold: Bars = 5
    slots: Annotated[int, Meta(ge=1, le=1_000)] = 10
    risk_free: Annotated[float, Meta(ge=-1, le=1)] = 0.0

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.grid, self.random, self.points)) != 1:
            raise ValueError("a sweep takes exactly one of grid, random and points")


class CheckRequest(Scope, frozen=True, kw_only=True):
    """Look-ahead and warm-up."""

    strategy_id: StrategyId
    version: Version | None = None
    params: Json = {}
    rules: RuleFields = RuleFields()
    cuts: Annotated[int, Meta(ge=1, le=100)] = 8


class EditStrategyRequest(Request, frozen=True, kw_only=True):
    """A change of a strategy; what is not given stays. New code or a new name make a new version."""

    name: Name | None = None
    description: Annotated[str, Meta(max_length=10_000)] | None = None
    prompt: Annotated[str, Meta(max_length=20_000)] | None = None
    python_code: Code | None = None
    is_alert_active: bool | None = None
    alert_threshold: float | UnsetType | None = UNSET
    alert_universe: Symbols | UnsetType | None = UNSET
    """Null takes it away, here and in the two beside it."""
    min_timeframe: RunTimeframe | UnsetType | None = UNSET
    from_version: Version | None = None
    """The version that the change was made from; where it is no longer the newest, the change is refused."""


class ValidateRequest(Request, frozen=True, kw_only=True):
    python_code: Code


class CompareRequest(Request, frozen=True, kw_only=True):
    """Runs to put side by side, by the ids of their jobs."""

    runs: Annotated[list[str], Meta(min_length=1, max_length=20)]


class SyntheticRequest(Request, frozen=True, kw_only=True):
    """A data set to make; ``data.synthetic`` says what the numbers mean."""

    name: NewDataSetName
    kind: Literal["gbm", "reverting", "jumps"] = "gbm"
    seed: Annotated[int, Meta(ge=0, lt=1 << 32)] = 1
    tickers: Annotated[int, Meta(ge=1, le=1_000)] = 4
    bars: Annotated[int, Meta(ge=2, le=2_000_000)] = 2_000
    timeframe: RunTimeframe = "1d"
    start: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")] = "2015-01-05"
    drift: float = 0.07
    volatility: NotNegative = 0.25


R = TypeVar("R", bound=Request)


def fitted(request: R) -> R:
    """A request that was made in Python as it would have come out of JSON: a dict is the struct that it stands for.

    Structs that are made in Python are not looked at by msgspec. Raises ``Refused`` naming the field that does not fit.
    """
    try:
        return msgspec.convert(msgspec.to_builtins(request), type(request))
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `")
        named = text.partition("`")[2].partition("`")[0]
        raise Refused(path.rstrip("`").removeprefix("$.") or named or "request", text) from error
    except (TypeError, ValueError, RecursionError) as error:  # what JSON has no value for
        raise Refused("request", str(error)) from error


_SPELLINGS = {
    "strategyId": "strategy_id",
    "strategyIds": "strategy_ids",
    "userId": "user_id",
    "startDate": "start_date",
    "endDate": "end_date",
    "fullResults": "full_results",
    "pythonCode": "python_code",
    "conversationId": "conversation_id",
    "messageId": "message_id",
    "isAlertActive": "is_alert_active",
    "alertThreshold": "alert_threshold",
    "alertUniverse": "alert_universe",
    "minTimeframe": "min_timeframe",
}
_SYMBOLS = ("securities", "universe", "symbols")


def read_request(kind: type[R], given: Mapping[str, Any]) -> R:
    """A request from a JSON object, in the names of the fields or in the source system's other spellings.

    Raises ``msgspec.ValidationError`` naming the field.
    """
    known = set(kind.__struct_fields__)
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = _SPELLINGS.get(key, key)
        if key not in known and key in _SYMBOLS:
            name = next((word for word in _SYMBOLS if word in known), key)
        if name in found:
            raise msgspec.ValidationError(f"`{name}` is given twice, the second time as `{key}`")
        found[name] = value
    return msgspec.convert(found, kind)
