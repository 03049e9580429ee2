"""Copies of files on this machine: in memory while they are small, in a temporary file when they grow."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from typing import BinaryIO, cast

from orderflow.domain.errors import TransientError

IN_MEMORY = 8 * 1024 * 1024
"""Bytes of a copy that stay in memory."""


def spool() -> BinaryIO:
    """An empty copy, which vanishes when it is closed."""
    return cast("BinaryIO", tempfile.SpooledTemporaryFile(IN_MEMORY))  # whoever asked closes it


def add(content: BinaryIO, block: bytes) -> None:
    """Write to a copy; an error says that it was this machine's disk, and not the storage that is read."""
    try:
        content.write(block)
        content.flush()
    except OSError as error:
        with suppress(OSError):  # closing tries to write once more
            content.close()
        raise TransientError(
            f"{tempfile.gettempdir()}: {error.strerror or error}; make room for temporary files there, or name another "
            "folder in TMPDIR; the run tries again by itself"
        ) from error
