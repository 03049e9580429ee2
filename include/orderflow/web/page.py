"""What a page is made with: the user, the channels he may read, the database, the words, and the templates."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlencode

from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow import config
from orderflow.domain.channel import Channel
from orderflow.quality.pages import rendering
from orderflow.quality.pages import words as values
from orderflow.staging.vault import Vault
from orderflow.web import meanings, words
from orderflow.web.access import User, demand_editor, demand_reader, user_of
from orderflow.web.database import Database
from orderflow.web.words import Words

HERE = Path(__file__).parent
SHARED = Path(rendering.__file__).parent / "templates"
"""Templates and style of the report pages; a name of ours goes before one of theirs."""
TABS = (
    ("channels", "Channels"),
    ("coverage", "Coverage"),
    ("quarantine", "Quarantine"),
    ("mapping", "Mapping"),
    ("order", "Order"),
    ("reconciliation", "Reconciliation"),
    ("quality", "Quality"),
)
"""The pages, by their address and title, in the order of the bar above each."""
SIZE = 100
"""Channels of a page that has a row of each."""
LANGUAGE, AIRFLOW_LANGUAGE, SAID = "orderflow_language", "orderflow_airflow", "orderflow_said"
"""Cookies: the language that somebody chose here, and the one chosen in Airflow; what the next page says once."""

Trigger = Callable[[str, str, Mapping[str, Any], str], None]
"""Start a DAG's run: its id, the run's id, its conf, and the user on whose behalf."""


@dataclass(slots=True, kw_only=True)
class Site:
    """What the pages stand on. `include` holds the channel files; `reports` and `landing` are folders, or None."""

    database: Database
    include: Path
    reports: Path | None
    landing: Path | None
    trigger: Trigger
    vault: Callable[[], Vault]
    clock: Callable[[], datetime]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stamp: list[tuple[str, int]] | None = None
    _reading: config.Reading | None = None

    def reading(self) -> config.Reading:
        """The channel files, read again when one of them has changed."""
        folder = self.include / "channels"
        stamp = _stamped(folder)
        with self._lock:
            if self._reading is None or stamp != self._stamp:
                self._reading, self._stamp = config.read(folder, now=self.clock()), stamp
            return self._reading


@dataclass(frozen=True, slots=True)
class Page:
    """One request for a page: who asks, in which language, and the way to an answer."""

    request: Request
    user: User
    site: Site
    t: Words
    now: datetime

    def channels(self, q: str = "") -> list[Channel]:
        """Those that the user may read, by name; `q` is part of a name, a title, an owner or a platform."""
        found = [each for each in self.site.reading().channels if each.name in self.user.channels]
        found = [each for each in found if q.strip().lower() in " ".join(_words(each)).lower()]
        return sorted(found, key=lambda each: each.name)

    def chosen(self, channel: str, q: str) -> list[Channel]:
        """Those of a link to one `channel`, or of a search; who writes a whole name means that channel alone."""
        if channel:
            return [self.channel(channel)]
        found = self.channels(q)
        return [each for each in found if each.name == q.strip()] or found

    def channel(self, name: str) -> Channel:
        """Raises HTTP 404 for a channel that does not exist, or that the user may not read."""
        demand_reader(self.user, name)
        for each in self.site.reading().channels:
            if each.name == name:
                return each
        raise HTTPException(404, f"The file of channel {name!r} cannot be read; `orderflow check` says why.")

    def reading(self) -> AbstractContextManager[Connection]:
        """Staging, to read."""
        return self.site.database.reading()

    @contextmanager
    def writing(self, channel: str) -> Iterator[Connection]:
        """Staging, for a decision about this channel; raises HTTP 403 where the user may not decide."""
        demand_editor(self.user, channel)
        with self.site.database.writing() as connection:
            yield connection

    def url(self, path: str, **query: object) -> str:
        """The address of a page of ours, whatever it is mounted under; what is None or empty stays out."""
        root = self.request.scope.get("root_path", "").rstrip("/")
        asked = urlencode({name: value for name, value in query.items() if value not in (None, "")})
        return f"{root}/{quote(path.lstrip('/'), safe='/:+@~')}{f'?{asked}' if asked else ''}"

    def airflow(self, path: str) -> str:
        """The address of a page of Airflow; give its link the attribute `data-airflow`, so that it leaves the frame."""
        root = self.request.scope.get("root_path", "").rstrip("/").rpartition("/")[0]
        return f"{root}/{quote(path.lstrip('/'), safe='/:+@~')}"

    def seconds(self, count: float) -> timedelta:
        return timedelta(seconds=count)

    def same(self, **query: str) -> str:
        """The address of this very page with some of its query replaced."""
        return f"?{urlencode({**self.request.query_params, **query})}"

    def html(self, template: str, *, status: int = 200, **given: Any) -> HTMLResponse:
        """The answer: a template of `templates`, with everything here and what is given."""
        said = self.request.cookies.get(SAID)
        text = (
            environment()
            .get_template(template)
            .render(
                page=self,
                t=self.t,
                url=self.url,
                airflow=self.airflow,
                user=self.user,
                now=self.now,
                tabs=TABS,
                version=style_version(),
                said=unquote(said) if said else None,
                **given,
            )
        )
        answer = HTMLResponse(text, status)
        if said:
            answer.delete_cookie(SAID, path=self.url("/"))
        if asked := self.request.query_params.get("lang"):
            chosen = words.language(asked, None, "")
            answer.set_cookie(LANGUAGE, chosen, max_age=31_536_000, path=self.url("/"), samesite="lax")
        return answer

    def go(self, path: str, *, said: str | None = None, **query: object) -> RedirectResponse:
        """After a decision: to a page that shows its effect, which says `said` once."""
        answer = RedirectResponse(self.url(path, **query), 303)
        if said:
            answer.set_cookie(
                SAID, quote(said[:1500]), max_age=60, path=self.url("/"), httponly=True, samesite="strict"
            )
        return answer


def _stamped(folder: Path) -> list[tuple[str, int]]:
    """The channel files and when each was written; nothing where there is no such folder."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as found:
        return sorted((each.name, each.stat().st_mtime_ns) for each in found if each.name.endswith(".yml"))
    return []


