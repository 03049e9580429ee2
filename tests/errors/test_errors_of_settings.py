"""What a user reads when a setting, an address or an argument is wrong: the whole message, and never a secret."""

from __future__ import annotations

import socket

import pytest
from command_line import HUSH, connection, run

from orderflow.command import ports


def without(environ: dict[str, str], name: str) -> dict[str, str]:
    return {each: value for each, value in environ.items() if each != name}


def test_a_database_that_is_down_is_tried_again(right: dict[str, str]):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    down = connection("postgres", host="127.0.0.1", port=port, login="orderflow", password=HUSH, schema="orderflow")
    assert run(right | {"AIRFLOW_CONN_ORDERFLOW_DB": down}) == (
        '4 TransientError the staging database does not answer: connection to server at "127.0.0.1", port '
        f"{port} failed: Connection refused Is the server running on that host and accepting TCP/IP "
        "connections?; start it, or correct its connection"
    )


def test_a_database_address_that_is_none_is_a_setting_to_fix(right: dict[str, str]):
    wrong = connection("postgres", extra={"dsn": f"{HUSH}@database"})
    assert run(right | {"AIRFLOW_CONN_ORDERFLOW_DB": wrong}) == (
        "2 ConfigError the address of the staging database cannot be read; write it like "
        "postgresql://user:password@host:5432/name, special characters of the password percent-encoded"
    )


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (
            "AIRFLOW_CONN_DEMO_WOOCOMMERCE",
            (
                "AIRFLOW_CONN_DEMO_WOOCOMMERCE is not set; Airflow's own connections are not read here, only the "
                "environment; while the demo runs: source HOME/env; else set it to the connection 'demo_woocommerce', "
                "for instance "
                '{"conn_type": "http", "host": "https://shop.example", "password": "..."}'
            ),
        ),
        (
            "AIRFLOW_CONN_ORDERFLOW_DB",
            (
                "AIRFLOW_CONN_ORDERFLOW_DB is not set; Airflow's own connections are not read here, only the "
                "environment; while the demo runs: source HOME/env; else set it to the connection 'orderflow_db', "
                "for instance "
                '{"conn_type": "postgres", "host": "127.0.0.1", "port": 5432, "login": "orderflow", "password": "...", '
                '"schema": "orderflow"}'
            ),
        ),
        (
            "AIRFLOW_VAR_ORDERFLOW_VAULT_KEY",
            (
                "AIRFLOW_VAR_ORDERFLOW_VAULT_KEY is not set; personal data cannot be sealed without its key; "
                'make one with: echo "k1:$(openssl rand -base64 32)"'
            ),
        ),
    ],
)
def test_a_missing_variable_is_named_with_an_example(right: dict[str, str], variable: str, message: str):
    said = run(without(right, variable))
    assert said.replace(right["ORDERFLOW_HOME"], "HOME") == (f"2 ConfigError {message}")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            f"{HUSH}{'A' * 39}=",
            "a vault key has no id in front of it; write it as id:base64, such as k1:...",
        ),
        (
            f"k1:{HUSH}",
            "the vault key 'k1' is not 32 bytes long; make one with `openssl rand -base64 32`",
        ),
        (
            f"k1:{HUSH}!",
            "the vault key 'k1' is not base64; write it as id:base64",
        ),
    ],
)
def test_a_vault_key_that_is_none_is_explained_without_being_shown(right: dict[str, str], key: str, message: str):
    assert run(right | {"AIRFLOW_VAR_ORDERFLOW_VAULT_KEY": key}) == (f"2 ConfigError {message}")


def test_a_connection_that_cannot_be_read_is_not_shown(right: dict[str, str]):
    torn = f'{{"conn_type": "http", "password": "{HUSH}"'
    assert run(right | {"AIRFLOW_CONN_DEMO_WOOCOMMERCE": torn}) == (
        "2 ConfigError connection 'demo_woocommerce' (AIRFLOW_CONN_DEMO_WOOCOMMERCE) cannot be read "
        '(JSONDecodeError); write it as {"conn_type": "http", "host": "https://shop.example", "password": '
        '"..."} or as https://:secret@shop.example'
    )


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (
            "[/昨日]",
            "window '[/昨日]' is not 'start/end' in ISO 8601; write it like 2026-03-01T00:00Z/2026-03-01T01:00Z",
        ),
        (
            "2026-03-01T01:00Z/2026-03-01T00:00Z",
            "window 2026-03-01T01:00:00+00:00/2026-03-01T00:00:00+00:00 is empty; its end must lie after its start",
        ),
        (
            "2026-03-01T00:00/2026-03-01T01:00",
            (
                "window start 2026-03-01T00:00:00 has no time zone; write it with an offset, such as "
                "2026-03-01T00:00:00+00:00"
            ),
        ),
    ],
)
def test_a_window_that_is_none_is_shown_with_one_that_is(right: dict[str, str], window: str, message: str):
    assert run(right, window=window) == (f"2 ConfigError {message}")


def test_a_channel_that_does_not_exist_is_shown_with_those_that_do(right: dict[str, str]):
    said = run(right, "demo_[woo]")
    known = ", ".join(sorted(path.stem for path in ports.CHANNELS.glob("*.yml")))
    assert said.replace(str(ports.CHANNELS), "CHANNELS") == (
        f"2 ConfigError there is no channel 'demo_[woo]' in CHANNELS; known are {known}"
    )
