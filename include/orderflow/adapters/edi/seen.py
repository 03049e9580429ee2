"""The messages that one reading of a mailbox has come across, by order, on disk: memory stays small."""

from __future__ import annotations

import sqlite3

from orderflow.adapters.edi.message import Message, from_json, to_json


class Seen:
    """A table that vanishes with the object."""

    def __init__(self) -> None:
        self._table = sqlite3.connect("")
        self._table.execute("CREATE TABLE seen (order_id TEXT, message BLOB)")
        self._table.execute("CREATE INDEX by_order ON seen (order_id)")

    def add(self, message: Message) -> None:
        if message.order_id is not None:
            self._table.execute("INSERT INTO seen VALUES (?, ?)", (message.order_id, to_json(message)))

    def about(self, order_id: str) -> list[Message]:
        found = self._table.execute("SELECT message FROM seen WHERE order_id = ?", (order_id,))
        return [from_json(data) for (data,) in found]

    def close(self) -> None:
        self._table.close()
