"""`orderflow`: the flow without Airflow, and the tools around it.

A channel's file and a first look: channel new, schema, try, readiness, live, adapters; adapter new, certify; check,
fetch. The flow: run, backfill, sweep, hints, inbox, fulfil, replay, migrate. What is proven, and why not: status,
explain, reconcile, alerts. People's decisions: quarantine, review, sku, rules, erase. Quality: report, expectations,
upkeep.
To try it all without a shop: sandbox, oms, demo, chaos.

Exit codes: 0 done · 1 done, but what was asked to hold does not hold · 2 fix a file, setting or argument ·
3 credentials · 4 the other side is down, try again · 5 the platform changed · 6 a fault of Orderflow.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
import traceback

import rich.control
import typer
from rich.console import Console
from rich.text import Text

from orderflow.domain import errors

if not sys.stdout.isatty():
    os.environ.setdefault("COLUMNS", "160")  # a file or a pipe has no width of its own, and must not cut what it gets

_STEERING = dict.fromkeys(
    [*range(9), *range(0x0B, 0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd"
)
"""What steers a terminal instead of being read: control characters, and those that turn the direction of writing. Only
tabs and line feeds are not among them. In a channel's ids, file names and answers they could rewrite the screen."""
# Every text that rich lays out passes this table, which takes five of them out; no setting adds the others.
rich.control._CONTROL_STRIP_TRANSLATE.update(_STEERING | rich.control._CONTROL_STRIP_TRANSLATE)  # type: ignore[arg-type]  # noqa: SLF001

app = typer.Typer(
    name="orderflow",
    help="Pull orders from sales channels and hand every one of them to an OMS.\n\n"
    f"Exit codes{__doc__.partition('Exit codes')[2]}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

EXIT_CODES = {
    errors.ConfigError: 2,
    errors.DeniedError: 3,
    errors.TransientError: 4,
    errors.TooManyError: 4,
    errors.DriftError: 5,
    errors.BalanceError: 6,
}

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a disk answers to a write; no name comes with it."""


class _Legible(logging.Formatter):
    """A line of the log as text that steers no terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).translate(_STEERING)


def main() -> None:
    """Run the command of the command line: what goes wrong becomes a message and an exit code.

    A file that cannot be read or written is an argument to fix. Only a fault of Orderflow shows a traceback.
    """
    import orderflow.command.adapter
    import orderflow.command.alerts
    import orderflow.command.backfill
    import orderflow.command.certify
    import orderflow.command.channel
    import orderflow.command.channels
    import orderflow.command.chaos
    import orderflow.command.edits
    import orderflow.command.erase
    import orderflow.command.explain
    import orderflow.command.fulfil
    import orderflow.command.inbox
    import orderflow.command.readiness
    import orderflow.command.reconcile
    import orderflow.command.replay
    import orderflow.command.report
    import orderflow.command.review
    import orderflow.command.rules
    import orderflow.command.serve
    import orderflow.command.staged
    import orderflow.command.suggestions
    import orderflow.command.waiting  # noqa: F401 - importing these registers their commands

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal writes every buyer's script
    if logging.lastResort:  # what writes warnings, as no command sets up a log
        logging.lastResort.setFormatter(_Legible())
    try:
        app()
    except errors.OrderflowError as error:
        sys.exit(_told(error))
    except Exception as error:  # noqa: BLE001 - whatever is left is told in full, with the exit code of our own faults
        if isinstance(error, OSError) and (error.filename is not None or error.errno in _FULL):
            from orderflow.command import ports

            place = error.filename or f"the landing zone {ports.landing()}, or another file that is written"
            cure = "check the path, its permissions and the space on its disk"
            sys.exit(_told(errors.ConfigError(f"{place}: {error.strerror}; {cure}")))
        if isinstance(error, UnicodeEncodeError) and (odd := next(filter(_is_no_text, sys.argv), None)):
            sys.exit(_told(errors.ConfigError(f"the argument {odd!r} is not UTF-8; type or paste it again")))
        traceback.print_exc()
        sys.exit(6)


def _is_no_text(argument: str) -> bool:
    """Whether it holds bytes that Python could not read as characters."""
    return any("\udc80" <= character <= "\udcff" for character in argument)


def _told(error: errors.OrderflowError) -> int:
    """Print the error; returns its exit code."""
    message = Text.assemble((errors.kind_of(error), "bold red"), f" {error}")
    Console(stderr=True, soft_wrap=True).print(message)
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 6)
