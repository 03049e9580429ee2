"""The marker of tests against real systems, for runs that start in this folder as well."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real: against a real system that the first run installs (minutes)")
