"""What a user reads when a channel file or a file of orders is wrong, with the place in it."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from command_line import PROJECT, WINDOW, connection, orderflow

from orderflow.command import ports
from orderflow.command.flow import stage_window
from orderflow.domain.window import Window


def test_check_shows_every_mistake_of_every_file_with_its_line_and_its_cure(right: dict[str, str], tmp_path: Path):
    good = (PROJECT / "include" / "channels" / "demo_woocommerce.yml").read_text()
    channels = tmp_path / "channels"
    channels.mkdir()
    shutil.copytree(PROJECT / "include" / "targets", tmp_path / "targets")
    spoilt = {
        "adapter": good.replace("adapter: woocommerce", "adapter: woocomerce"),
        "band": f"{good}validate:\n  orders_per_window: [5, 1]\n",
        "cron": good.replace('"* * * * *"', '"61 * * * *"'),
        "key": good.replace("deadline: 10m", "deadlin: 10m"),
        "two": good.replace('"* * * * *"', "every minute").replace("target: demo", "target: dmo"),
    }
    for name, text in spoilt.items():
        assert text != good
        (channels / f"{name}.yml").write_text(text)
    done = orderflow(right, "check", str(channels))
    assert done.returncode == 2
    assert done.stderr == ""
    assert done.stdout.replace(f"{channels}/", "").splitlines() == [
        "error adapter.yml:5  source.adapter  unknown adapter 'woocomerce'; did you mean 'woocommerce'?",
        (
            "error band.yml:15  validate.orders_per_window  5 to 1 holds no number of orders; "
            "write [least, most], such as [0, 5000]"
        ),
        (
            "error cron.yml:8  schedule.cron  '61 * * * *' is no cron expression; "
            "write it like */15 * * * * or 0 6 * * 1-5"
        ),
        "error key.yml:11  schedule.deadlin  unknown key 'deadlin'; did you mean 'deadline'?",
        (
            "error two.yml:8  schedule.cron  'every minute' has 2 of the five fields of a cron expression; "
            "write minute, hour, day, month and weekday, like */15 * * * *"
        ),
        "error two.yml:13  oms.target  unknown OMS target 'dmo'; did you mean 'demo'?",
        "0 channels right, 6 problems",
    ]


def test_check_of_a_folder_that_is_not_there_says_where_channel_files_lie(right: dict[str, str], tmp_path: Path):
    done = orderflow(right, "check", str(tmp_path / "nowhere"))
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.replace(str(tmp_path), "") == (
        "error /nowhere:1  there is no such folder; channel files lie in include/channels\n"
        "0 channels right, 1 problem\n"
    )


CSV_CHANNEL = """\
title: 檔案
owner: demo
source:
  adapter: csv_drop
  connection: partner
  settle: 0s
  order:
    order_id: id
    channel_created_at: created
    placed_at: created
    currency: currency
    grand_total: total
    order_status: status
    payment_status: payment
  line: {sku: sku, title: title, quantity: qty, unit_price: price}
  ship_to: {name: name, address: street, city: city, country: country}
schedule:
  cron: "0 * * * *"
  start: 2026-01-01
oms:
  target: demo
"""
HEADER = "id,created,currency,total,status,payment,sku,title,qty,price,name,street,city,country\n"


def row(order_id: str, title: str) -> str:
    return f"{order_id},2026-01-05T09:00:00Z,EUR,10.00,open,paid,MUG,{title},2,5.00,Lin,Main St 1,Taipei,TW\n"


def test_a_file_with_a_torn_last_line_stays_and_says_so_and_the_file_beside_it_is_staged(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    channels, inbox = tmp_path / "channels", tmp_path / "inbox"
    channels.mkdir()
    inbox.mkdir()
    shutil.copytree(PROJECT / "include" / "targets", tmp_path / "targets")
    (channels / "partner.yml").write_text(CSV_CHANNEL)
    (inbox / "good.csv").write_text(HEADER + row("G-1", "茶杯 ☕") + row("G-2", "كوب"))
    (inbox / "torn.csv").write_text(HEADER + row("T-1", "茶杯") + row("T-2", "Becher").rstrip("\n"))
    monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", "test:" + "A" * 43 + "=")
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_DB", connection("postgres", extra={"dsn": dsn}))
    monkeypatch.setenv("AIRFLOW_CONN_PARTNER", connection("fs", extra={"path": str(inbox)}))
    with ports.staging() as store:
        batch = stage_window(ports.channel("partner", channels), Window.parse(WINDOW), store)
    assert (batch.counts.fetched, batch.counts.unreadable, batch.counts.inserted) == (3, 1, 2)
    with closing(psycopg2.connect(dsn)) as connected, connected.cursor() as cursor:
        cursor.execute("SELECT order_id FROM orderflow.orders ORDER BY order_id")
        assert cursor.fetchall() == [("G-1",), ("G-2",)]
        cursor.execute("SELECT order_id, source, state, reasons FROM orderflow.quarantine")
        assert cursor.fetchall() == [
            (
                None,
                "unreadable",
                "open",
                [
                    {
                        "code": "FILE_FAULT",
                        "field": "torn.csv, line 3",
                        "value": None,
                        "message": "the file was left where it is: torn.csv, line 3 ends without a line feed, so the "
                        "file may be cut; have the file sent again, or declare last_line: open",
                    }
                ],
            )
        ]
    assert [path.name for path in inbox.glob("*.csv")] == ["torn.csv"]
    assert len(list((inbox / "done").glob("good.*.csv"))) == 1
