"""Settling orders one after the other, as the ERP targets do it: a receipt is yielded as soon as its order stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from orderflow.domain.errors import DriftError, RecordError, TransientError
from orderflow.domain.life import Stage
from orderflow.domain.target import Receipt, Submission
from orderflow.oms.document import Document, Marker, address_fingerprint, reason, wish
from orderflow.oms.positions import Position, content_fingerprint


class UnsettledError(TransientError):
    """One order could not be brought to an end now; the others go on."""


class StartedError(RecordError):
    """The change comes too late: the OMS has begun its work, and is as far as `stage`."""

    def __init__(self, field: str, value: object, message: str, stage: Stage) -> None:
        super().__init__("OMS_PROCESSING_STARTED", field, value, message)
        self.stage = stage

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild with its own parts when the error crosses a process border."""
        return (type(self), (self.field, self.value, self.message, self.stage))


class Held(Protocol):
    """What the OMS holds of an order."""

    @property
    def marker(self) -> Marker | None: ...
    @property
    def stage(self) -> Stage | None:
        """How far the OMS is with it; None while everything can still be changed."""
        ...


H = TypeVar("H", bound=Held)


def settle(
    submissions: Sequence[Submission],
    documents: Mapping[str, Document | RecordError],
    found: Mapping[tuple[str, str], H],
    bring: Callable[[Submission, Document, H | None], int],
) -> Iterator[Receipt]:
    """Bring each order to what the channel wants with `bring`, which returns its id in the OMS.

    `bring` raises `RecordError` to refuse an order and `UnsettledError` to leave it pending; an ERP that fails over one
    order (`DriftError`) leaves it pending as well. The last of those is raised at the end. `documents` stand by key,
    `found` (what the OMS held before) by channel and order id.
    """
    unsettled: UnsettledError | DriftError | None = None
    for submission in submissions:
        start = time.perf_counter()
        oms_id, refusal = None, None
        document, held = documents[submission.key], found.get((submission.channel, submission.order_id))
        stage = None if held is None or (held.marker and held.marker.key == submission.key) else held.stage
        try:
            if isinstance(document, RecordError):
                raise document
            oms_id = str(bring(submission, document, held))
        except StartedError as error:
            refusal, stage = reason(error, document), error.stage
        except RecordError as error:
            refusal = reason(error, document)
        except (UnsettledError, DriftError) as error:
            unsettled = error
            continue
        yield Receipt(
            submission.key,
            "refused" if refusal else "accepted",
            oms_id=oms_id,
            reason=refusal,
            seconds=time.perf_counter() - start,
            stage=stage,
        )
    if unsettled is not None:
        raise unsettled


def marker(submission: Submission, document: Document, made: Sequence[Position]) -> Marker:
    """The note that says what this version wants."""
    return Marker(
        version=submission.version,
        key=submission.key,
        wish=wish(document),
        content=content_fingerprint(document, list(made)),
        address=address_fingerprint(document),
        extra=sum(each.kind != "line" for each in made),
    )
