"""What the command line reads from its environment: the same names and meanings as under Airflow.

`AIRFLOW_CONN_<ID>` holds a connection (JSON or URI), `AIRFLOW_VAR_ORDERFLOW_VAULT_KEY` the key for personal data,
`ORDERFLOW_LANDING` the landing zone, `ORDERFLOW_HOME` the folder for everything else (default `.orderflow`).
"""

from __future__ import annotations

import getpass
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from upath import UPath

from orderflow import config
from orderflow.config import connections
from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Account, Runtime, Secret, Source

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

    from orderflow.domain.target import Target
    from orderflow.staging.store import Store
    from orderflow.staging.vault import Vault

INCLUDE = Path(__file__).resolve().parents[2]
CHANNELS = INCLUDE / "channels"
TARGETS = INCLUDE / "targets"
STAGING = "orderflow_db"
"""Connection of the staging database."""


def home() -> Path:
    return Path(os.environ.get("ORDERFLOW_HOME", ".orderflow"))


def landing() -> Path:
    root = os.environ.get("ORDERFLOW_LANDING") or str(home() / "landing")
    if "://" not in root:
        return cast(Path, UPath(Path(root).resolve()))
    try:
        found = UPath(root)
        found.fs  # noqa: B018 - a storage is only looked for when it is first needed
    except (ImportError, ValueError) as error:
        kind = root.partition("://")[0]
        raise ConfigError(
            f"ORDERFLOW_LANDING leads to {kind}://, which cannot be opened: {error}; give a folder, or install what "
            "fsspec needs for it"
        ) from error
    return cast(Path, found)


def runtime() -> Runtime:
    return Runtime(clock=lambda: datetime.now(UTC), sleep=time.sleep)


def connection(name: str) -> connections.Connection:
    """What `AIRFLOW_CONN_<NAME>` holds; raises `ConfigError` when it is not set."""
    return connections.connection_from_text(name, _connection_text(name))


def account(name: str) -> Account:
    """The account behind `AIRFLOW_CONN_<NAME>`; raises `ConfigError` when it is not set."""
    return connections.account_from_text(name, _connection_text(name))


@contextmanager
def source(channel: Channel, *, healing: bool = False, transport: Any = None) -> Iterator[tuple[Source, Runtime]]:
    """The open channel, within the budget and with the tokens that it shares with every other run of its account.

    Both are kept in staging; without a staging database the channel is opened alone, which an account whose refresh
    token changes does not survive: `ConfigError`. `transport` takes the place of the network's (`Runtime.transport`).
    """
    alone = replace(runtime(), transport=transport)
    found = connections.connection_from_text(channel.connection, _connection_text(channel.connection))
    if f"AIRFLOW_CONN_{STAGING.upper()}" not in os.environ:
        if found.extra.get("refresh_token"):
            raise ConfigError(
                f"connection {found.name} has a refresh_token, which may change with its use, and there is no staging "
                f"database to keep the new one in: set AIRFLOW_CONN_{STAGING.upper()}"
            )
        yield channel.adapter.open(channel.options, connections.account(found), alone), alone
        return
    from orderflow.staging import budget, measures
    from orderflow.staging.store import connect
    from orderflow.staging.tokens import Tokens

    def database() -> Connection:
        return connect(dsn(), name="orderflow command")

    with (
        staging() as store,
        budget.shared(channel, lambda: closing(database()), healing=healing, sleep=time.sleep) as throttle,
    ):
        tokens = Tokens(found.name, connections.fingerprint(found), database, store.vault)
        handed = replace(alone, throttle=throttle, on_token=tokens.keep, renewing=tokens.renewing)
        account = connections.account(found, token=tokens.latest())
        with measures.counting(channel.name, handed.meter, lambda: closing(database())):
            yield channel.adapter.open(channel.options, account, handed), handed


def dsn() -> str:
    """The libpq URI of staging, from the connection `orderflow_db`."""
    return connections.dsn(connections.connection_from_text(STAGING, _connection_text(STAGING)))


def channel(name: str, folder: Path = CHANNELS) -> Channel:
    """One channel by its name; raises `ConfigError` with everything that is wrong with its file."""
    reading = config.read(folder, only=name)
    if reading.channels:
        return reading.channels[0]
    if reading.problems:
        raise ConfigError("\n".join(map(str, reading.problems)))
    raise _unknown(name, folder)


