"""Airflow connections without Airflow: the same text, fields and meaning, for the command line and the tasks alike.

Airflow reads the connection `demo_shopify` from the environment variable `AIRFLOW_CONN_DEMO_SHOPIFY`, as JSON or as a
URI (airflow.apache.org, "Managing Connections"). Airflow's own fields are `conn_type`, `host`, `port`, `login`,
`password`, `schema` and `extra`; here is what they mean for a channel's account, an OMS and the staging database.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from orderflow.domain.errors import ConfigError
from orderflow.domain.source import WAY_OUT, Account, Secret

_HTTP = {"http", "https"}
_FOLDERS = {"file", "fs", "generic", ""}
_SCHEMES = {"ssh": "sftp", "aws": "s3", "google_cloud_platform": "gs", "wasb": "abfs"}
"""fsspec's protocol for a connection type of another name."""


@dataclass(frozen=True, slots=True)
class Connection:
    """The fields of an Airflow connection; `repr` shows neither password nor extra."""

    name: str
    conn_type: str = ""
    host: str = ""
    port: int | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


def account_from_text(name: str, text: str) -> Account:
    """The account behind an Airflow connection written as JSON or as a URI; raises `ConfigError`."""
    return account(connection_from_text(name, text))


def connection_from_text(name: str, text: str) -> Connection:
    """Read a connection as Airflow does; raises `ConfigError`, whose message never shows the text."""
    text = text.strip()
    if text.startswith(("'", '"')):
        raise ConfigError(
            f"connection {name!r} (AIRFLOW_CONN_{name.upper()}) begins with a quote; write it without: a file of "
            "environment variables keeps the quotes around a value"
        )
    try:
        return _from_json(name, text) if text.startswith("{") else _from_uri(name, text)
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"connection {name!r} (AIRFLOW_CONN_{name.upper()}) cannot be read ({type(error).__name__}); write it as "
            '{"conn_type": "http", "host": "https://shop.example", "password": "..."} or as https://:secret@shop.example'
        ) from None


def account(connection: Connection, *, token: Mapping[str, Any] | None = None) -> Account:
    """What an adapter or an OMS target is handed. `url` has no trailing slash; an HTTP one always has its scheme.

    `token` is the renewed token that was kept last; it takes the place of the one in the extra fields.
    """
    return Account(
        name=connection.name,
        url=_url(connection),
        login=connection.login,
        password=Secret(connection.password) if connection.password else None,
        extra={**connection.extra, **(token or {})},
    )


def fingerprint(connection: Connection) -> str:
    """Changes when somebody gives the connection other credentials, which outdates the tokens got with the old ones."""
    extra = sorted((name, value) for name, value in connection.extra.items() if name not in WAY_OUT)
    credentials = [connection.host, connection.login, connection.password, extra]
    return hashlib.sha256(json.dumps(credentials, default=str).encode()).hexdigest()


def dsn(connection: Connection) -> str:
    """The libpq URI of a PostgreSQL connection: `extra.dsn` as it is, else assembled, `extra` as its parameters."""
    if given := connection.extra.get("dsn"):
        return str(given)
    if connection.conn_type not in {"postgres", "postgresql"}:
        raise ConfigError(f"connection {connection.name!r} is of type {connection.conn_type!r}; it must be postgres")
    user = quote(connection.login or "", safe="")
    secret = f":{quote(connection.password, safe='')}" if connection.password else ""
    host = quote(connection.host, safe="[]:") + (f":{connection.port}" if connection.port else "")
    options = {key: value for key, value in connection.extra.items() if isinstance(value, str | int)}
    return f"postgresql://{f'{user}{secret}@' if user or secret else ''}{host}/{quote(connection.schema, safe='')}" + (
        f"?{urlencode(options, quote_via=quote)}" if options else ""
    )


def _from_json(name: str, text: str) -> Connection:
    parts = json.loads(text)
    extra = parts.get("extra") or {}
    return _connection(
        name,
        conn_type=parts.get("conn_type"),
        host=parts.get("host"),
        port=parts.get("port"),
        login=parts.get("login"),
        password=parts.get("password"),
        schema=parts.get("schema"),
        extra=json.loads(extra) if isinstance(extra, str) else extra,
    )


def _from_uri(name: str, text: str) -> Connection:
    """`type://login:password@host:port/schema?extra`; `type://https://host` puts a scheme in front of the host."""
    kind, _, rest = text.partition("://")
    protocol = ""
    if "://" in rest.partition("?")[0]:
        protocol, _, rest = rest.partition("://")
    parts = urlsplit(f"//{rest}")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    host = parts.netloc.rpartition("@")[2]
    if parts.port is not None:
        host = host.removesuffix(f":{parts.port}")
    return _connection(
        name,
        conn_type=kind.lower().replace("-", "_"),
        host=f"{protocol}://{unquote(host)}" if protocol else unquote(host),
        port=parts.port,
        login=unquote(parts.username) if parts.username is not None else None,
        password=unquote(parts.password) if parts.password is not None else None,
        schema=unquote(parts.path[1:]),
        extra=json.loads(query["__extra__"]) if "__extra__" in query else query,
    )


def _connection(name: str, *, conn_type: Any, host: Any, port: Any, extra: Any, **texts: Any) -> Connection:
    if not isinstance(extra, dict):
        raise TypeError("extra must be a JSON object")
    kind = {"postgresql": "postgres"}.get(conn_type, conn_type or "")
    return Connection(
        name=name,
        conn_type=str(kind).lower().replace("-", "_"),
        host=(host or "").strip(),
        port=int(port) if port not in {None, ""} else None,
        login=texts["login"] or None,
        password=texts["password"] or None,
        schema=texts["schema"] or "",
        extra=extra,
    )


def _url(connection: Connection) -> str:
    kind, host = connection.conn_type, connection.host
    path = connection.extra.get("path")
    if kind in _FOLDERS and (path or host) and "://" not in host:
        folder = str(path or host)
        return folder.rstrip("/") or "/"
    if not host:
        raise ConfigError(f"connection {connection.name!r} has no host; write the address of the shop's API there")
    own, _, rest = host.rpartition("://")
    base = "" if connection.schema in _HTTP else connection.schema
    if own.lower() in _HTTP or kind in _HTTP:
        scheme = own.lower() or _http_scheme(connection)
    else:
        scheme, base = own or _SCHEMES.get(kind, kind), base or str(path or "")
    place, _, inner = rest.partition("/")
    address = (
        place if connection.port is None or place.endswith(f":{connection.port}") else f"{place}:{connection.port}"
    )
    tail = "/".join(part.strip("/") for part in (inner, base) if part.strip("/"))
    return f"{scheme}://{address}/{tail}".rstrip("/")


def _http_scheme(connection: Connection) -> str:
    """What the schema says; else https, because a secret travels: plain http only within this machine or network."""
    if connection.schema in _HTTP:
        return connection.schema
    return "http" if connection.conn_type == "http" and _is_near(connection.host.partition("/")[0]) else "https"


def _is_near(place: str) -> bool:
    """A private address, or a name without a dot: another container, another machine of this network."""
    name = urlsplit(f"//{place}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_private
    except ValueError:
        return "." not in name
