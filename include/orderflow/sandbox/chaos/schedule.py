"""A schedule: everything that will go wrong, drawn from one seed. The same seed always draws the same schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal, TypeAlias

import msgspec

from orderflow.sandbox.accounts import WAYS
from orderflow.sandbox.faults import Rule
from orderflow.sandbox.shop import Shop

PLATFORMS = (*WAYS, "csv_drop")

Action: TypeAlias = Literal[
    "kill", "database-restart", "connections-lost", "oms-kill", "second-run", "timeout-before", "timeout-after",
    "refused-connection", "edit",
]  # fmt: skip

OFTEN: dict[Action, float] = {
    "kill": 8, "database-restart": 0.5, "connections-lost": 2, "oms-kill": 1, "second-run": 2, "timeout-before": 1,
    "timeout-after": 2, "refused-connection": 0.5, "edit": 3,
}  # fmt: skip
"""How often each action is drawn, compared with the others."""

KINDS = (
    "429", "429-bare", "500", "503", "drop", "html", "garbage", "drop-after", "500-after", "torn", "duplicated-page",
    "shifted-page", "throttled", "expired-token", "late", "skew",
)  # fmt: skip
"""Faults of the platform; see `orderflow.sandbox.faults`."""

UNRENEWED = frozenset({"jd", "taobao_tmall"})
"""Their tokens do not end: JD renews none that has ended, and a refresh token of Taobao serves once, so that only the
seller could help where the answer is lost."""

OMS_KINDS = ("429", "429-bare", "500", "503", "drop", "html", "drop-after", "500-after", "torn")

POINTS = {"progress": 24, "request": 14, "answer": 14, "sql": 90, "sql-done": 90, "commit": 12, "committed": 12,
          "oms-request": 5, "oms-answer": 5}  # fmt: skip
"""Where a run can be disturbed, and about how often it passes there."""

START = datetime(2026, 3, 28, 21, tzinfo=UTC)


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happens when attempt `attempt` at window `window` passes `point` (such as `sql:17`)."""

    window: int
    attempt: int
    point: str
    action: Action


class DiskFull(msgspec.Struct, frozen=True, kw_only=True):
    """The attempt may not write any file beyond so many bytes."""

    window: int
    attempt: int
    bytes: int


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """One world, one channel, a few windows, and what happens to them."""

    seed: int
    shop: Shop
    windows: int
    minutes: int
    """Length of each window."""
    chunk: int
    """Orders that cleaning takes at once."""
    batch: int
    """Orders in one request to the OMS."""
    concurrency: int
    page: int
    """Orders on a page of the platform's list."""
    lookback: int
    """Minutes; 0: the adapter's own."""
    faults: list[Rule] = []
    oms_faults: list[Rule] = []
    idempotent: bool = True
    """False: an OMS that books whatever it gets, as often as it gets it."""
    oms_dies: int | None = None
    """The OMS is killed after it booked its n-th request, before it answers."""
    oms_returns: int = 1
    """It is back after so many waits of those who need it."""
    acts: list[Act] = []
    disks: list[DiskFull] = []
    anew: list[bool] = []
    """By attempt: whether it pulls the window again, or goes on where the one before it failed."""

    @property
    def channel(self) -> str:
        return self.shop.name

    def acts_of(self, window: int, attempt: int) -> dict[str, Action]:
        return {each.point: each.action for each in self.acts if (each.window, each.attempt) == (window, attempt)}

    def disk_of(self, window: int, attempt: int) -> int | None:
        return next((each.bytes for each in self.disks if (each.window, each.attempt) == (window, attempt)), None)


ATTEMPTS = 3
"""Attempts at a window before it counts as failed."""


