"""JD.com: orders of one merchant's own shop (POP) over JD's open platform. Facts and guesses stand in README.md."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from orderflow.adapters.jd.mapping import order_id, to_order
from orderflow.domain import source


class Options(source.Options):
    """What differs between shops."""

    more_states: tuple[Annotated[str, Field(pattern="^[A-Z_]+$")], ...] = ()
    """States to ask for beside the documented ones, such as `WAIT_SEND_CODE` where codes are sold. JD has no "any"."""
    container: Annotated[str, Field(min_length=1)] | None = None
    """Where the app has to wrap the fields of a search: the wrapper's name, such as `paramOrderJSFQuery`."""


LIMITS = source.Limits(
    longest_window=timedelta(days=1),
    settle=timedelta(minutes=2),
    lookback=timedelta(minutes=15),
    page_size=100,
    ceiling=10_000,
    reach=timedelta(days=89),
    timezone="Asia/Shanghai",
    rate=5.0,
    burst=5,
    blind=frozenset({"refund", "address"}),
    personal_data="masked",
)


def open_source(options: Options, account: source.Account, runtime: source.Runtime) -> source.Source:
    from orderflow.adapters.jd.source import JD  # httpx is not needed to read channel files

    return JD(options, account, runtime)


ADAPTER = source.Adapter(options=Options, limits=LIMITS, open=open_source, to_order=to_order, order_id=order_id)
