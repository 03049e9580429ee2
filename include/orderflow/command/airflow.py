"""The few calls of Airflow's REST API that commands and the demo need."""

from __future__ import annotations

from collections.abc import Mapping

import httpx


class AirflowApi:
    """Airflow's public API (v2) with a user's token."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30)
        self._user, self._password = user, password

    def _call(self, method: str, path: str, **parts: object) -> httpx.Response:
        answer = self._client.request(method, f"/api/v2{path}", **parts)  # type: ignore[arg-type]
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            login = {"username": self._user, "password": self._password}
            token = self._client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
            self._client.headers["Authorization"] = f"Bearer {token}"
            answer = self._client.request(method, f"/api/v2{path}", **parts)  # type: ignore[arg-type]
        return answer

    def answers(self) -> bool:
        """Whether anybody is there."""
        try:
            return self._client.get("/api/v2/version").status_code < httpx.codes.INTERNAL_SERVER_ERROR
        except httpx.TransportError:
            return False

    def dags(self, *, tag: str) -> set[str]:
        """Names of the DAGs with this tag that Airflow knows."""
        answer = self._call("GET", "/dags", params={"tags": tag, "limit": 1000}).raise_for_status()
        return {dag["dag_id"] for dag in answer.json()["dags"]}

    def import_errors(self) -> list[str]:
        answer = self._call("GET", "/importErrors").raise_for_status()
        return [f"{each['filename']}: {each['stack_trace']}" for each in answer.json()["import_errors"]]

    def pause(self, dag_id: str, *, paused: bool) -> None:
        self._call("PATCH", f"/dags/{dag_id}", json={"is_paused": paused}).raise_for_status()

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, object]) -> None:
        """Start a run; a run of this name that exists already is left as it is."""
        body = {"logical_date": None, "dag_run_id": run_id, "conf": conf}
        answer = self._call("POST", f"/dags/{dag_id}/dagRuns", json=body)
        if answer.status_code != httpx.codes.CONFLICT:
            answer.raise_for_status()

    def state(self, dag_id: str, run_id: str) -> str:
        """`queued`, `running`, `success` or `failed`."""
        return str(self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}").raise_for_status().json()["state"])
