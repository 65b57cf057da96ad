"""The rule about an error budget: what it is, and how fast spending it is too fast.

Law: the error rate that a pair of windows minds follows from its share of the budget and from nothing else.

After B. Beyer et al., "The Site Reliability Workbook" (2018), chapter 5, "Alerting on SLOs", "Multiwindow, Multi-Burn-
Rate Alerts": spending a share of a period's budget within a window takes a burn rate of share * period / window. Of 30
days' budget 2 % in 1h are 14.4 times what the objective allows, 5 % in 6h are 6 times, and 10 % in 3d are once.
"""

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from stream.domain.annotations import Template
from stream.domain.duration import format_duration
from stream.domain.panes import HOUR_MS
from stream.domain.rule_base import ErrorRule
from stream.domain.rule_fields import FINE_MS, Frozen, LongSpanMs, SpanMs

SHORT_SHARE = 12
"""The workbook's guideline: the short window, which tells whether it still goes on, is a twelfth of the long one."""

WORKBOOK_PAIRS = ({"long": "1h", "short": "5m", "budget": 0.02}, {"long": "6h", "short": "30m", "budget": 0.05})
"""What the workbook (table 5-8) pages for; of its third pair, 10 % in 3d, it makes a ticket: a rule of its own here."""

LEAST_KEPT_MS, MOST_KEPT_MS = 120_000, 6 * HOUR_MS
"""How long it keeps firing unless told otherwise: for its shortest long window, within these bounds. While that holds
an outage, the short window may at any time hold too few jobs to show it; but nobody waits for days to hear of the end.
"""


def _a_twelfth(given: dict[str, Any]) -> str:
    long_ms: int = given.get("long_ms", HOUR_MS)
    return format_duration(long_ms // SHORT_SHARE)


class Pair(Frozen):
    """A long window, which proves that budget is being spent, and a short one, which proves that it still is."""

    long_ms: LongSpanMs = Field(alias="long")
    short_ms: SpanMs = Field(default_factory=_a_twelfth, alias="short", validate_default=True)
    budget: float = Field(gt=0, le=1)
    """The share of the period's budget that is spent within the long window."""

    @model_validator(mode="after")
    def _is_shorter(self) -> Self:
        if self.short_ms >= self.long_ms:
            raise ValueError(f"must have a short window below its long one, {format_duration(self.long_ms)}")
        if self.short_ms > FINE_MS:
            raise ValueError(f"must have a short window of at most {format_duration(FINE_MS)}")
        return self


def _rounded(rate: float) -> float:
    return round(rate, 12)  # 14.4 * (1 - 0.99) is 0.14400000000000013


class BurnRateRule(ErrorRule):
    """Fires while errors spend the budget that an objective leaves so fast that it will not last."""

    kind: Literal["burn_rate"] = "burn_rate"
    objective: float = Field(0.99, gt=0, lt=1)
    period_ms: LongSpanMs = Field("28d", alias="period", validate_default=True)
    pairs: Annotated[tuple[Pair, ...], Field(strict=False, validate_default=True)] = WORKBOOK_PAIRS  # type: ignore[assignment]
    min_jobs: int = Field(20, ge=1)
    confidence: float = Field(0.95, ge=0, lt=1)
    annotations: dict[str, Template] = Field(
        default_factory=lambda: {
            "summary": "{preset} spends its error budget {burn_rate} times too fast: {errors} of {total} jobs failed "
            "in {window}; {budget_left} of the budget is left, and at this pace it ends: {budget_ends}"
        }
    )

    @field_validator("pairs")
    @classmethod
    def _has_pairs(cls, pairs: tuple[Pair, ...]) -> tuple[Pair, ...]:
        if not pairs:
            raise ValueError("must not be empty: leave it out for those of Google's workbook")
        return pairs

    @model_validator(mode="after")
    def _can_fire(self) -> Self:
        for number, pair in enumerate(self.pairs):
            if pair.long_ms > self.period_ms:
                raise ValueError(f"has a pairs[{number}] whose long window is longer than the period")
            if self.limit(pair) >= 1:
                share = f"{pair.budget:.3g} of the budget in {format_duration(pair.long_ms)}"
                takes = f"is an error rate of {self.limit(pair):.0%}: give less"
                raise ValueError(f"can never fire by pairs[{number}]: {share} {takes}")
        return self

    @model_validator(mode="after")
    def _keeps_firing_for_a_long_window(self) -> Self:
        # Not noted as given: an override that has other pairs has another default.
        if "keep_firing_for_ms" not in self.model_fields_set:
            long_ms = min(pair.long_ms for pair in self.pairs)
            object.__setattr__(self, "keep_firing_for_ms", min(max(LEAST_KEPT_MS, long_ms), MOST_KEPT_MS))
        return self

    def burn_rate(self, pair: Pair) -> float:
        """Return how many times too fast the budget is spent where a pair begins to mind."""
        return pair.budget * self.period_ms / pair.long_ms

    def limit(self, pair: Pair) -> float:
        """Return the error rate above which a pair minds."""
        return _rounded(self.burn_rate(pair) * (1 - self.objective))

    @cached_property
    def limits(self) -> tuple[tuple[Pair, float], ...]:
        """Every pair with the error rate above which it minds."""
        return tuple((pair, self.limit(pair)) for pair in self.pairs)

    @property
    def windows(self) -> tuple[int, ...]:
        """Both windows of every pair."""
        return tuple(length for pair in self.pairs for length in (pair.long_ms, pair.short_ms))

    @property
    def looks_back_ms(self) -> int:
        """What is left of the budget is counted over the period."""
        return self.period_ms
