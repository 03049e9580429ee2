"""What tasks take from the deployment: connections, variables, the landing zone."""

import json

import pytest
from dag_project import ROOT

from orderflow.config import connections
from orderflow.domain.errors import ConfigError
from orderflow.orchestration import settings


def connection(monkeypatch, name, **parts):
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(parts))


def test_an_account_is_the_airflow_connection(monkeypatch):
    connection(
        monkeypatch, "shop", conn_type="http", host="https://shop.example/api", login="ck", password="cs_long_one"
    )
    account = connections.account(settings.connection("shop"))
    assert (account.name, account.url, account.login) == ("shop", "https://shop.example/api", "ck")
    assert account.password.reveal() == "cs_long_one"


def test_an_account_means_the_same_as_on_the_command_line(monkeypatch):
    from orderflow.config.connections import account_from_text

    for text in (
        "http://u:p@127.0.0.1:8069/?version=3",
        "https://:s@shop.example/wp-json",
        "sftp://u@files.example:22/in",
        '{"conn_type": "file", "host": "/srv/drop"}',
    ):
        monkeypatch.setenv("AIRFLOW_CONN_SHOP", text)
        ours, theirs = connections.account(settings.connection("shop")), account_from_text("shop", text)
        assert (ours.url, ours.login, dict(ours.extra)) == (theirs.url, theirs.login, dict(theirs.extra))


def test_a_missing_connection_says_how_to_add_it(monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_SHOP", raising=False)
    with pytest.raises(ConfigError, match=r"the Airflow connection 'shop' does not exist; add it \(AIRFLOW_CONN_SHOP"):
        settings.connection("shop")


def test_the_staging_database_is_the_connection_orderflow_db(monkeypatch):
    connection(
        monkeypatch, "orderflow_db", conn_type="postgres", host="db", login="u", password="p", schema="o", port=5433
    )
    assert settings.staging_dsn() == "postgresql://u:p@db:5433/o"


def test_the_vault_key_is_a_variable_that_must_be_there(monkeypatch):
    monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", "k1:c2VjcmV0")
    assert settings.vault_key().reveal() == "k1:c2VjcmV0"
    monkeypatch.delenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY")
    with pytest.raises(ConfigError, match="personal data cannot be sealed without its key"):
        settings.vault_key()


def test_the_landing_zone_is_a_folder_or_an_object_store(monkeypatch, tmp_path):
    monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path))
    assert settings.landing_root() == tmp_path
    monkeypatch.setenv("ORDERFLOW_LANDING", "memory://landing")
    assert str(settings.landing_root() / "a") == "memory://landing/a"
    monkeypatch.delenv("ORDERFLOW_LANDING")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    assert settings.landing_root() == tmp_path / "landing"


def test_only_the_file_that_registers_is_scanned_under_plugins(tmp_path):
    from airflow._shared.module_loading.file_discovery import find_path_from_directory

    (tmp_path / ".airflowignore").write_text((ROOT / "plugins" / ".airflowignore").read_text())
    for name in ("orderflow_plugin.py", "email.py", "pages/orderflow_plugin_views.py", "__pycache__/x.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = [path for path in find_path_from_directory(str(tmp_path), ".airflowignore") if path.endswith(".py")]
    assert found == [str(tmp_path / "orderflow_plugin.py")]
