"""`orderflow chaos`: random schedules of faults, each judged against the truth."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from orderflow.command.app import app

if TYPE_CHECKING:
    from orderflow.sandbox.chaos.stage import Outcome
    from orderflow.sandbox.chaos.table import Totals

console = Console()


@app.command()
def chaos(
    seeds: Annotated[int, typer.Option(min=1, help="How many schedules to play, from --first on.")] = 20,
    seed: Annotated[int | None, typer.Option(help="Print the schedule of this one seed and play it.")] = None,
    first: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that play, each with its database.")] = 2,
    minutes: Annotated[float | None, typer.Option(help="Stop after so many minutes.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the totals as JSON.")] = False,
) -> None:
    """Play random schedules of faults over the whole flow; nothing may be lost, doubled or unexplained afterwards.

    Each seed draws a simulated shop, a few windows and what goes wrong: throttling, errors, torn answers, pages that
    move, late changes, processes killed at any point, databases that restart, disks that fill, an OMS that dies after
    it accepted. No real time is waited for. Exit code 1 when any schedule ends wrong; the seed alone plays it again.

    Examples: [bold]orderflow chaos --seeds 100 --workers 2[/bold], [bold]orderflow chaos --seed 17[/bold]
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that databases are stopped
    from orderflow.sandbox.chaos import table
    from orderflow.sandbox.chaos.schedule import draw

    chosen = [seed] if seed is not None else list(range(first, first + seeds))
    if seed is not None and not as_json:
        console.print_json(msgspec.json.encode(draw(seed)).decode())
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=as_json) as bar:
        task = bar.add_task("starting databases", total=None)

        def tell(outcome: Outcome) -> None:
            bar.update(task, advance=1, description=f"of {len(chosen)} schedules played: {int(bar.tasks[0].completed)}")
            if outcome.failed and not as_json:
                bar.console.print(f"seed {outcome.seed} ended wrong", style="red")

        def over(totals: Totals) -> bool:
            return minutes is not None and totals.seconds > minutes * 60

        totals = table.play(chosen, workers=workers, told=tell, until=over)
    if as_json:
        print(msgspec.json.encode(totals).decode())
    else:
        _show(totals, table.rows(totals))
    if not totals.holds:
        raise typer.Exit(1)


def _show(totals: Totals, lines: list[tuple[str, object]]) -> None:
    grid = Table("what", "how many", title="Chaos")
    for name, value in lines:
        grid.add_row(name, str(value))
    console.print(grid)
    for seed, findings in totals.failed.items():
        console.print(f"[red]seed {seed}[/red]  play it again: orderflow chaos --seed {seed}")
        for finding in findings[:10]:
            console.print(f"    {finding}", highlight=False, markup=False)
