"""The pages for operators and analysts: one FastAPI app, without Airflow, behind whatever login it is given."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.middleware.base import RequestResponseEndpoint

from orderflow.domain.errors import ConfigError, DeniedError, OrderflowError
from orderflow.domain.source import Secret
from orderflow.staging.vault import Vault
from orderflow.web import (
    channels,
    coverage,
    decisions,
    lookups,
    mapping,
    metrics,
    order,
    pairs,
    quality,
    quarantine,
    quarantined,
    reconciliation,
)
from orderflow.web import page as pages
from orderflow.web.access import User, demand_short, form_of, guard
from orderflow.web.database import Database
from orderflow.web.page import Site, Trigger, environment, spoken, style, style_version

log = logging.getLogger(__name__)

ROUTERS = (
    channels.router,
    coverage.router,
    order.router,
    quarantine.router,
    decisions.router,
    quarantined.router,
    mapping.router,
    pairs.router,
    lookups.router,
    reconciliation.router,
    quality.router,
)

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'; frame-src 'self'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def create(
    identify: Callable[..., User],
    database: Database,
    include: Path,
    *,
    trigger: Trigger,
    vault: Callable[[], Vault],
    reports: Path | None = None,
    landing: Path | None = None,
    metrics_token: Callable[[], Secret | None] = lambda: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """The app. `identify` is the FastAPI dependency that names a request's user (see `web.access`).

    Reads nothing yet: the database may be down, and comes back without a restart.
    """
    passed = [Depends(guard(identify)), Depends(form_of)]
    app = FastAPI(title="Orderflow", openapi_url=None, docs_url=None, redoc_url=None, dependencies=passed)
    app.state.site = Site(
        database=database, include=include, reports=reports, landing=landing, trigger=trigger, vault=vault, clock=clock
    )
    app.middleware("http")(_with_headers)
    app.add_exception_handler(AnyHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(OrderflowError, _failed)
    app.add_exception_handler(psycopg2.Error, _failed)
    app.add_exception_handler(Exception, _crashed)
    app.add_api_route("/", _start)
    app.add_api_route("/static/pages.css", _style)
    app.add_api_route("/static/pages.js", _script)
    app.add_api_route("/static/icon.svg", _icon)
    app.add_api_route("/static/icon_dark.svg", _icon_dark)
    app.add_route("/metrics", metrics.endpoint(metrics_token))
    for router in ROUTERS:
        app.include_router(router)
    return app


def _start(page: pages.Reading) -> RedirectResponse:
    return RedirectResponse(page.url("channels"))


def _style() -> Response:
    return _kept(style(), "text/css")


def _script() -> Response:
    return _kept((pages.HERE / "static" / "pages.js").read_text(), "text/javascript")


def _icon() -> Response:
    return _kept((pages.HERE / "static" / "icon.svg").read_text(), "image/svg+xml")


def _icon_dark() -> Response:
    return _kept((pages.HERE / "static" / "icon_dark.svg").read_text(), "image/svg+xml")


def _kept(text: str, media_type: str) -> Response:
    return Response(text, media_type=media_type, headers={"Cache-Control": "private, max-age=86400"})


async def _with_headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
    try:
        demand_short(request)
        answer = await call_next(request)
    except AnyHTTPException as error:  # outside of what answers for those of routes
        answer = _refused(request, error)
    for name, value in _HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def _refused(request: Request, error: Exception) -> HTMLResponse:
    assert isinstance(error, AnyHTTPException)
    titles = {401: "You are not logged in", 403: "You may not do this", 404: "There is no such page"}
    detail = str(error.detail)
    if error.status_code == 401:
        detail = "Log in to Airflow, then load this page again."
    return _told(request, error.status_code, titles.get(error.status_code, "This did not work"), detail)


def _misread(request: Request, error: Exception) -> HTMLResponse:
    assert isinstance(error, RequestValidationError)
    faults = "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors())
    return _told(request, 422, "This form cannot be read", faults)


def _failed(request: Request, error: Exception) -> HTMLResponse:
    if isinstance(error.__cause__ or error, psycopg2.errors.UndefinedTable | psycopg2.errors.UndefinedColumn):
        missing = str(error.__cause__ or error).splitlines()[0]
        cure = "The staging database has an older schema than these pages; bring it up to date with: orderflow migrate"
        return _told(request, 503, "The staging schema is not up to date", f"{missing}. {cure}")
    if isinstance(error, ConfigError):
        return _told(request, 400, "This cannot be done as asked", str(error))
    if isinstance(error, psycopg2.DataError):  # somebody wrote into an address what no column takes
        return _told(request, 400, "This cannot be done as asked", str(error).splitlines()[0])
    log.warning("page failed path=%s: %s", request.url.path, error)
    if isinstance(error, psycopg2.errors.InsufficientPrivilege | DeniedError):
        return _told(request, 503, "Staging does not let these pages do this", str(error))
    if isinstance(error, OrderflowError):
        return _told(request, 503, "Staging does not answer", str(error))
    return _told(request, 500, "This page failed", f"{type(error).__name__}; the API server's log has the details.")


def _crashed(request: Request, error: Exception) -> HTMLResponse:
    return _told(request, 500, "This page failed", f"{type(error).__name__}; the API server's log has the details.")


def _told(request: Request, status: int, title: str, detail: str) -> HTMLResponse:
    """A page that says what went wrong and what to do; it needs neither database nor user."""
    t = spoken(request)
    root = request.scope.get("root_path", "").rstrip("/")
    text = environment().get_template("error.html").render(
        t=t, url=lambda path: f"{root}/{path.lstrip('/')}", version=style_version(), title=title, detail=detail,
        status=status, back=_came_from(request, root),
    )  # fmt: skip
    return HTMLResponse(text, status)


def _came_from(request: Request, root: str) -> str | None:
    """The page of ours on which this was asked for; None where a browser does not say, or it is this very one."""
    said = request.headers.get("referer", "")
    try:
        place = urlsplit(said)
    except ValueError:
        return None
    ours = place.scheme in ("http", "https") and place.netloc == request.headers.get("host")
    return said if ours and place.path.startswith(f"{root}/") and said != str(request.url) else None
