"""Two adapters of the tests' own stand beside the real ones, so that no message depends on a platform's options."""

import shutil

import pytest
from channel_files import HERE

from orderflow import adapters


@pytest.fixture(autouse=True)
def _adapters_of_the_tests():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapters, "__path__", [*adapters.__path__, str(HERE / "adapters")])
        adapters._names.cache_clear()
        yield
    adapters._names.cache_clear()


@pytest.fixture
def channels(tmp_path):
    """An empty folder for channel files, with the OMS target `demo` beside it."""
    shutil.copytree(HERE / "targets", tmp_path / "targets")
    folder = tmp_path / "channels"
    folder.mkdir()
    return folder
