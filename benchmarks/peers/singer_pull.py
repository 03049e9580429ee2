"""A Singer tap of the Singer SDK, piped into target-postgres. Runs in a virtual environment of its own.

    python singer_pull.py URL DSN FOLDER WINDOW

Orders and their lines are two streams, upserted on their keys, as taps do it. Called with `--tap` it is the tap.
"""

import json
import subprocess
import sys
from pathlib import Path


def tap(config: str, state: str | None) -> None:
    import requests
    from singer_sdk import Stream, Tap
    from singer_sdk import typing as th

    text, whole = th.StringType, th.IntegerType

    class Lines(Stream):
        name = "lines"
        primary_keys = ("order_id", "id")
        state_partitioning_keys = ()
        schema = th.PropertiesList(
            th.Property("order_id", whole),
            th.Property("id", whole),
            th.Property("sku", text),
            th.Property("name", text),
            th.Property("quantity", whole),
            th.Property("total", text),
            th.Property("total_tax", text),
        ).to_dict()

        def get_records(self, context):
            for line in context["lines"]:
                yield {name: line[name] for name in ("id", "sku", "name", "quantity", "total", "total_tax")} | {
                    "order_id": context["order_id"]
                }

    class Orders(Stream):
        name = "orders"
        primary_keys = ("id",)
        replication_key = "date_modified_gmt"
        schema = th.PropertiesList(
            th.Property("id", whole),
            *(
                th.Property(name, text)
                for name in ("number", "status", "currency", "total", "total_tax", "date_created_gmt", "email")
            ),
            th.Property("date_modified_gmt", th.DateTimeType),
        ).to_dict()

        def get_records(self, context):
            after = self.get_starting_replication_key_value(context) or "2026-01-01T00:00:00"
            page, pages, asking = 1, 1, requests.Session()
            while page <= pages:
                asked = {"modified_after": after[:19], "per_page": 100, "page": page}
                answer = asking.get(f"{self.config['url']}/wp-json/wc/v3/orders", params=asked)
                pages, page = int(answer.headers["X-WP-TotalPages"]), page + 1
                for order in answer.json():
                    yield order | {"email": order["billing"]["email"]}

        def get_child_context(self, record, context):  # noqa: ARG002 - the name is the SDK's
            return {"order_id": record["id"], "lines": record["line_items"]}

    Lines.parent_stream_type = Orders

    class TapShop(Tap):
        name = "tap-shop"
        config_jsonschema = th.PropertiesList(th.Property("url", text)).to_dict()

        def discover_streams(self):
            return [Orders(self), Lines(self)]

    TapShop(config=json.loads(config), state=json.loads(state) if state else None).sync_all()


def main() -> None:
    url, dsn, folder, _ = sys.argv[1:]
    kept = Path(folder) / "state.json"
    target = Path(folder) / "target.json"
    target.write_text(
        json.dumps(
            {
                "sqlalchemy_url": dsn.replace("postgresql://", "postgresql+psycopg://", 1),
                "default_target_schema": "tap_shop",
                "add_record_metadata": False,
                "activate_version": False,
            }
        )
    )
    state = [kept.read_text()] if kept.exists() else []
    pulling = subprocess.Popen(
        [sys.executable, __file__, "--tap", json.dumps({"url": url}), *state], stdout=subprocess.PIPE
    )
    done = subprocess.run(
        [str(Path(sys.executable).with_name("target-postgres")), "--config", str(target)],
        stdin=pulling.stdout,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    if pulling.wait():
        sys.exit(pulling.returncode)
    lines = done.stdout.strip().splitlines()
    if lines:
        kept.write_text(lines[-1])


if __name__ == "__main__":
    if sys.argv[1] == "--tap":
        tap(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
    else:
        main()
