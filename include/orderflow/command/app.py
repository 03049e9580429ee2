"""`orderflow`: check, run, fetch, status, migrate, sandbox, oms, demo.

Exit codes: 0 done · 1 done, but what was asked to hold does not hold · 2 fix a file, setting or argument ·
3 credentials · 4 the other side is down, try again · 5 the platform changed · 6 a fault of Orderflow.
"""

from __future__ import annotations

import os
import sys

import typer
from rich.console import Console
from rich.text import Text

from orderflow.domain import errors

if not sys.stdout.isatty():
    os.environ.setdefault("COLUMNS", "160")  # a file or a pipe has no width of its own, and must not cut what it gets

app = typer.Typer(
    name="orderflow",
    help=f"Pull orders from sales channels and hand every one of them to an OMS.\n\n{__doc__.partition(chr(10))[2]}",
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


def main() -> None:
    """Run the command of the command line; an error of ours becomes a message and an exit code, not a traceback."""
    import orderflow.command.backfill
    import orderflow.command.channel
    import orderflow.command.channels
    import orderflow.command.chaos
    import orderflow.command.edits
    import orderflow.command.explain
    import orderflow.command.reconcile
    import orderflow.command.replay
    import orderflow.command.report
    import orderflow.command.review
    import orderflow.command.rules
    import orderflow.command.serve
    import orderflow.command.staged
    import orderflow.command.suggestions  # noqa: F401 - importing these registers their commands

    try:
        app()
    except errors.OrderflowError as error:
        message = Text.assemble((type(error).__name__, "bold red"), f" {error}")
        Console(stderr=True, soft_wrap=True).print(message)
        sys.exit(next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 6))
    except KeyboardInterrupt:
        sys.exit(130)