def _words(channel: Channel) -> tuple[str, ...]:
    return channel.name, channel.title, channel.owner, channel.adapter_name


def _page(request: Request) -> Page:
    site: Site = request.app.state.site
    return Page(request, user_of(request), site, spoken(request), site.clock())


def _editing(channel: str, page: Annotated[Page, Depends(_page)]) -> Page:
    demand_editor(page.user, channel)
    return page


Reading = Annotated[Page, Depends(_page)]
"""The parameter of a page that reads."""
Writing = Annotated[Page, Depends(_editing)]
"""The parameter of a route with `{channel}` in its path that decides: HTTP 403 for whom may not."""


def spoken(request: Request) -> Words:
    asked = request.query_params.get("lang")
    kept = request.cookies.get(LANGUAGE) or request.cookies.get(AIRFLOW_LANGUAGE)
    return Words(words.language(asked, kept, request.headers.get("accept-language", "")))


@cache
def environment() -> Environment:
    """The templates: ours, and the macros and style of the report pages. Everything is escaped."""
    made = Environment(
        loader=FileSystemLoader([HERE / "templates", SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= values.FILTERS
    made.filters |= {"moment": words.moment, "span": words.span, "meanings": meanings.meanings}
    return made


@cache
def style() -> str:
    """The style of the report pages, and what only these pages need."""
    return (SHARED / "style.css").read_text() + (HERE / "static" / "pages.css").read_text()


@cache
def style_version() -> str:
    """Changes with style and script, so that browsers may keep both."""
    import hashlib

    script = (HERE / "static" / "pages.js").read_text()
    return hashlib.sha256((style() + script).encode()).hexdigest()[:12]
