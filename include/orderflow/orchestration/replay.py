"""Replay as Airflow runs it: the DAG `replay`, and what every run of a channel does for its waiting orders."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param, task
from airflow.sdk.exceptions import AirflowSkipException

from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError, OrderflowError, TransientError
from orderflow.domain.replay import Choice
from orderflow.domain.window import Window
from orderflow.orchestration import ports, settings, tasks
from orderflow.orchestration.care import DAGS, TASKS, asked, named
from orderflow.orchestration.notify import tell
from orderflow.orchestration.window import END, START

if TYPE_CHECKING:
    from orderflow.pipeline.changes import Changes
    from orderflow.staging.store import Store

log = logging.getLogger(__name__)

WHAT = ("quarantined", "could leave quarantine", "window", "order ids")
AT_ONCE = 2

_DOCUMENTATION = """\
Reads raw records that were kept again, by today's mapping, cleaning and rules; the channel is not asked. Trigger it
after a mapping, a look-up or a rule changed, or after people decided about quarantined orders.

| read again | takes |
|---|---|
| quarantined | all that waits in quarantine, or of it what broke one rule or has one SKU |
| could leave quarantine | what a person asked for, what lacked a SKU that is mapped now, what other code judged |
| window | everything that was pulled for a span |
| order ids | single orders |

**A dry run comes first**: unless `dry_run` is taken off, nothing is written, and the log of `read_again` shows field by
field what would change. Newest wins as ever: an old record never replaces a newer version.

Each run of a channel takes what could leave quarantine by itself; nobody has to trigger this for that.
"""


def build(include: Path) -> DAG:
    """Reads no channel file: a run does."""
    with DAG(
        dag_id="replay",
        description="Read raw records again by today's code",
        doc_md=_DOCUMENTATION,
        schedule=None,
        max_active_runs=AT_ONCE,
        params=_params(),
        default_args=dict(TASKS),
        **DAGS,
    ) as dag:

        @task(multiple_outputs=False)
        def read_again() -> dict[str, Any]:
            """Judge the chosen raw records by today's code; show what changes, or load it."""
            return run(include, asked())

        @task(multiple_outputs=False)
        def sync_to_oms(done: dict[str, Any]) -> dict[str, int]:
            """Hand the OMS what the replay changed."""
            if "batch" not in done:
                raise AirflowSkipException("a dry run: nothing was written, so there is nothing to hand to the OMS")
            return delivered(named(include, done["batch"]["channel"]), include)

        sync_to_oms(read_again())  # type: ignore[arg-type] # XComArgs: Airflow types none
    return dag


def run(include: Path, params: Mapping[str, Any]) -> dict[str, Any]:
    """One replay as the Params ask for it: `{"changes": ...}` of a dry run, else `{"batch": ...}`, as plain JSON."""
    import msgspec

    from orderflow.pipeline import replay

    channel, choice, now = named(include, params["channel"]), choice_of(params), datetime.now(UTC)
    told = tasks.teller()
    with ports.staging_of(channel, told) as store, tempfile.TemporaryDirectory(prefix="orderflow-replay-") as scratch:
        records = _records(store, channel)
        root = Path(scratch) if params["dry_run"] else settings.landing_root()
        collected = replay.collect(channel, choice, root, now=now, records=records, progress=told)
        for place in collected.missing:
            log.warning("no raw record any more order_id=%s quarantine_id=%s", place.order_id, place.quarantine_id)
        if params["dry_run"]:
            changes = replay.preview(channel, collected, records=records, progress=told)
            log.info("%s\n%s", changes, table(changes))
            plain: dict[str, Any] = msgspec.to_builtins(changes)
            return {"summary": str(changes), "changes": plain}
        batch = replay.replay(channel, collected, records=records, staging=store, progress=told)
    c = batch.counts
    log.info(
        "replayed channel=%s %s new=%d changed=%d unchanged=%d older=%d quarantined=%d",
        channel.name, choice, c.inserted, c.updated, c.unchanged, c.stale, c.quarantined + c.unreadable,
    )  # fmt: skip
    for code, orders in batch.reasons.items():
        log.warning("orders stay in quarantine code=%s orders=%d", code, orders)
    return {"batch": batch.to_json()}


