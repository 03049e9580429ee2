"""dlt: pull the shop into PostgreSQL, merged on the order's id. Runs in a virtual environment of its own.

    python dlt_pull.py URL DSN FOLDER WINDOW [--tuned | --slim]

The default is what the documentation of dlt shows first: its requests, an incremental cursor, merge. Tuned writes
uncompressed CSV for COPY and has larger buffers; slim is tuned and keeps only the columns that are asked about.
"""

import os
import sys
from urllib.parse import parse_qs, quote, urlsplit

URL, DSN, FOLDER, _, *MORE = sys.argv[1:]
SLIM = MORE == ["--slim"]
os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
if MORE:
    os.environ |= {
        "NORMALIZE__LOADER_FILE_FORMAT": "csv",
        "DATA_WRITER__BUFFER_MAX_ITEMS": "50000",
        "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "500000",
        "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
        "DATA_WRITER__DISABLE_COMPRESSION": "true",
    }

import dlt  # noqa: E402 - its settings are read on import
from dlt.destinations.impl.postgres.configuration import PostgresCredentials  # noqa: E402
from dlt.sources.helpers import requests  # noqa: E402

KEPT = (
    "id", "number", "status", "currency", "total", "total_tax", "date_created_gmt", "date_modified_gmt",
    "date_paid_gmt", "billing", "line_items",
)  # fmt: skip
OF_LINE = ["id", "sku", "name", "quantity", "total", "total_tax"]


def slim(order):
    kept = {name: order[name] for name in KEPT}
    kept["line_items"] = [{name: line[name] for name in OF_LINE} for line in order["line_items"]]
    return kept


@dlt.resource(name="orders", primary_key="id", write_disposition="merge")
def orders(cursor=dlt.sources.incremental("date_modified_gmt", initial_value="2026-01-01T00:00:00")):  # noqa: B008
    page, pages = 1, 1
    while page <= pages:
        asked = {"modified_after": cursor.start_value, "per_page": 100, "page": page}
        answer = requests.get(f"{URL}/wp-json/wc/v3/orders", params=asked)
        pages, page = int(answer.headers["X-WP-TotalPages"]), page + 1
        yield list(map(slim, answer.json())) if SLIM else answer.json()


place = urlsplit(DSN)
credentials = PostgresCredentials()
credentials.database, credentials.username, credentials.password = place.path[1:], place.username, "none"
credentials.host, credentials.port = quote(parse_qs(place.query)["host"][0], safe=""), 5432
pipeline = dlt.pipeline(
    "shop", destination=dlt.destinations.postgres(credentials=credentials), dataset_name="shop", pipelines_dir=FOLDER
)
pipeline.run(orders())
