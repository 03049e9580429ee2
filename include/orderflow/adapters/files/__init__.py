"""The files kit: a folder that a partner drops files into, wherever it lies, and text out of bytes without guessing.

inbox = Inbox(account, runtime, pattern="orders_*.csv", settle=timedelta(seconds=10))
for copy in inbox.copies(inbox.ready()):
    for line in text(copy.file, "utf-8"):
        ...
inbox.acknowledge(origins)
"""

from orderflow.adapters.files.inbox import Copy, Drop, Inbox
from orderflow.adapters.files.manifest import Manifest
from orderflow.adapters.files.text import FileError, text, undeclared

__all__ = ["Copy", "Drop", "FileError", "Inbox", "Manifest", "text", "undeclared"]