def channels() -> list[Channel]:
    """Every channel; those whose file cannot be read are named on the error output."""
    reading = config.read(CHANNELS)
    if broken := sorted({each.file.name for each in reading.problems}):
        told = f"note: left out, as nobody can read it: {', '.join(broken)}; `orderflow check` says why"
        print(told, file=sys.stderr)
    return reading.channels


def demand_named(name: str | None) -> None:
    """Raise `ConfigError` where a channel is named and has no file.

    What is kept outlives its channel's file, so a list asks this only when it found nothing.
    """
    if name is not None and not (CHANNELS / f"{name}.yml").exists():
        raise _unknown(name, CHANNELS)


def _unknown(name: str, folder: Path) -> ConfigError:
    known = sorted(path.stem for path in folder.glob("*.yml"))
    return ConfigError(f"there is no channel {name!r} in {folder}; known are {', '.join(known) or 'none yet'}")


def login(who: str | None) -> str:
    """Who decides: the one who is named, else the user of this process; raises `ConfigError` where that has no name."""
    try:
        return who or getpass.getuser()
    except (KeyError, OSError) as error:  # a container runs as any number
        raise ConfigError("the user of this process has no name; say who decides with --who, or set LOGNAME") from error


def _vault() -> Vault:
    """What seals personal data; raises `ConfigError` where its key is not set."""
    from orderflow.staging.vault import Vault

    key = os.environ.get("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY")
    if not key:
        raise ConfigError(
            "AIRFLOW_VAR_ORDERFLOW_VAULT_KEY is not set; personal data cannot be sealed without its key; "
            'make one with: echo "k1:$(openssl rand -base64 32)"'
        )
    return Vault.parse(Secret(key))


@contextmanager
def staging() -> Iterator[Store]:
    """Staging, with its schema brought up to date."""
    from orderflow.staging.migrate import migrate
    from orderflow.staging.store import Store, connect

    connection = connect(dsn(), name="orderflow command")
    try:
        migrate(connection)
        yield Store(connection, _vault())
    finally:
        connection.close()


@contextmanager
def staging_of(name: str) -> Iterator[Store]:
    """Staging with all that the landing zone knows of this channel, should a backup have been restored."""
    with staging() as store:
        recall(store, [name])
        yield store


def recall(store: Store, names: Iterable[str]) -> None:
    """Repeat what staging lacks of these channels, should a backup have been restored; before anybody acts on it.

    Raises `ConfigError` where that cannot be known, or not be done: no landing zone is here, or no channel file.
    """
    from orderflow.pipeline import landing as zone
    from orderflow.pipeline.load import recall as repeat

    root = landing()
    for name in names:
        have = store.loads(name)
        if have and not root.is_dir():
            raise ConfigError(
                f"there is no landing zone {root}, and it alone knows whether staging lacks loads of {name} (a backup "
                "was restored): set ORDERFLOW_LANDING to the folder or bucket that the channels' tasks write to"
            )
        if have < (newest := zone.newest(root / name)):
            try:
                about = channel(name)
            except ConfigError as error:
                raise ConfigError(
                    f"staging went back: it has {have} of the {newest} loads of {name} that the landing zone knows, "
                    f"which cannot be repeated without the channel's file: {error}"
                ) from error
            repeat(about, root / name, store)


def target(of: Channel) -> Target:
    """The channel's OMS."""
    from orderflow import oms

    found = oms.find(of.oms.target, TARGETS)
    return oms.open_target(found, account(found.connection), runtime())


def _connection_text(name: str) -> str:
    variable = f"AIRFLOW_CONN_{name.upper()}"
    text = os.environ.get(variable)
    if not text:
        example = _DATABASE if name == "orderflow_db" else _SHOP
        raise ConfigError(
            f"{variable} is not set; Airflow's own connections are not read here, only the environment; while the demo "
            f"runs: source {home() / 'env'}; else set it to the connection {name!r}, for instance {example}"
        )
    return text


_SHOP = '{"conn_type": "http", "host": "https://shop.example", "password": "..."}'
_DATABASE = (
    '{"conn_type": "postgres", "host": "127.0.0.1", "port": 5432, "login": "orderflow", "password": "...", '
    '"schema": "orderflow"}'
)
