"""Ways out for messages to people, through Apprise: mail, chats, pagers, web hooks."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from orderflow.domain.errors import ConfigError

if TYPE_CHECKING:
    from apprise import NotifyBase

CONNECTION = "orderflow_alerts"


@dataclass(frozen=True, slots=True)
class Services:
    """The ways out of one connection, by tag."""

    by_tag: Mapping[str, Sequence[NotifyBase]]

    @classmethod
    def of(cls, extra: Mapping[str, Any]) -> Services:
        """Out of the connection's extra: `{"config": [{"path": "mailto://...", "tag": "mail"}, ...]}`."""
        from apprise import Apprise

        config = extra.get("config") or []
        with contextlib.suppress(ValueError):  # what is no JSON is no list of services either
            config = json.loads(config) if isinstance(config, str) else config
        found: dict[str, list[NotifyBase]] = {}
        for number, entry in enumerate(config if isinstance(config, list) else [config], 1):
            if not isinstance(entry, dict) or not entry.get("path"):
                raise ConfigError(
                    f"service {number} in the extra of the Airflow connection {CONNECTION!r} has no path; write "
                    '{"config": [{"path": "mailto://...", "tag": "mail"}]}'
                )
            tags = entry.get("tag") or []
            service = Apprise.instantiate(entry["path"], suppress_exceptions=True)
            if service is None:
                raise ConfigError(
                    f"service {number} of the Airflow connection {CONNECTION!r} (tag {tags}) is none that Apprise can "
                    "read; write its path as Apprise's documentation shows (github.com/caronc/apprise/wiki)"
                )
            for tag in re.split(r"[\s,]+", tags) if isinstance(tags, str) else tags:
                found.setdefault(tag, []).append(service)
        return cls(found)

    def send(self, tag: str, title: str, body: str) -> str | None:
        """Send to every service of a tag; returns what went wrong, without secrets, or None."""
        if tag not in self.by_tag:
            known = ", ".join(sorted(self.by_tag)) or "none yet"
            return f"the Airflow connection {CONNECTION!r} has no service with the tag {tag!r}; known are {known}"
        wrong = [f"{_name(service)}: {said}" for service in self.by_tag[tag] if (said := _send(service, title, body))]
        return "; ".join(wrong) or None


def _send(service: NotifyBase, title: str, body: str) -> str | None:
    """Send text, which no service shows as anything else: mail would be HTML, and a platform's words a link in it."""
    from apprise import Apprise, LogCapture, NotifyFormat

    with LogCapture(level=logging.WARNING, fmt="%(message)s") as captured:  # type: ignore[no-untyped-call] # Apprise's own
        taken = Apprise(service).notify(body=body, title=title, body_format=NotifyFormat.TEXT)
        said = " ".join(captured.getvalue().split())
    return None if taken else _without_secrets(said[-300:] or "did not take the message and did not say why", service)


def _name(service: NotifyBase) -> str:
    return f"{service.service_name} at {service.host}" if getattr(service, "host", None) else str(service.service_name)


def _without_secrets(text: str, service: NotifyBase) -> str:
    """The text without what Apprise itself hides of the service's address, and without the path of its address."""
    whole, shown = (_parts(service.url(privacy=hidden)) for hidden in (False, True))  # type: ignore[no-untyped-call] # Apprise's own
    for part in sorted((whole - shown) | _parts(getattr(service, "fullpath", None) or ""), key=len, reverse=True):
        text = text.replace(part, "***")
    return text


def _parts(address: str) -> set[str]:
    found = {part for part in re.split(r"[/:@?&=,]+", address) if len(part) >= 4}
    return found | {unquote(part) for part in found}
