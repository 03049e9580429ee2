"""What a channel file says of a platform's limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, get_args

from pydantic import Field

from orderflow.adapters.described.mapping import Block
from orderflow.domain.channel import Duration, Zone
from orderflow.domain.source import Blind, Limits


class Sheet(Block):
    """What is known of the platform's limits (`Limits`); the defaults assume little."""

    longest_window: Duration | None = None
    settle: Duration = timedelta(seconds=60)
    lookback: Duration = timedelta(minutes=5)
    resolution: Duration = timedelta(seconds=1)
    ceiling: Annotated[int, Field(ge=1)] | None = None
    reach: Duration | None = None
    timezone: Zone = "UTC"
    blind: frozenset[Blind] | None = None
    """What does not move the modified time. Where nobody says, anything may not (Vendure and Medusa do not move it for
    a payment), and open orders, and all that changed within 14 days, are read again by id each day; `[]` says that
    everything moves it.
    """
    rate: Annotated[float, Field(gt=0)] | None = None
    burst: Annotated[int, Field(ge=1)] = 1

    def limits(self, page_size: int, *, repeatable: bool) -> Limits:
        """The capability sheet of a platform with a filter on modified time whose orders may be read again by id, or
        (not `repeatable`) of another, where nothing need or can be swept.
        """
        told = {name: getattr(self, name) for name in Sheet.model_fields}
        if self.blind is None:
            told["blind"] = frozenset(get_args(Blind)) if repeatable else frozenset()
        return Limits(page_size=page_size, **told)
