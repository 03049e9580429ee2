"""Where a collector is set, a task's process sends what it did: a real OTLP receiver on loopback gets it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

INCLUDE = Path(__file__).resolve().parents[2] / "include"

TASK = """
from datetime import UTC, datetime
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)

from orderflow.domain.batch import Batch, Endpoint
from orderflow.orchestration import measures
from orderflow.pipeline.sync import Delivered

start, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, 1, tzinfo=UTC)
batch = Batch(channel="shop_tw", window_start=start, window_end=end, run_id="r", landing="/x", seconds={"clean": 0.5})
cost = Endpoint(retries=3)
for status in ("200", "200", "429"):
    cost.answered(status, 0.25, 10)
measures.extracted("shop_tw", {"GET /orders": cost})
measures.loaded(batch.counted(inserted=42, quarantined=2), end, datetime(2026, 3, 1, 2, tzinfo=UTC))
measures.delivered("shop_tw", Delivered(sent=40, accepted=40, pending=2))
"""


@pytest.fixture
def received():
    """Requests as they come, and the address that takes them."""
    bodies: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield bodies, f"http://127.0.0.1:{server.server_port}/v1/metrics"
    server.shutdown()
    thread.join()
    server.server_close()


def points(bodies: list[bytes]) -> dict[tuple[str, ...], float]:
    """(name, tag=value, ...) -> the newest value."""
    found: dict[tuple[str, ...], float] = {}
    for body in bodies:
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for metric in (each for scope in resource.scope_metrics for each in scope.metrics):
                for point in (*metric.gauge.data_points, *metric.sum.data_points):
                    tags = sorted(f"{tag.key}={tag.value.string_value}" for tag in point.attributes)
                    found[metric.name, *tags] = point.as_double or point.as_int
    return found


def test_a_collector_gets_what_a_task_did_with_its_tags(received, tmp_path):
    bodies, address = received
    subprocess.run(
        [sys.executable, "-c", TASK],
        env={
            **os.environ, "PYTHONPATH": str(INCLUDE), "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__METRICS__OTEL_ON": "True",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": address, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta", "NO_PROXY": "127.0.0.1",
        },
        check=True, timeout=120, capture_output=True,
    )  # fmt: skip
    told = points(bodies)
    of = "channel=shop_tw"
    assert told["airflow.orderflow.orders", of, "outcome=inserted"] == 42
    assert told["airflow.orderflow.orders", of, "outcome=quarantined"] == 2
    assert told["airflow.orderflow.requests", of, "status=200"] == 2
    assert told["airflow.orderflow.requests", of, "status=429"] == 1
    assert told["airflow.orderflow.run.request_retries", of] == 3
    assert told["airflow.orderflow.freshness_seconds", of] == 3600
    assert told["airflow.orderflow.run.stage_seconds", of, "stage=clean"] == 0.5
    assert told["airflow.orderflow.deliveries", of, "outcome=accepted"] == 40
    assert told["airflow.orderflow.outbox_orders", of] == 2
