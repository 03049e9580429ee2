"""What may not go on: in groups with the value at risk, as a list, and what people decided lately."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, get_args
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from orderflow.domain.errors import ConfigError
from orderflow.quality.ownership import OWNERS, codes_of, owners
from orderflow.quality.rules import RULES
from orderflow.staging import backlog
from orderflow.staging.backlog import NOBODY, Filter, State
from orderflow.staging.breakdown import Group, breakdown, lately
from orderflow.web.access import User, demand_reader
from orderflow.web.page import Reading

router = APIRouter()

SIZE = 50
"""Orders of a page."""
MOST = 8
"""Groups that are shown of each kind."""
RECENT = timedelta(days=7)
"""How long a decision stands among the recent ones."""
UNASSIGNED = "-"
"""As an assignee in an address: nobody."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for; what is empty does not narrow. `text` is the beginning of an order id."""

    channel: str = ""
    reason: str = ""
    sku: str = ""
    owner: str = ""
    assignee: str = ""
    state: str = ""
    text: str = ""

    @classmethod
    def parsed(cls, query: str) -> Asked:
        """Raises `ConfigError` for what `query` never wrote."""
        given = dict(parse_qsl(query))
        if unknown := given.keys() - cls.__slots__:
            raise ConfigError(f"quarantine is not narrowed by {', '.join(sorted(unknown))}; open the list again")
        return cls(**given)

    def query(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if value}

    def encoded(self) -> str:
        return urlencode(self.query())

    def filter(self, user: User) -> Filter:
        """The rows, of those channels that the user may read. Somebody who looks for an order means any state."""
        if self.channel:
            demand_reader(user, self.channel)
        state = self.state or ("any" if self.text else "waiting")
        return Filter(
            channel=self.channel or None,
            channels=None if self.channel else user.channels,
            state=None if state == "any" else state,  # type: ignore[arg-type] # it checks
            reason=self.reason or None,
            codes=codes_of(self.owner) if self.owner else None,
            sku=self.sku or None,
            begins=self.text.strip() or None,
            assignee=NOBODY if self.assignee == UNASSIGNED else self.assignee or None,
        )


@router.get("/quarantine")
def quarantine(page: Reading, asked: Annotated[Asked, Depends()], after: str = "") -> HTMLResponse:
    which = asked.filter(page.user)
    waits = which.state in ("waiting", "open", "parked")
    with page.reading() as connection:
        found = backlog.page(connection, which, after=after or None, size=SIZE)
        summed = breakdown(connection, which, "currency", most=200) if waits else []
        groups = {
            by: breakdown(connection, which, by, most=MOST)
            for by in ("reason", "sku", "channel")
            if waits and not after
        }
        decided = [] if after else lately(connection, which, since=page.now - RECENT)
    return page.html(
        "quarantine.html",
        here="quarantine",
        asked=asked,
        after=after,
        rows=found.rows,
        next=found.after,
        waits=waits,
        open=sum(group.open for group in summed),
        parked=sum(group.parked for group in summed),
        values=_values(summed),
        groups=groups,
        decided=decided,
        rules=RULES,
        teams=OWNERS,
        owners=owners,
        states=get_args(State),
        names=[channel.name for channel in page.channels()],
        may_decide=any(page.user.decides(name) for name in ([asked.channel] if asked.channel else page.user.channels)),
        unassigned=UNASSIGNED,
        narrowed=lambda by, name: page.url("quarantine", **asked.query() | {by: name}),
    )


def _values(groups: list[Group]) -> dict[str, Decimal]:
    return {currency: value for group in groups for currency, value in group.values.items()}
