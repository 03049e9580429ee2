"""The rule catalogue on the command line."""

from __future__ import annotations

import difflib
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from orderflow.command.app import app
from orderflow.domain.errors import ConfigError
from orderflow.quality import RULES
from orderflow.quality.rules import TOPICS
from orderflow.quality.rules.rule import Rule

console = Console()


@app.command()
def rules(
    code: Annotated[str | None, typer.Argument(metavar="[CODE]", help="One rule; all of them if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """What an order must satisfy: what a rule means, how bad it is, who acts, and the cure.

    Example: [bold]orderflow rules SKU_UNMAPPED[/bold]
    """
    chosen = list(RULES.values()) if code is None else [_found(code)]
    if as_json:
        plain = [_plain(rule) for rule in chosen]
        print(json.dumps(plain if code is None else plain[0]))
    elif code is None:
        _all()
    else:
        _one(chosen[0])


def _found(code: str) -> Rule:
    name = code.strip().upper()
    if name in RULES:
        return RULES[name]
    near = difflib.get_close_matches(name, RULES, n=3, cutoff=0.6)
    cure = f"did you mean {', '.join(near)}?" if near else "see all of them with: orderflow rules"
    raise ConfigError(f"there is no rule {code!r}; {cure}")


def _one(rule: Rule) -> None:
    waived = "yes: validate.waive in the channel file lets it only warn" if rule.waivable else "no"
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, text in (
        ("rule", f"[bold]{rule.code}[/bold]"),
        ("severity", rule.severity),
        ("owner", rule.owner),
        ("meaning", rule.meaning),
        ("cure", rule.cure),
        ("waivable", waived if rule.severity == "refuse" else "warns only"),
        ("tolerance", "validate.tolerance of the channel file" if rule.tolerance else "none"),
    ):
        table.add_row(f"[dim]{name}[/dim]", text)
    console.print(table)


def _all() -> None:
    for topic, listed in TOPICS.items():
        table = Table("rule", "severity", "owner", "meaning", title=topic, title_justify="left")
        for rule in listed:
            colour = "red" if rule.severity == "refuse" else "yellow"
            table.add_row(rule.code, f"[{colour}]{rule.severity}[/{colour}]", rule.owner, rule.meaning)
        console.print(table)
    console.print(f"{len(RULES)} rules; the cure of one: orderflow rules CODE")


def _plain(rule: Rule) -> dict[str, object]:
    return {
        "code": rule.code,
        "severity": rule.severity,
        "owner": rule.owner,
        "meaning": rule.meaning,
        "cure": rule.cure,
        "waivable": rule.waivable and rule.severity == "refuse",
        "tolerance": rule.tolerance,
    }
