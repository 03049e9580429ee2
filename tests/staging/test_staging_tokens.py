"""Renewed tokens: kept sealed, shared by all processes, one renewal at a time. Real PostgreSQL."""

import threading
from contextlib import closing

import psycopg2
import pytest

from orderflow.domain.errors import DeniedError
from orderflow.domain.source import Secret
from orderflow.staging.migrate import migrate
from orderflow.staging.tokens import Tokens
from orderflow.staging.vault import Vault

KEY = Secret("k1:" + "A" * 43 + "=")
TOKEN = {"access_token": "至密-1", "expires_at": "2026-12-01T00:00:00+00:00", "refresh_token": "r1"}


@pytest.fixture
def tokens(dsn):
    with closing(psycopg2.connect(dsn)) as connection:
        migrate(connection)
    return lambda credentials="login-1": Tokens("shop", credentials, lambda: psycopg2.connect(dsn), Vault.parse(KEY))


def test_a_kept_token_comes_back_and_stands_nowhere_in_clear(tokens, dsn):
    tokens().keep(TOKEN)
    assert tokens().latest() == TOKEN
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT t::text, encode(sealed, 'escape'), expires_at::date::text FROM orderflow.tokens AS t")
        row, sealed, expires = cursor.fetchone()
    assert "至密" not in row
    assert "r1" not in sealed
    assert expires == "2026-12-01"


def test_a_token_got_with_other_credentials_is_none(tokens):
    tokens().keep(TOKEN)
    assert tokens("login-2").latest() is None


def test_two_processes_renew_once(tokens):
    """What the second one waits for is the first one's token."""
    spent, got = [], []

    def renew():
        mine = tokens()
        with mine.renewing() as kept:
            if kept is None:
                spent.append("r0")
                mine.keep(TOKEN)
            got.append((kept or TOKEN)["access_token"])

    threads = [threading.Thread(target=renew) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert spent == ["r0"]
    assert got == ["至密-1"] * 6


def test_a_renewal_that_was_cut_off_is_named_when_the_platform_then_refuses(tokens):
    with pytest.raises(KeyboardInterrupt), tokens().renewing():
        raise KeyboardInterrupt
    with pytest.raises(DeniedError, match="was cut off before its answer was kept"), tokens().renewing():
        raise DeniedError("refresh token unknown")


def test_a_refusal_after_a_whole_renewal_is_told_as_it_is(tokens):
    with tokens().renewing():
        tokens().keep(TOKEN)
    for _ in range(2):
        with pytest.raises(DeniedError, match=r"^refresh token unknown$"), tokens().renewing():
            raise DeniedError("refresh token unknown")
