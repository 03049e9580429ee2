"""`orderflow certify`: what an adapter promises, tried behaviour by behaviour."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from orderflow import adapters
from orderflow.command.app import app
from orderflow.domain.errors import ConfigError

if TYPE_CHECKING:
    from orderflow.sandbox.conformance.certificate import Certificate

console = Console()

COLOURS = {"passed": "green", "failed": "bold red", "not offered": "cyan", "not tried": "yellow"}


@app.command()
def certify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ADAPTER]...", help="Adapters; one of your own by its import path, such as acme.shop."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every adapter of this project (minutes).")] = False,
    case: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only print what comes of one recorded case, as expected.json.")
    ] = None,
    page: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the certificates as an HTML page.")] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the results, for docs/channels.md (orderflow channel adapters).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Try an adapter on its recorded cases and on a simulated platform with faults, and certify each behaviour.

    passed · failed · not offered (by the platform) · not tried (nothing was there to try it on). No live account is
    asked, and no database is needed. Exit code 1: something failed.

    Examples: [bold]orderflow certify shopee --page shopee.html[/bold], [bold]orderflow certify --all[/bold]
    """
    chosen = adapters.known() if every else names or []
    if not chosen:
        raise ConfigError(f"name an adapter, or give --all; known are {', '.join(adapters.known())}")
    if case is not None:
        _print_case(chosen, case)
        return
    made = _made(chosen, quiet=as_json)
    if page is not None:
        from orderflow.quality.pages.rendering import render

        page.write_text(render("conformance.html", certificates=made, made_at=datetime.now(UTC)), encoding="utf-8")
        Console(stderr=True).print(f"page written: {page}", highlight=False)
    if keep:
        _keep(made)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(made), indent=1).decode())
    elif len(made) > 1:
        _print_many(made)
    else:
        _print_one(made[0])
    if not all(certificate.holds for certificate in made):
        raise typer.Exit(1)


def _made(names: list[str], *, quiet: bool) -> list[Certificate]:
    from orderflow.sandbox.conformance.certificate import certify as certified
    from orderflow.sandbox.conformance.subject import Subject

    subjects = [Subject.of(name) for name in names]
    columns = (SpinnerColumn(), TextColumn("{task.description:<40}"), BarColumn(), MofNCompleteColumn())
    made = []
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), disable=quiet) as bar:
        for subject in subjects:
            task = bar.add_task(subject.name, total=None)

            def told(done: int, total: int, what: str, *, task: TaskID = task, name: str = subject.name) -> None:
                bar.update(task, completed=done, total=total, description=f"{name}: {what}")

            made.append(certified(subject, datetime.now(UTC), told=told))
            found = made[-1].findings
            bar.update(task, completed=len(found), total=len(found), description=subject.name)
    return made


def _keep(made: list[Certificate]) -> None:
    """Put these results in place of the adapters' earlier ones."""
    from orderflow.adapters.catalogue import CERTIFICATES
    from orderflow.sandbox.conformance.certificate import summary

    known = json.loads(CERTIFICATES.read_text(encoding="utf-8")) if CERTIFICATES.exists() else {}
    known |= {certificate.adapter: summary(certificate) for certificate in made}
    ours = {name: known[name] for name in sorted(known) if name in adapters.known()}
    CERTIFICATES.write_text(json.dumps(ours, indent=1) + "\n", encoding="utf-8")
    Console(stderr=True).print(f"kept: {CERTIFICATES}", highlight=False)


def _print_one(certificate: Certificate) -> None:
    table = Table(
        "behaviour", "result", "tried on", "what was tried", title=f"{certificate.adapter}, {certificate.at:%Y-%m-%d}"
    )
    for finding in certificate.findings:
        colour = COLOURS[finding.result]
        said = "\n".join([escape(finding.note), *(f"[red]{escape(each)}[/red]" for each in finding.wrong)])
        table.add_row(finding.behaviour, f"[{colour}]{finding.result}[/{colour}]", ", ".join(finding.how) or "-", said)
    console.print(table)
    told = ", ".join(f"{count} {result}" for result, count in certificate.totals.items() if count)
    console.print(f"{told}; {certificate.seconds:.0f} s", highlight=False)


def _print_many(made: list[Certificate]) -> None:
    table = Table("adapter", *(next(iter(made)).totals), "seconds", title="Conformance")
    for certificate in made:
        counts = [str(count) if count else "-" for count in certificate.totals.values()]
        table.add_row(certificate.adapter, *counts, f"{certificate.seconds:.0f}")
    console.print(table)
    for certificate in made:
        for finding in certificate.findings:
            if finding.result == "failed":
                console.print(
                    f"[red]{certificate.adapter}: {finding.behaviour}[/red] {escape('; '.join(finding.wrong))}"
                )


def _print_case(names: list[str], case: str) -> None:
    """What the adapter makes of a recorded case right now: read it before it becomes what is expected."""
    from orderflow.sandbox.conformance import cases

    if len(names) != 1:
        raise ConfigError("--case is one of a single adapter's cases; name that adapter")
    found = {each.name: each for each in cases.of(names[0])}
    if case not in found:
        raise ConfigError(
            f"{names[0]} has no case {case!r} in {cases.folder_of(names[0])}; there are {', '.join(found)}"
        )
    with TemporaryDirectory(prefix="orderflow-case-") as folder:
        outcome = cases.outcome(found[case], found[case].open(Path(folder)).source)
    print(json.dumps(outcome, indent=1, ensure_ascii=False))
