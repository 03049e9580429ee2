"""One token bucket per account, in the database, shared by every process that talks to the account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError
from orderflow.staging.session import transaction


class Budget:
    """A `Throttle`: `rate` units a second, up to `burst` at once.

    Live callers are promised their turn at once and wait for it; backfill callers take only what nobody was promised,
    so they always come after live ones. The database's clock counts.
    """

    def __init__(
        self,
        connection: Connection,
        account: str,
        *,
        rate: float,
        burst: float = 1.0,
        lane: Literal["live", "backfill"] = "live",
        sleep: Callable[[float], None],
    ) -> None:
        """`connection` is the budget's own; it must not be in a transaction of somebody else."""
        if rate <= 0 or burst <= 0:
            raise ConfigError(f"the budget of {account} is {rate} per second, burst {burst}; both must be above 0")
        self._connection, self._account, self._lane, self._sleep = connection, account, lane, sleep
        self._rate, self._burst = rate, burst

    def take(self, cost: float = 1.0) -> float:
        """Wait until `cost` may be spent; returns the seconds waited. A cost above the burst is paid off by waiting."""
        waited = 0.0
        while True:
            wait, taken = self._ask(cost)
            if wait > 0:
                self._sleep(wait)
                waited += wait
            if taken:
                return waited

    def _ask(self, cost: float) -> tuple[float, bool]:
        """Seconds to wait, and whether the cost is paid by then (a backfill must ask again)."""
        with transaction(self._connection) as cursor:
            cursor.execute(
                _TAKE,
                {
                    "account": self._account,
                    "rate": self._rate,
                    "burst": self._burst,
                    "cost": cost,
                    "floor": "-infinity" if self._lane == "live" else min(0.0, self._burst - cost),
                },
            )
            row = cursor.fetchone()
        assert row is not None
        left, taken = row
        if taken:
            return max(0.0, -left / self._rate), True
        return max(0.001, (min(cost, self._burst) - left) / self._rate), False


@contextmanager
def shared(
    channel: Channel,
    database: Callable[[], AbstractContextManager[Connection]],
    *,
    healing: bool,
    sleep: Callable[[float], None],
) -> Iterator[Budget | None]:
    """The budget that all runs of the channel's account share; None where its platform documents no rate.

    `database` opens a connection for it alone. What catches up (`healing`) comes after what follows the clock.
    """
    limits = channel.adapter.limits
    if not limits.rate:
        yield None
        return
    with database() as connection:
        yield Budget(
            connection,
            f"{channel.adapter_name}.{channel.connection}",
            rate=limits.rate,
            burst=limits.burst,
            lane="backfill" if healing else "live",
            sleep=sleep,
        )


# A clock that was set back costs nothing. The row's lock makes callers follow each other; a reading that does not pay
# writes the same row back.
_TAKE = """
INSERT INTO orderflow.budgets AS b (account, rate, burst, tokens, counted_at)
VALUES (%(account)s, %(rate)s, %(burst)s, %(burst)s, clock_timestamp())
ON CONFLICT (account) DO UPDATE SET rate = excluded.rate, burst = excluded.burst,
    tokens = least(excluded.burst,
        b.tokens + greatest(0, extract(epoch FROM clock_timestamp() - b.counted_at)) * excluded.rate),
    counted_at = clock_timestamp();
UPDATE orderflow.budgets AS b
SET tokens = CASE WHEN tokens - %(cost)s >= %(floor)s THEN tokens - %(cost)s ELSE tokens END
FROM (SELECT tokens AS before FROM orderflow.budgets WHERE account = %(account)s) AS old
WHERE account = %(account)s
RETURNING b.tokens, old.before - %(cost)s >= %(floor)s
"""