def delivered(channel: Channel, include: Path) -> dict[str, int]:
    """Hand the OMS what the channel owes it."""
    from orderflow.pipeline.sync import sync

    if channel.shadow:
        raise AirflowSkipException(f"{channel.name} runs in shadow: nothing is handed to the OMS")
    with ports.staging_of(channel, tasks.teller()) as store:
        target = ports.target(channel, include / "targets")
        done = sync(channel, store, target, behind=True, progress=tasks.teller())
    return {name: getattr(done, name) for name in ("sent", "accepted", "refused", "pending")}


def catch_up(channel: Channel, store: Store) -> None:
    """Judge again what could leave quarantine, behind the load of a run.

    What keeps it from being judged keeps nothing else: the channel's owners are told, and the run goes on.
    """
    from orderflow.pipeline import replay

    try:
        replay.catch_up(
            channel,
            settings.landing_root(),
            now=datetime.now(UTC),
            records=_records(store, channel),
            staging=store,
            progress=tasks.teller(),
        )
    except TransientError:
        raise
    except OrderflowError as error:
        log.exception("waiting orders not judged again channel=%s", channel.name)
        tell(channel, "replay", f"waiting orders were not judged again: {error}")


def choice_of(params: Mapping[str, Any]) -> Choice:
    """What the Params choose; raises `ConfigError` where they contradict each other or lack something."""
    what = params["what"]
    if what == "quarantined":
        return Choice(quarantined=True, code=params["reason"] or None, sku=params["sku"] or None)
    if what == "could leave quarantine":
        return Choice(waiting=True)
    if what == "window":
        if not params[START] or not params[END]:
            raise ConfigError("to read a window again, give both its start and its end")
        return Choice(window=Window.parse(f"{params[START]}/{params[END]}"))
    if what == "order ids":
        ids = tuple(filter(None, (each.strip() for each in params["order_ids"] or ())))
        if not ids:
            raise ConfigError("to read single orders again, give their ids")
        return Choice(order_ids=ids)
    raise ConfigError(f"{what!r} cannot be read again; choose one of {', '.join(WHAT)}")


def table(changes: Changes) -> str:
    """The changes by field and rule, for a log."""
    rows = [("field", "orders"), *((name, f"{count:,}") for name, count in changes.fields.items())]
    rows += [(f"{code} cured", f"{count:,}") for code, count in changes.cured.items()]
    rows += [(f"{code} new", f"{count:,}") for code, count in changes.broken.items()]
    lines = [f"  {name:<40} {count:>10}" for name, count in rows]
    lines += [f"  {each.order_id} {each.place}: {each.before!r} -> {each.after!r}" for each in changes.examples]
    return "\n".join(lines)


def _records(store: Store, channel: Channel) -> Any:
    from orderflow.staging.raws import Raws

    return Raws(store.connection, store.vault, channel.name)


def _params() -> dict[str, Param]:
    text = ["null", "string"]
    return {
        "channel": Param(type="string", minLength=1, title="Channel", description="Name of the channel file."),
        "what": Param("quarantined", enum=list(WHAT), title="What to read again"),
        "dry_run": Param(True, type="boolean", title="Dry run", description="Show what would change; write nothing."),
        "reason": Param(
            None, type=text, title="Reason", description="Only what broke this rule, such as SKU_UNMAPPED."
        ),
        "sku": Param(None, type=text, title="SKU", description="Only what has this SKU of the channel on a line."),
        START: Param(None, type=text, format="date-time", title="Window start"),
        END: Param(None, type=text, format="date-time", title="Window end"),
        "order_ids": Param(None, type=["null", "array"], title="Order ids", description="One per line."),
    }
