"""A DAG's documentation: what an operator wants to know of a channel, and the file that made it."""

from __future__ import annotations

from orderflow.domain.channel import Channel, print_duration
from orderflow.orchestration.window import END, START

_TEXT = """\
Pulls the orders of **{title}** from `{adapter}` over the connection `{connection}`, and hands every one of them
{to}: none lost, none twice, none unexplained.

| task | what it does |
|---|---|
| `extract` | asks for what changed in the run's window{before}, and writes it down as it came |
| `clean` | makes it canonical: times in UTC, exact money, one spelling; the newest version of an order wins |
| `validate` | lets an order go on whole, or quarantines it whole with every reason |
| `load_to_staging` | writes orders, quarantine, outbox and ledger in one transaction |
| `sync_to_oms` | sends what the OMS has not got yet, each content once, and keeps the receipts |

**Windows.** A run answers for the span between two ticks of `{cron}` ({timezone}). For any other span trigger it with
`{start}` and `{end}`, or create a backfill. What the schedule leaves out (an outage, a failure) the DAG `heal` brings
by itself, behind the live windows. Every task may run again: the outcome is the same.

**When it is red.** The class of the error says who acts:

| error | what to do |
|---|---|
| `TransientError` | nothing: it tries again by itself, as late as the other side asked |
| `DeniedError` | renew the credentials in the connection it names, then clear the task |
| `DriftError` | the platform changed: tell a developer; the raw data is safe |
| `ConfigError` | correct the file or setting that the message names, then clear the task |
| `BalanceError` | keep everything as it is and tell a developer |

**Owner.** {owner}. A run that is not done {deadline} after it was queued raises an alert.

`include/channels/{name}.yml`

~~~yaml
{text}
~~~
"""


def _to(channel: Channel) -> str:
    if channel.shadow:
        return "to nobody (it runs in shadow)"
    since = channel.delivers_since
    created = f", as far as they were created since {since:%Y-%m-%d %H:%MZ}" if since else ""
    return f"to the OMS target `{channel.oms.target}`{created}"


def documentation(channel: Channel) -> str:
    overlap = channel.lookback + channel.settle
    return _TEXT.format(
        title=channel.title,
        adapter=channel.adapter_name,
        connection=channel.connection,
        to=_to(channel),
        before=f" and the {print_duration(overlap)} before it" if overlap else "",
        cron=channel.schedule.cron,
        timezone=channel.schedule.timezone,
        start=START,
        end=END,
        owner=channel.owner,
        deadline=print_duration(channel.schedule.deadline),
        name=channel.name,
        text=channel.text.strip(),
    )
