"""Who asks, what he may see, and what he may decide.

The pages know no login of their own: whoever serves them hands in a FastAPI dependency that names the user of a request
or refuses it. Every route of the app stands behind it (`guard`), whether it asks for the user or not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from starlette.datastructures import FormData

MOST_BYTES = 8 * 1024 * 1024
"""Longest field of a form that no route reads by itself: one carries a whole SKU file, packed."""
MOST_SENT = 2 * MOST_BYTES
"""Longest form: FastAPI reads one to its end, onto the disk, before anybody asks who sends it."""


@dataclass(frozen=True, slots=True)
class User:
    """`channels` are those he may read. `decides` says whether he may start, release or change something of one."""

    name: str
    channels: frozenset[str]
    decides: Callable[[str], bool]


def guard(identify: Callable[..., User]) -> Callable[..., None]:
    """What every request passes first. `identify` raises HTTP 401 or 403 for whom it does not know."""

    def guarded(request: Request, user: User = Depends(identify)) -> None:  # noqa: B008 - how FastAPI is told
        if "\0" in request.scope["path"] or b"%00" in request.scope["query_string"]:
            raise HTTPException(400, "An address never holds U+0000, which no database stores.")
        if request.method not in ("GET", "HEAD"):
            demand_same_origin(request)
        request.state.orderflow_user = user

    return guarded


def demand_short(request: Request) -> None:
    """Refuse a form before it is read. Raises HTTP 413, or 411: browsers say how long theirs are."""
    kind = request.headers.get("content-type", "").strip().lower()
    if not kind.startswith(("multipart/", "application/x-www-form-urlencoded")):
        return
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise HTTPException(411, "The form does not say how long it is; send it as browsers do, not in chunks.")
    if len(length) > 12 or int(length) > MOST_SENT:
        raise HTTPException(
            413,
            f"The form is longer than {MOST_SENT:,} bytes; send less at once, or use the command line: `orderflow sku "
            "import FILE` takes longer files.",
        )


async def form_of(request: Request) -> FormData:
    """The form that was sent, an empty one where none was. Raises HTTP 400 for a field with U+0000."""
    if request.method in ("GET", "HEAD"):
        return FormData()
    form = await request.form(max_part_size=MOST_BYTES)
    for name, value in form.multi_items():
        if "\0" in (value if isinstance(value, str) else value.filename or ""):
            raise HTTPException(
                400,
                f"The field {name!r} holds U+0000, which shows nothing and no database stores; remove it (typing the "
                "text again does) and send the form once more.",
            )
    return form


def user_of(request: Request) -> User:
    """The user that the guard let in."""
    user: User = request.state.orderflow_user
    return user


def demand_reader(user: User, channel: str) -> None:
    """Raises HTTP 404: a channel that he may not read does not exist for him."""
    if channel not in user.channels:
        raise HTTPException(404, f"There is no channel {channel!r}, or you may not read its DAG.")


def demand_editor(user: User, channel: str) -> None:
    """Raises HTTP 404 or 403."""
    demand_reader(user, channel)
    if not user.decides(channel):
        raise HTTPException(403, f"You may read {channel}, and decide nothing: that needs the right to run its DAG.")


def demand_some_editor(user: User) -> None:
    """Raises HTTP 403 for somebody who may decide about no channel at all."""
    if not any(user.decides(channel) for channel in user.channels):
        raise HTTPException(403, "You may read, and decide nothing: that needs the right to run a channel's DAG.")


def demand_same_origin(request: Request) -> None:
    """Refuse what another site lets a browser send with this user's cookie.

    Browsers say where a request comes from (`Sec-Fetch-Site`, else `Origin`; developer.mozilla.org). A token in the
    header is nothing that a browser sends by itself.
    """
    headers = request.headers
    if headers.get("authorization", "").lower().startswith("bearer "):
        return
    site = headers.get("sec-fetch-site")
    own: Any = headers.get("host")
    if site == "same-origin" or (site is None and own and urlsplit(headers.get("origin", "")).netloc == own):
        return
    raise HTTPException(403, "This request came from another site; open the page in Airflow and decide there.")
