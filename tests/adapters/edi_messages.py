"""The messages of an EDI text, and the orders that an adapter makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from orderflow.adapters.edi.envelope import Interchange, Unit
from orderflow.adapters.edi.message import Message, to_json
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order
from orderflow.domain.source import Adapter

_decode = msgspec.json.Decoder(float_hook=str).decode


@dataclass(frozen=True)
class Dialect:
    """An EDI adapter, how it walks through a text, and how it names an order."""

    adapter: Adapter
    walk: Callable[[Iterable[str]], Iterator[Any]]
    order_id: Callable[[str, Any], str]

    def read(self, text: str) -> tuple[list[Unit], list[Interchange]]:
        found = list(self.walk([text]))
        units = [each for each in found if isinstance(each, Unit)]
        return units, [each for each in found if isinstance(each, Interchange)]

    def messages(self, text: str, sent_at: str = "2026-03-01T09:14:00") -> list[Message]:
        units, envelopes = self.read(text)
        return [
            Message(
                order_id=self.order_id(unit.text, envelopes[unit.interchange].syntax),
                kind=unit.kind,
                file="po.edi",
                sha256="0" * 64,
                syntax=envelopes[unit.interchange].syntax,
                control=envelopes[unit.interchange].control,
                reference=unit.reference,
                position=unit.position,
                sent_at=sent_at,
                text=unit.text,
            )
            for unit in units
        ]

    def order(self, told: Message, *history: Message, **options: Any) -> Order:
        record = to_json(msgspec.structs.replace(told, history=list(history)))
        return self.adapter.to_order(_decode(record), self.adapter.options(**options))

    def refusal(self, told: Message, *history: Message, **options: Any) -> RecordError:
        with pytest.raises(RecordError) as caught:
            self.order(told, *history, **options)
        return caught.value
