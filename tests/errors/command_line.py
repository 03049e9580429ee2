"""The command line as a user runs it, and the whole of what it says when something is wrong.

Every message names the place, what was found there, what was allowed and the cure. A command has a process of its own
(forked from one that has imported everything), configured by its environment, against real servers on loopback.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import forked

PROJECT = Path(__file__).resolve().parents[2]
WINDOW = "2026-01-05T09:00Z/2026-01-05T10:00Z"
ASKED = (
    "GET /demo_woocommerce/wp-json/wc/v3/orders?modified_after=2026-01-05T08%3A54%3A29"
    "&modified_before=2026-01-05T09%3A59%3A30&dates_are_gmt=true&per_page=1&_fields=id&timestamp=***"
)
GRAPHQL = "POST /demo_shopify/admin/api/2026-07/graphql.json"
HUSH = "hush"
"""Every wrong password, token and key of these tests holds it; nothing that is printed may."""


def connection(kind: str, **parts: object) -> str:
    return json.dumps({"conn_type": kind, **parts})


def orderflow(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line as a user calls it; whatever it prints, a secret is not in it."""
    done = forked.run("orderflow", *arguments, environ=environ, cwd=environ["ORDERFLOW_HOME"])
    assert HUSH not in done.stdout + done.stderr
    return done


def told(environ: dict[str, str], *arguments: str) -> str:
    """Exit code, class and whole text of the error that ends a command; no output and no traceback beside it."""
    done = orderflow(environ, *arguments)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    found = re.search(r"^\w+Error .*(?=\n\Z)", done.stderr, re.MULTILINE | re.DOTALL)
    assert found, done.stderr
    return f"{done.returncode} {found[0]}"


def run(environ: dict[str, str], channel: str = "demo_woocommerce", window: str = WINDOW) -> str:
    return told(environ, "run", channel, "--window", window)
