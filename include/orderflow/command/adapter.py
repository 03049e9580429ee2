"""`orderflow adapter`: begin an adapter that passes its own contract, so that it only has to become true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from orderflow import adapters
from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.errors import ConfigError

console = Console()
kit = typer.Typer(no_args_is_help=True, help="Begin an adapter for a platform or a file format.")
app.add_typer(kit, name="adapter")

KIT = Path(__file__).parent / "adapter_kit"
NAME = r"[a-z][a-z0-9_]*"


@kit.callback()
def _group() -> None:
    """Keeps `new` a command of its own."""


@kit.command()
def new(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Small letters, digits and underscores; with dots for a package of your own."
        ),
    ],
    kind: Annotated[
        Literal["rest", "file"], typer.Option(help="A platform that is asked over HTTP, or files that a partner drops.")
    ] = "rest",
    title: Annotated[str | None, typer.Option(help="What people call the platform.")] = None,
    root: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The project, or for a name with dots where its packages stand.")
    ] = ports.INCLUDE.parent,
) -> None:
    """Write an adapter's folder, its recorded cases and its simulated platform; overwrites nothing.

    What is written works against its own simulated platform and says *guess* wherever a fact has to come. A name with
    dots (acme.shop) becomes a package outside of this project, with everything inside it. docs/new-adapter.md goes on.

    Examples: [bold]orderflow adapter new zalando --title Zalando[/bold],
    [bold]orderflow adapter new acme.shop --root .[/bold]
    """
    if not all(re.fullmatch(NAME, part) for part in name.split(".")):
        raise ConfigError(
            f"{name!r} cannot name an adapter; use small letters, digits and underscores, such as zalando"
        )
    places = places_of(name, kind, root)
    if there := [path for path in (places["package"], places["cases"]) if path.exists()]:
        raise ConfigError(f"{there[0]} is there already; choose another name, or work on in it")
    written = write(name, kind, title or name.rpartition(".")[2].replace("_", " ").title(), places)
    for path in written:
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)
    console.print(
        f"next: [bold]orderflow certify {name}[/bold] passes on the stub; then make {places['package'] / 'README.md'} "
        "true, fact by fact, and code, cases and simulated platform after it: docs/new-adapter.md says in which order",
        soft_wrap=True,
        highlight=False,
    )


def places_of(name: str, kind: str, root: Path) -> dict[str, Path]:
    """Where the parts go: into this project, or all into the package of a name with dots."""
    if "." in name:
        package = root.joinpath(*name.split("."))
        places = {"package": package, "cases": package / "cases", "sandbox": package / "sandbox.py"}
    else:
        include = root / "include" / "orderflow"
        places = {
            "package": include / "adapters" / name,
            "cases": root / "tests" / "contract" / "cases" / name,
            "sandbox": include / "sandbox" / "platforms" / f"{name}.py",
        }
        if not include.is_dir():
            raise ConfigError(f"{root} is no checkout of this project; run this in one, or give --root")
    if kind == "file":
        del places["sandbox"]
    return places


def write(name: str, kind: str, title: str, places: dict[str, Path]) -> list[Path]:
    """Fill in the kit's files; returns the paths that were written."""
    words = {"@PACKAGE@": adapters.package(name), "@NAME@": name, "@TITLE@": title}
    parts = [(path, places["package"] / path.stem) for path in sorted((KIT / kind / "package").glob("*.txt"))]
    if "sandbox" in places:
        parts.append((KIT / kind / "sandbox.py.txt", places["sandbox"]))
    cases = sorted(path for path in (KIT / kind / "cases").rglob("*") if path.is_file())
    parts += [(path, places["cases"] / path.relative_to(KIT / kind / "cases")) for path in cases]
    for source, target in parts:
        text = source.read_text(encoding="utf-8")
        for word, meant in words.items():
            text = text.replace(word, meant)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_sorted(text) if target.suffix == ".py" else text, encoding="utf-8")
    return [target for _, target in parts]


def _sorted(text: str) -> str:
    """Imports of this project in the order that ruff wants, whatever the adapter is called."""
    block = re.compile(r"(?:^from orderflow\.\S+ import .*\n)+", re.MULTILINE)
    return block.sub(lambda found: "".join(sorted(found[0].splitlines(keepends=True))), text)
