"""The archive folder inside an inbox: which interchanges were taken, and what was said about every order.

    archive/interchanges/<month>/<sender>.<control>.<hash>.json  one entry per interchange: what it said, in which file
    archive/orders/<xx>/<order>.json                             every accepted message about one order, oldest first
    archive/pending/<name in done>/<acknowledgement>             acknowledgements, sent once their file lies in done
    archive/responses/<document>                                 that an answer to an order was, or is being, written

Everything is written whole, under another name first, so that a crash leaves the old state or the new one. The files
themselves go to the folder `done` of the files kit; an interchange counts as taken once its file lies there.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Collection, Iterator
from ftplib import error_perm
from typing import Any
from urllib.parse import quote

import msgspec

from orderflow.adapters.edi.message import Message
from orderflow.adapters.files import Inbox, done_name


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One interchange, and the file that brought it."""

    content: str
    """SHA-256 of what the interchange says."""
    file: str
    sha256: str


class Archive:
    """The archive and the outbox of one inbox; opens nothing before the first need."""

    def __init__(self, inbox: Inbox, *, outbox: str) -> None:
        self._storage = inbox.storage
        self._outbox = outbox

    def entry(self, key: str) -> Entry | None:
        """The interchange that came under this key; None unless its file was put away."""
        content = self._read(f"archive/interchanges/{key}")
        entry = msgspec.json.decode(content, type=Entry) if content is not None else None
        return entry if entry is not None and self.put_away(entry.file, entry.sha256) else None

    def enter(self, key: str, entry: Entry) -> None:
        self._write(f"archive/interchanges/{key}", msgspec.json.encode(entry))

    def put_away(self, name: str, sha256: str) -> bool:
        """Whether a file of this name and content lies in `done`."""
        return self._exists(f"done/{done_name(name, sha256)}")

    def history(self, order_id: str) -> list[Message]:
        """Every accepted message about an order so far, oldest first."""
        content = self._read(_place(order_id))
        return msgspec.json.decode(content, type=list[Message]) if content is not None else []

    def remember(self, message: Message) -> None:
        """Keep an accepted message; one that is there already stays as it is."""
        assert message.order_id is not None
        known = self.history(message.order_id)
        if all(each.place != message.place for each in known):
            known = sorted([*known, message], key=lambda each: each.place)
            self._write(_place(message.order_id), msgspec.json.encode(known))

    def promise(self, name: str, sha256: str, acknowledgement: str, content: bytes) -> None:
        """Lay down an acknowledgement that is sent once the file of this name and content is put away."""
        folder = f"archive/pending/{done_name(name, sha256)}"
        with self._storage.speaking(folder):
            files, place = self._at(folder)
            files.makedirs(place, exist_ok=True)
        self._write(f"{folder}/{acknowledgement}", content)

    def send(self, name: str, sha256: str, acknowledgements: Collection[str]) -> None:
        """Move these acknowledgements of a file that is put away to the outbox."""
        folder = f"archive/pending/{done_name(name, sha256)}"
        for acknowledgement in acknowledgements:
            self._move(f"{folder}/{acknowledgement}", f"{self._outbox}/{acknowledgement}")
        if acknowledgements:
            self._remove(folder)

    def send_rest(self) -> Iterator[str]:
        """Send what a crash kept from being sent, and tell the names."""
        for kept in self._listed("archive/pending"):
            if self._exists(f"done/{kept}"):
                for acknowledgement in self._listed(f"archive/pending/{kept}"):
                    self._move(f"archive/pending/{kept}/{acknowledgement}", f"{self._outbox}/{acknowledgement}")
                    yield acknowledgement
                self._remove(f"archive/pending/{kept}")

    def kept(self, name: str, sha256: str) -> bytes | None:
        """What stands in a file that was put away; None when it is not there any more."""
        return self._read(f"done/{done_name(name, sha256)}")

    def is_said(self, name: str) -> bool:
        """Whether a document of this name was written to the outbox, or only its last step is missing."""
        return self._exists(f"archive/responses/{name}")

    def say(self, name: str, content: bytes | None) -> None:
        """Put a document into the outbox, from which a partner may take it at once.

        First it is laid down, then a note that it was; the move into the outbox is the step that decides. Done again
        after a crash anywhere, with the content or, where `is_said`, without, it comes there once.
        """
        if content is not None:
            self._write(f"archive/responses/{name}.waits", content)
            self._write(f"archive/responses/{name}", b"")
        if self._exists(f"archive/responses/{name}.waits"):
            self._move(f"archive/responses/{name}.waits", f"{self._outbox}/{name}")

    def _at(self, path: str) -> tuple[Any, str]:
        files, root = self._storage.open()
        return files, posixpath.normpath(f"{root}/{path}")

    def _exists(self, path: str) -> bool:
        with self._storage.speaking(path):
            files, place = self._at(path)
            return bool(files.exists(place))

    def _read(self, path: str) -> bytes | None:
        with self._storage.speaking(path):
            files, place = self._at(path)
            content: bytes | None = files.cat_file(place) if files.exists(place) else None
            return content

    def _write(self, path: str, content: bytes) -> None:
        with self._storage.speaking(path):
            files, place = self._at(path)
            try:
                files.pipe_file(f"{place}.part", content)
            except (OSError, error_perm):  # many servers have one word for everything that fails
                files.makedirs(posixpath.dirname(place), exist_ok=True)
                files.pipe_file(f"{place}.part", content)
            self._storage.move(f"{place}.part", place)

    def _move(self, path: str, target: str) -> None:
        with self._storage.speaking(target):
            self._storage.move(self._at(path)[1], self._at(target)[1])

    def _remove(self, path: str) -> None:
        """Remove a folder with what a crash left half-written in it."""
        with self._storage.speaking(path):
            files, place = self._at(path)
            try:
                files.rmdir(place)
            except (OSError, error_perm):  # it is not empty, or buckets have no folders
                if files.exists(place):
                    files.rm(place, recursive=True)

    def _listed(self, path: str) -> list[str]:
        with self._storage.speaking(path):
            files, place = self._at(path)
            files.invalidate_cache()
            try:
                names = files.ls(place, detail=False)
            except (OSError, error_perm):  # not every server has a word of its own for a folder that is not there
                if files.exists(place):
                    raise
                names = []
            return sorted(
                name for each in names if not (name := posixpath.basename(each.rstrip("/"))).endswith(".part")
            )


def key(sender: str, sent_at: str, control: str, extra: str = "") -> str:
    """The name of an interchange's entry: its sender, the day it was sent, its control number."""
    identity = "\0".join((sender, sent_at[:10], control, extra))
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    readable = quote(f"{sender}.{control}", safe="")[:80]
    month = re.sub(r"[^0-9-]", "-", sent_at[:7])  # a document may write anything there, even ../..
    return f"{month}/{readable}.{digest}.json"


def _place(order_id: str) -> str:
    """Where the messages about an order are kept."""
    digest, name = hashlib.sha256(order_id.encode()).hexdigest(), quote(order_id, safe="")
    return f"archive/orders/{digest[:2]}/{name if len(name) < 120 else digest}.json"
