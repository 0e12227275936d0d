"""What can go wrong with a request, and with which: one rule as data.

Carrying it out is ``faults``; rules that belong together under a name are ``fault_plans``.
"""

import re
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

System = Literal["servicetitan", "vantagepoint"]

Effect = Literal[
    "none",
    "answer",
    "answer_after_effect",
    "drop_before_effect",
    "drop_after_effect",
    "late",
    "truncate",
]

Happening = Literal["tokens_lapse", "new_secret", "period_closed"]
"""What may happen in a system between two requests."""

Arrival = Literal["before_next", "after_next", "when_cleared"]

PageChange = Literal["rows_twice", "rows_reordered", "token_repeated", "rows_dropped", "empty_with_more", "nothing_new"]


class AnswerChange(BaseModel):
    """How a true JSON answer is changed before it is sent: a page of ServiceTitan's, or the rows of any list.

    Attributes:
        page: ``rows_twice`` gives every row a second time, ``rows_reordered`` in another order, ``token_repeated``
            gives the request's own token again and promises more, ``rows_dropped`` loses the rows and moves on,
            ``empty_with_more`` promises more and gives nothing yet, ``nothing_new`` says that there is nothing yet.
        set_fields: Members that every row gets, or gets another value of; those of the first level.
        replace_fields: The same, of members that a row has already.
        remove_fields: Members that every row loses.
        retype_fields: Members that change their type and keep their value: a number becomes a text, a text a list,
            an object its id, a list an object.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    page: PageChange | None = None
    set_fields: dict[str, Any] = Field(default_factory=dict[str, Any])
    replace_fields: dict[str, Any] = Field(default_factory=dict[str, Any])
    remove_fields: tuple[str, ...] = ()
    retype_fields: tuple[str, ...] = ()


class FaultRule(BaseModel):
    """One kind of trouble. All given conditions must hold; without a condition on the count, every match counts.

    Attributes:
        name: Free text, to find the rule again in the list.
        system: ``servicetitan`` or ``vantagepoint``; ``None`` is both.
        method: HTTP method; ``None`` is any.
        path: Regular expression searched in ``/path?query``.
        nth: The n-th matching request only, or several of them, counted from 1.
        first: The first so many matching requests.
        every: Every k-th matching request.
        probability: Share of the matching requests, drawn from ``seed``; same seed, same requests.
        most: It strikes at most so often.
        happens: What happens in the system just before the request is looked at: ``tokens_lapse`` lets every access
            token lapse; in Vantagepoint ``new_secret`` also makes a new client secret, with which the old one is
            refused, and ``period_closed`` closes the periods that its users are in.
        half: Only the first half of a transaction file is taken: of its documents, or of the lines of its only one.
        effect: What happens instead of, or after, what the request normally does. ``none`` only delays,
            ``answer`` sends status and body instead of the effect, ``answer_after_effect`` has the effect and
            sends them instead of the true answer, ``drop_before_effect`` and ``drop_after_effect`` break the
            connection, ``late`` breaks it too and has the effect later (``arrives``), ``truncate`` announces the whole
            true answer and stops in the middle of it.
        arrives: When a ``late`` request arrives: just before or just after the next one that the rule concerns, or
            when faults are cleared, as the others do then at the latest.
        status, headers, body: The answer of the two ``answer`` effects.
        html: Send an HTML page as the body, as proxies in front of both systems do.
        retry_after, retry_after_date: Seconds of a ``Retry-After``, as a number or as the date that they end at.
        change: How the true answer of an effect of ``none`` is changed.
        delay_ms: Wait before the request is looked at.
        delay_after_ms: Wait between the effect and the answer: a client that gives up has still had the effect.
        truncate_to: How many bytes of the body are sent by ``truncate``.
        drip_ms: Send the true answer in sixteen pieces with this pause between them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    system: System | None = None
    method: str | None = None
    path: str = ""
    nth: int | tuple[int, ...] | None = None
    first: int | None = Field(default=None, ge=1)
    every: int | None = Field(default=None, ge=1)
    probability: float | None = Field(default=None, ge=0, le=1)
    seed: int = 0
    most: int | None = Field(default=None, ge=1)
    happens: Happening | None = None
    half: bool = False
    effect: Effect = "none"
    arrives: Arrival = "after_next"
    status: int = Field(default=500, ge=200, le=599)
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    body: str = ""
    html: bool = False
    retry_after: int | None = Field(default=None, ge=0)
    retry_after_date: bool = False
    change: AnswerChange | None = None
    delay_ms: int = Field(default=0, ge=0)
    delay_after_ms: int = Field(default=0, ge=0)
    truncate_to: int = Field(default=20, ge=0)
    drip_ms: int = Field(default=0, ge=0)

    @field_validator("path")
    @classmethod
    def _is_an_expression(cls, path: str) -> str:
        try:
            re.compile(path)
        except re.error as error:
            message = f"not a regular expression: {error}"
            raise ValueError(message) from None
        return path

    @model_validator(mode="after")
    def _counts_one_way(self) -> Self:
        if sum(way is not None for way in (self.nth, self.first, self.every, self.probability)) > 1:
            message = "give at most one of nth, first, every, probability"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _happens_where_it_can(self) -> Self:
        if self.happens in {"new_secret", "period_closed"} and self.system != "vantagepoint":
            message = f"{self.happens} happens in Vantagepoint: give it as the system"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _changes_a_true_answer(self) -> Self:
        if self.change is not None and self.effect != "none":
            message = "only a true answer can be changed: leave the effect out"
            raise ValueError(message)
        return self