def draw(seed: int) -> Schedule:
    """The schedule of a seed."""
    random = Random(f"chaos {seed}")
    platform = PLATFORMS[seed % len(PLATFORMS)] if random.random() < 0.8 else random.choice(PLATFORMS)
    windows, minutes = random.randint(2, 3), random.choice([10, 15, 30, 60])
    return Schedule(
        seed=seed,
        shop=_shop(random, seed, platform, windows * minutes),
        windows=windows,
        minutes=minutes,
        chunk=random.choice([8, 2000, 2000]),
        batch=random.choice([1, 3, 10, 100]),
        concurrency=random.choice([1, 1, 1, 2]),
        page=random.choice([3, 7, 100]),
        lookback=random.choice([0, 0, 20]),
        faults=_rules(random, _kinds(platform), most=4),
        oms_faults=_rules(random, OMS_KINDS, most=2) if random.random() < 0.6 else [],
        idempotent=random.random() < 0.5,
        oms_dies=random.randint(1, 6) if random.random() < 0.12 else None,
        oms_returns=random.randint(1, 3),
        acts=sorted(_acts(random, windows), key=lambda act: (act.window, act.attempt, act.point)),
        disks=[
            DiskFull(window=random.randrange(windows), attempt=random.randrange(2), bytes=random.randint(200, 20_000))
            for _ in range(random.random() < 0.2)
        ],
        anew=[random.random() < 0.4 for _ in range(ATTEMPTS)],
    )


def _shop(random: Random, seed: int, platform: str, minutes: int) -> Shop:
    currency, way = random.choice(["EUR", "JPY"]), WAYS.get(platform)
    options: dict[str, str | int | float | bool] = {}
    if way and way.currency:
        currency, options = way.currency, {"mask": random.random() < 0.2}
    if way and way.tokens and platform not in UNRENEWED:
        options["token_seconds"] = random.choice([600, 14_400])
    if platform == "shopify":
        options = random.choice([{}, {"bucket": 1000, "restore": 50}])
    return Shop(
        name=f"chaos_{platform}",
        platform=platform,
        seed=seed,
        start=START,
        ends=START + timedelta(minutes=minutes),
        rate=random.randint(12, 35) * 60 / minutes,
        pace=random.choice([0.002, 0.01]),
        currency=currency,
        currencies=("USD", "EUR") if platform in {"shopify", "woocommerce"} and random.random() < 0.4 else (),
        timezone=random.choice(["UTC", "Europe/Stockholm", "Asia/Taipei", "America/New_York"]),
        late=0.15,
        late_by=25,
        bursts=0.04,
        long=0.0,
        defects=random.choice([0.0, 0.05, 0.15]),
        options=options,
    )


def _kinds(platform: str) -> tuple[str, ...]:
    if platform == "csv_drop":
        return ()
    return tuple(kind for kind in KINDS if kind != "expired-token" or platform not in UNRENEWED)


def _rules(random: Random, kinds: tuple[str, ...], most: int) -> list[Rule]:
    rules = []
    for _ in range(random.randint(0, most) if kinds else 0):
        kind = random.choice(kinds)
        lasting = random.random() < 0.3 and kind != "expired-token"
        rules.append(
            Rule(
                kind=kind,  # type: ignore[arg-type]  # one of the names above
                count=None if lasting else random.randint(1, 4),
                skip=random.randint(0, 12),
                probability=random.choice([0.1, 0.25]) if lasting else 1.0,
                seed=random.randrange(1000),
                seconds=random.choice([5, 10, 20]),
                retry_after=random.choice([1, 20, 120]),
            )
        )
    return rules


def _acts(random: Random, windows: int) -> list[Act]:
    acts: list[Act] = []
    for _ in range(random.choice([0, 1, 2, 3, 4, 5, 6, 8])):
        (action,) = random.choices(list(OFTEN), list(OFTEN.values()))
        if action in {"timeout-before", "refused-connection"}:
            kind = random.choice(["request", "oms-request"])
        elif action == "timeout-after":
            kind = random.choice(["answer", "oms-answer", "oms-answer"])
        elif action == "oms-kill":
            kind = random.choice(["oms-request", "oms-answer", "commit"])
        else:
            kind = random.choice(list(POINTS))
        place = max(1, round(POINTS[kind] ** random.random()))
        window, attempt = random.randrange(windows), random.choice([0, 0, 0, 0, 1, 1, 2])
        acts.append(Act(window=window, attempt=attempt, point=f"{kind}:{place}", action=action))
    return acts
