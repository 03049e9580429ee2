"""Behaviours of an adapter whose platform is in trouble: throttling, refused tokens, broken answers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from orderflow.domain import errors
from orderflow.domain.window import Window
from orderflow.sandbox.conformance.subject import BEGUN, Scene, Subject, scene
from orderflow.sandbox.conformance.tried import Tried, lost

HOUR = timedelta(hours=1)


def throttled(subject: Subject, folder: Path) -> Tried:
    wrong = []
    for kind in ("429", "429-bare", "throttled"):
        wrong += _recovers(subject, folder / kind, kind)
    with scene(subject, folder) as at:
        at.put()
        at.now += HOUR
        at.break_("429", retry_after=3600, count=None)
        wrong += _ends_in(at, errors.TransientError, "told to wait for an hour", retry_after=3600)
    return Tried(wrong, "429 with and without a wait, the platform's own refusal, and a wait of an hour")


def expired(subject: Subject, folder: Path) -> Tried:
    """A token that the platform refuses is renewed, or an operator is told."""
    with scene(subject, folder) as at:
        wanted = at.put(3)
        at.now += HOUR
        at.break_("expired-token")
        try:
            found = at.listed(Window(BEGUN, at.now))
        except errors.DeniedError as error:
            wrong = [] if "; " in str(error) else [f"the message does not end with its cure: {error}"]
            return Tried(wrong, "credentials that do not renew: an operator is told")
        wrong = lost(wanted, found, "after the renewal")
        at.break_("expired-token", count=None)
        return Tried(wrong + _ends_in(at, errors.DeniedError, "refused for good"), "renewed once; refused for good")


def torn(subject: Subject, folder: Path) -> Tried:
    wrong = []
    for kind in ("torn", "drop-after", "500-after", "503", "drop"):
        wrong += _recovers(subject, folder / kind, kind)
    return Tried(wrong, "half a body, no answer, 500 and 503: asked again")


def web_page(subject: Subject, folder: Path) -> Tried:
    with scene(subject, folder) as at:
        at.put()
        at.now += HOUR
        at.break_("html", count=None)
        wrong = _ends_in(at, errors.TransientError, "a maintenance page with status 200")
    return Tried(wrong + _recovers(subject, folder / "once", "html"), "a maintenance page with status 200")


def _recovers(subject: Subject, folder: Path, kind: str) -> list[str]:
    """A fault that passes costs nothing but another request, or the next run of the same window."""
    with scene(subject, folder) as at:
        wanted = at.put(3)
        at.now += HOUR
        at.break_(kind, retry_after=1)
        try:
            found = at.listed(Window(BEGUN, at.now))
        except errors.TransientError:
            found = at.listed(Window(BEGUN, at.now))
        except errors.OrderflowError as error:
            return [f"{kind}, once: {type(error).__name__}: {error}"]
        return lost(wanted, found, f"{kind}, once")


def _ends_in(at: Scene, kind: type[errors.OrderflowError], what: str, *, retry_after: float | None = None) -> list[str]:
    try:
        at.listed(Window(BEGUN, at.now))
    except kind as error:
        told = getattr(error, "retry_after", None)
        return [] if retry_after is None or told == retry_after else [f"{what}: asks to wait {told} s"]
    except errors.OrderflowError as error:
        return [f"{what}: {type(error).__name__} instead of {kind.__name__}: {error}"]
    return [f"{what}: no error came"]
