"""Orders into requests, answers into receipts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

import msgspec

from orderflow.domain.errors import ConfigError, DriftError, TransientError
from orderflow.domain.fulfilment import Parcel
from orderflow.domain.life import Stage
from orderflow.domain.source import JsonValue
from orderflow.domain.target import OmsOrder, Receipt, Submission, one_of_each
from orderflow.oms.document import masked, people
from orderflow.oms.http.client import AmbiguousError, Client, Reply
from orderflow.oms.http.options import Batch, HttpOptions
from orderflow.oms.http.places import at, text
from orderflow.oms.http.shipments import parcels

log = logging.getLogger(__name__)

_LONGEST_REASON = 500
_TOO_LARGE = 413
_WHOLE_BATCH = frozenset({400, 409, _TOO_LARGE, 422})
"""Answers to a batch that may be due to one of its orders."""
_AT_WORK = (1.0, 2.0, 4.0, 8.0)
"""Seconds between looks for an order that the OMS may be at work on."""


@dataclass(frozen=True, slots=True)
class _Suspect:
    """An order whose answer may mean that it is wrong, or that all our requests are."""

    submission: Submission
    reply: Reply


class HttpTarget:
    """See the package's docstring."""

    def __init__(self, options: HttpOptions, client: Client) -> None:
        self._options = options
        self._client = client
        self._works = False
        """Whether the OMS took any order yet: then what it does not take is the order's fault, not ours."""
        self._unsent: set[str] = set()
        """Keys that were to be sent for the first time, and were not: those behind an order over which it failed."""

    def submit(self, submissions: Sequence[Submission]) -> Iterator[Receipt]:
        self._unsent.update(each.key for each in submissions if not each.earlier)
        found = self._found([each for each in submissions if each.earlier and each.key not in self._unsent])
        yield from found.values()
        suspects: list[_Suspect] = []
        for result in self._send([each for each in submissions if each.key not in found]):
            if isinstance(result, _Suspect):
                suspects.append(result)
            else:
                self._works |= result.outcome == "accepted"
                yield result
        yield from self._judged(suspects)

    def look_up(self, channel: str, order_ids: Sequence[str]) -> Mapping[str, OmsOrder]:
        return one_of_each(self._held(channel, order_ids))

    def shipped(self, channel: str, since: datetime | None) -> Iterator[Parcel]:
        how = self._options.shipments
        if how is None:
            raise ConfigError(
                f"{self._client.name}: the target file says nothing of parcels; write `shipments` into it, or take "
                "shipments out of the channel's fulfilment.tell"
            )
        return parcels(self._client, how, channel, since)

    def _found(self, submissions: Sequence[Submission]) -> dict[str, Receipt]:
        """Receipts, by key, for those that the OMS holds: an earlier request reached it, only its answer did not."""
        if not submissions:
            return {}
        asked = {each.order_id: each for each in submissions}
        return {
            each.key: Receipt(each.key, "accepted", oms_id=order.oms_id or None, stage=self._stage(order.status))
            for order in self._held(submissions[0].channel, list(asked))
            if (each := asked.get(order.order_id)) is not None and _is(order, each)
        }

    def _judged(self, suspects: Sequence[_Suspect]) -> Iterator[Receipt]:
        """Receipts for orders that were not taken, and not told why in words that the target file knows.

        The OMS is asked for them first: it may hold such an order (a proxy on the way sent the request twice), or be
        away for a moment (its address answers, its application does not). A conflict over an order that was sent before
        may mean that the OMS is at work on the first request.
        """
        statuses = self._options.refused_statuses
        doubtful = [] if self._works else [each for each in suspects if each.reply.status not in statuses]
        waiting = [each.submission for each in suspects if each not in doubtful]
        found = self._found(waiting)
        for seconds in _AT_WORK:
            at_work = [each.submission for each in suspects if each.reply.status == 409 and each.submission.earlier]
            if not (at_work := [each for each in at_work if each.key not in found]):
                break
            self._client.pause(seconds)
            found |= self._found(at_work)
        for each in suspects:
            if each not in doubtful:
                yield found.get(each.submission.key) or self._refused(each.submission, each.reply)
        if doubtful:
            first = doubtful[0]
            raise DriftError(
                f"{self._client.name}: the OMS answered HTTP {first.reply.status} to all of {len(doubtful)} orders "
                f"({self._reason(first.submission, first.reply.body)}); the requests are wrong, not the orders; "
                "compare the target file with the OMS's documentation"
            )

    def _send(self, submissions: Sequence[Submission]) -> Iterator[Receipt | _Suspect]:
        batch, single = self._options.batch, self._options.single
        if batch is not None and (len(submissions) > 1 or single is None):
            for start in range(0, len(submissions), batch.largest):
                yield from self._send_together(batch, submissions[start : start + batch.largest])
        else:
            for each in submissions:
                yield self._send_alone(each)

    def _send_together(self, batch: Batch, submissions: Sequence[Submission]) -> Iterator[Receipt | _Suspect]:
        entry = b'{"%b":%%b,"%b":%%b}' % (batch.key.encode(), batch.document.encode())
        entries = b",".join(entry % (msgspec.json.encode(each.key), each.document) for each in submissions)
        content = b'{"%b":[%b]}' % (batch.orders.encode(), entries)
        self._unsent.difference_update(each.key for each in submissions)
        reply = self._client.ask("submit batch", batch.method, batch.path, content)
        results = at(reply.body, self._options.answer.results)
        if reply.status < 300 and isinstance(results, list):
            yield from self._read(submissions, results, reply)
        elif reply.status not in _WHOLE_BATCH:
            raise self._unknown("submit batch", reply)
        elif len(submissions) == 1:
            yield self._judge(submissions[0], reply)
        else:
            log.info("batch refused, sent in halves target=%s orders=%d", self._client.name, len(submissions))
            try:
                found = {} if reply.status == _TOO_LARGE else self._found(submissions)
            except DriftError as error:
                raise DriftError(
                    f"{self._client.name}: the OMS answered HTTP {reply.status} to a batch, and what it took of it "
                    f"cannot be found out ({error}); the requests are wrong, not the orders; compare the target file "
                    "with the OMS's documentation"
                ) from error
            yield from found.values()
            rest = [each for each in submissions if each.key not in found]
            middle = len(rest) // 2
            yield from self._send(rest[:middle])
            yield from self._send(rest[middle:])

    def _read(
        self, submissions: Sequence[Submission], results: Sequence[JsonValue], reply: Reply
    ) -> Iterator[Receipt | _Suspect]:
        by_key = {each.key: each for each in submissions}
        receipts: dict[str, Receipt | None] = {}
        for result in results:
            submission = by_key.get(str(at(result, self._options.answer.key)))
            if submission is not None:
                receipt = self._receipt(submission, result, reply.seconds)
                first = receipts.setdefault(submission.key, receipt)
                if first is None or receipt is None or first.outcome != receipt.outcome:
                    receipts[submission.key] = None
        yield from filter(None, receipts.values())

    def _send_alone(self, submission: Submission) -> Receipt | _Suspect:
        single = self._options.single
        assert single is not None
        path = single.path.format(
            channel=_segment(submission.channel),
            order_id=_segment(submission.order_id),
            key=_segment(submission.key),
        )
        headers = {self._options.idempotency_header: submission.key}
        self._unsent.discard(submission.key)
        return self._judge(submission, self._client.ask("submit", single.method, path, submission.document, headers))

    def _judge(self, submission: Submission, reply: Reply) -> Receipt | _Suspect:
        """What the answer to one order means."""
        receipt = self._receipt(submission, reply.body, reply.seconds)
        if reply.status < 300:
            if receipt is None and (reply.page or self._options.answer.outcome is not None):
                raise self._unknown("submit", reply)
            oms_id = text(at(reply.body, self._options.answer.oms_id))
            stage = self._stage(text(at(reply.body, self._options.answer.status)))
            return receipt or Receipt(submission.key, "accepted", oms_id=oms_id, seconds=reply.seconds, stage=stage)
        if receipt is not None and reply.status in self._options.refused_statuses:
            return receipt
        return _Suspect(submission, reply)

    def _receipt(self, submission: Submission, result: JsonValue, seconds: float) -> Receipt | None:
        """The receipt out of an order's answer; None where it does not tell, so that the order is looked up."""
        answer = self._options.answer
        outcome = text(at(result, answer.outcome)) if answer.outcome is not None else None
        stage = self._stage(text(at(result, answer.status)))
        if outcome in answer.accepted:
            oms_id = text(at(result, answer.oms_id))
            return Receipt(submission.key, "accepted", oms_id=oms_id, seconds=seconds, stage=stage)
        if outcome in answer.refused:
            why = self._reason(submission, result)
            return Receipt(submission.key, "refused", reason=why, seconds=seconds, stage=stage)
        return None

    def _stage(self, status: str | None) -> Stage | None:
        return None if status is None else self._options.stages.get(status)

    def _refused(self, submission: Submission, reply: Reply) -> Receipt:
        reason = f"HTTP {reply.status}: {self._reason(submission, reply.body)}"
        stage = self._stage(text(at(reply.body, self._options.answer.status)))
        return Receipt(submission.key, "refused", reason=reason, seconds=reply.seconds, stage=stage)

    def _reason(self, submission: Submission, result: JsonValue) -> str:
        """What the OMS said, without the buyer's data."""
        words = [word for place in self._options.answer.reason if (word := text(at(result, place)))]
        return masked(": ".join(words), people(submission))[:_LONGEST_REASON] or "the OMS gave no reason"

    def _unknown(self, endpoint: str, reply: Reply) -> Exception:
        """The error for an answer that nobody described. A 2xx one may have had its effect."""
        what = "with a web page (maintenance, a firewall, a login page)" if reply.page else "in a shape"
        message = (
            f"{self._client.name}: {endpoint} was answered HTTP {reply.status} {what} that the target file does "
            "not describe; compare it with the OMS's documentation"
        )
        return AmbiguousError(message) if reply.status < 300 else DriftError(message)

    def _held(self, channel: str, order_ids: Sequence[str]) -> Iterator[OmsOrder]:
        """What the OMS holds of these orders; an order may come several times."""
        how = self._options.look_up
        for body in self._entries(channel, order_ids):
            order_id = text(at(body, how.order_id))
            if not order_id:
                raise DriftError(
                    f"{self._client.name}: look up: an order in the answer has no {how.order_id!r}, so nobody can tell "
                    "which one it is; compare look_up in the target file with the OMS's documentation"
                )
            yield OmsOrder(
                order_id=order_id,
                oms_id=text(at(body, how.oms_id)) or "",
                version=_whole(at(body, how.version)),
                key=text(at(body, how.key)),
                status=text(at(body, how.status)),
                total=text(at(body, how.total)),
                currency=text(at(body, how.currency)),
                lines=_whole(at(body, how.lines)),
            )

    def _entries(self, channel: str, order_ids: Sequence[str]) -> Iterator[JsonValue]:
        how = self._options.look_up
        if "{order_id}" in how.path:
            for order_id in order_ids:
                path = how.path.format(channel=_segment(channel), order_id=_segment(order_id))
                reply = self._client.ask("look up", how.method, path)
                if reply.status not in (204, 404):
                    yield self._good(reply)
            return
        for start in range(0, len(order_ids), how.largest):
            asked = {how.channel: channel, how.order_ids: order_ids[start : start + how.largest]}
            reply = self._client.ask("look up", how.method, how.path, msgspec.json.encode(asked))
            orders = at(self._good(reply), how.orders)
            if not isinstance(orders, list):
                raise DriftError(f"{self._client.name}: look up: there is no list at {how.orders!r} in the answer")
            yield from orders

    def _good(self, reply: Reply) -> JsonValue:
        if reply.status < 300 and reply.body is None:
            raise TransientError(
                f"{self._client.name}: look up was answered HTTP {reply.status} without JSON (maintenance, a firewall, "
                "a login page); it is asked again; when it stays, open the address in a browser"
            )
        if reply.status >= 300:
            raise DriftError(
                f"{self._client.name}: look up was answered HTTP {reply.status}; compare look_up in the target file "
                "with the OMS's documentation"
            )
        return reply.body


def _is(order: OmsOrder, submission: Submission) -> bool:
    """Whether what the OMS holds is this very version: by key, else by version, else by being there at all."""
    if order.key is not None:
        return order.key == submission.key
    if order.version is not None:
        return order.version == submission.version
    return submission.version == 1


def _whole(value: JsonValue) -> int | None:
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else None


def _segment(text: str) -> str:
    """A text as one part of a path; an order `..` must not lead to the list of orders, which answers 200."""
    return text.replace(".", "%2E") if text in (".", "..") else quote(text, safe="")
