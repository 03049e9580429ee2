"""Orders into sales: claim by creating, continue where an earlier attempt stopped, never do anything twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from orderflow.domain.errors import ConfigError, RecordError
from orderflow.domain.target import OmsOrder, Receipt, Submission
from orderflow.oms.document import Document, Marker, read_all, skus
from orderflow.oms.one_by_one import StartedError, marker, settle
from orderflow.oms.positions import Position, check_total, positions, total
from orderflow.oms.tryton import sale as sales
from orderflow.oms.tryton.client import Client, ConflictError, NotYetError
from orderflow.oms.tryton.party import Parties
from orderflow.oms.tryton.sale import ROUNDING, STATES, Sale

if TYPE_CHECKING:
    from orderflow.oms.tryton import Options

log = logging.getLogger(__name__)

_ATTEMPTS = 8
_STEPS = {"draft": "quote", "quotation": "confirm"}
_PATIENCE = (0.2, 0.4, 0.8, 1.6)
"""Seconds between looks at a confirmed sale that Tryton's queue has not processed yet."""
_AT_WORK = frozenset({"processing", "done"})


class TrytonTarget:
    """See the package's docstring."""

    def __init__(self, options: Options, client: Client, sleep: Callable[[float], None]) -> None:
        self._options = options
        self._client = client
        self._sleep = sleep
        self._parties = Parties(client, options.party)
        self._currencies: dict[str, int] = {}
        self._able = False

    def submit(self, submissions: Sequence[Submission]) -> Iterator[Receipt]:
        """Settle one submission after the other; each receipt is yielded as soon as its sale stands."""
        self._check()
        found = sales.find(self._client, {sales.web_id(each.channel, each.order_id) for each in submissions})
        documents = read_all(submissions)
        known = sales.products(self._client, skus(documents.values()) | set(self._options.charges.values()))
        held = {
            (each.channel, each.order_id): sale
            for each in submissions
            if (sale := found.get(sales.web_id(each.channel, each.order_id))) is not None
        }
        yield from settle(submissions, documents, held, partial(self._settle, known))

    def look_up(self, channel: str, order_ids: Sequence[str]) -> Mapping[str, OmsOrder]:
        """Sales by the channel's order ids; `status` in our words, `lines` without charges and other extra lines.

        The key is empty unless the sale has reached what its version wants: an unfinished one must be sent again.
        """
        self._check()
        wanted = {sales.web_id(channel, order_id): order_id for order_id in order_ids}
        names = list(wanted)
        held: dict[str, Sale] = {}
        for start in range(0, len(names), 200):
            held |= sales.find(self._client, names[start : start + 200])
        until = self._options.until
        return {wanted[identity]: sale.known(wanted[identity], until) for identity, sale in held.items()}

    def _settle(
        self, known: Mapping[str, tuple[int, int]], submission: Submission, document: Document, sale: Sale | None
    ) -> int:
        """Bring the order's one sale to what the channel wants; returns its id. Raises `RecordError` for a refusal."""
        made = positions(document, price_places=self._options.price_places, rounding=ROUNDING)
        wanted = marker(submission, document, made)
        for _ in range(_ATTEMPTS):
            try:
                sale = sale or self._find(submission) or self._create(submission, document, made, known, wanted)
                if sale.marker is not None and sale.marker.version > submission.version:
                    log.info("order superseded channel=%s order=%s", submission.channel, submission.order_id)
                    return sale.id
                return self._agree(sale, document, made, known, wanted)
            except ConflictError:
                sale = None
        raise ConflictError(
            f"{submission.channel} order {submission.order_id}: its sale changed under our hands {_ATTEMPTS} times"
        )

    def _create(
        self,
        submission: Submission,
        document: Document,
        made: list[Position],
        known: Mapping[str, tuple[int, int]],
        marker: Marker,
    ) -> Sale:
        """The claim: header, lines and marker in one transaction; the web id lets only one sender succeed."""
        if marker.wish != "cancelled":
            check_total(document, total(made), "the sum of the positions")
        lines = sales.lines(made, known, self._options.charges)
        party = self._parties.resolve(document)
        values = sales.header(document, self._currency(document.currency), party) | {
            "web_id": sales.web_id(submission.channel, submission.order_id),
            "lines": [["create", lines]],
            "attachments": [sales.note(None, marker)],
        }
        refusal: RecordError | None = None
        try:
            self._client.create("sale.sale", values)
        except RecordError as error:
            refusal = error
        if (sale := self._find(submission)) is not None:
            return sale
        raise refusal or ConflictError(f"the sale of {submission.order_id} was removed as soon as it was made")

    def _agree(
        self,
        sale: Sale,
        document: Document,
        made: list[Position],
        known: Mapping[str, tuple[int, int]],
        marker: Marker,
    ) -> int:
        """Make content and state of the sale what `marker` says, or refuse by name."""
        before = sale.marker
        if sale.state == "cancelled" and marker.wish != "cancelled" and (before is None or before.wish != "cancelled"):
            raise RecordError(
                "OMS_CANCELLED_THERE", sale.name, None, "somebody cancelled it in Tryton; the channel still wants it"
            )
        moved = before is None or before.content != marker.content
        readdressed = marker.address is not None and before is not None and before.address != marker.address
        if marker.wish != "cancelled" and (moved or readdressed):
            sale = self._rewrite(sale, document, made, known, marker)
        elif before is None or before.key != marker.key:
            sale = self._remark(sale, marker)
        if marker.wish == "cancelled":
            return self._cancel(sale)
        if marker.wish == "held":
            return self._hold(sale)
        return self._advance(sale, document)

    def _rewrite(
        self,
        sale: Sale,
        document: Document,
        made: list[Position],
        known: Mapping[str, tuple[int, int]],
        marker: Marker,
    ) -> Sale:
        """Replace header and lines exactly, in one transaction, unless the sale changed since it was read."""
        check_total(document, total(made), "the sum of the positions")
        lines = sales.lines(made, known, self._options.charges)
        if sale.state in _AT_WORK:
            raise _started(sale, "its lines, prices or address")
        if sale.state != "draft":
            sale = self._press("draft", sale)
            if sale.state != "draft":
                raise _started(sale, "its lines, prices or address")
        party = self._parties.resolve(document) if document.masking == "plain" or sale.marker is None else None
        old = [each["id"] for each in self._client.search("sale.line", [["sale", "=", sale.id]], ["id"])]
        values = sales.header(document, self._currency(document.currency), party) | {
            "lines": [["delete", old], ["create", lines]],
            "attachments": [sales.note(sale, marker)],
        }
        self._client.call("model.sale.sale.write", [sale.id], values, timestamps=sale.stamps)
        return self._reread(sale)

    def _remark(self, sale: Sale, marker: Marker) -> Sale:
        """Note a version that changes nothing a sale holds (paid, shipped, tagged, masked) or calls it off."""
        written = sale.marker or replace(marker, content="-", extra=0)
        noted = replace(written, version=marker.version, key=marker.key, wish=marker.wish)
        values = {"attachments": [sales.note(sale, noted)]}
        self._client.call("model.sale.sale.write", [sale.id], values, timestamps=sale.stamps)
        return self._reread(sale)

    def _advance(self, sale: Sale, document: Document) -> int:
        """Quote, confirm and process as far as the options say; the sale's state counts, not what a call returns."""
        goal = STATES.index(self._options.until)
        if sale.state == "cancelled":
            sale = self._press("draft", sale)
        while STATES.index(sale.state) < goal:
            if sale.state in ("draft", "quotation"):
                check_total(document, sale.total, sale.name)
                if sale.currency != document.currency:
                    raise RecordError(
                        "OMS_CURRENCY_DIFFERS", "currency", document.currency, f"{sale.name} is in {sale.currency}"
                    )
            before = sale.state
            sale = self._process(sale) if before == "confirmed" else self._press(_STEPS[before], sale)
            if sale.state == before or sale.state not in STATES:
                raise RecordError(
                    "OMS_STATE_UNCHANGED",
                    sale.name,
                    sale.state,
                    f"Tryton was asked to take it beyond {before} and answered without an error, but it did not move",
                )
        return sale.id

    def _process(self, sale: Sale) -> Sale:
        """Confirmed sales are processed by Tryton's own queue; press the button where the queue did not."""
        for seconds in _PATIENCE:
            sale = self._reread(sale)
            if sale.state != "confirmed":
                return sale
            self._sleep(seconds)
        try:
            return self._press("process", sale)
        except RecordError as error:
            if "not allowed" not in error.message:
                raise
            raise NotYetError(
                f"{sale.name} is confirmed and Tryton's queue has not processed it yet; if that lasts, read the errors "
                "in Tryton, let the connection's user press Process (group Sales Administrator), or set `until`"
            ) from error

    def _hold(self, sale: Sale) -> int:
        if sale.state in _AT_WORK:
            raise _started(sale, "it to wait")
        if sale.state != "draft":
            sale = self._press("draft", sale)
        if sale.state != "draft":
            raise _started(sale, "it to wait")
        return sale.id

    def _cancel(self, sale: Sale) -> int:
        if sale.state == "confirmed":
            sale = self._press("draft", sale)
        if sale.state != "cancelled":
            if sale.state in _AT_WORK:
                raise _started(sale, "it cancelled")
            sale = self._press("cancel", sale)
        if sale.state != "cancelled":
            raise _started(sale, "it cancelled")
        return sale.id

    def _press(self, button: str, sale: Sale) -> Sale:
        """Press a button, unless the sale changed since it was read, and read what came of it."""
        self._client.call(f"model.sale.sale.{button}", [sale.id], timestamps=sale.stamps)
        return self._reread(sale)

    def _reread(self, sale: Sale) -> Sale:
        found = sales.find(self._client, [sale.web_id])
        if sale.web_id not in found:
            raise ConflictError(f"{sale.name} was removed while we worked on it")
        return found[sale.web_id]

    def _find(self, submission: Submission) -> Sale | None:
        identity = sales.web_id(submission.channel, submission.order_id)
        return sales.find(self._client, [identity]).get(identity)

    def _currency(self, code: str | None) -> int:
        if code not in self._currencies:
            found = self._client.search("currency.currency", [["code", "=", code]], ["id"])
            if not code or not found:
                raise RecordError(
                    "OMS_CURRENCY_UNKNOWN", "currency", code, "make this currency, with a rate, in Tryton"
                )
            self._currencies[code] = found[0]["id"]
        return self._currencies[code]

    def _check(self) -> None:
        """Refuse to work without the one thing that makes "once" true: Tryton's unique web id."""
        if not self._able:
            fields: dict[str, Any] = self._client.call("model.sale.sale.fields_get", ["web_id"])
            if not fields:
                raise ConfigError(
                    "this Tryton has no unique order id (sale.sale has no field web_id): install Tryton's own module "
                    "web_shop (pip install trytond-web-shop, trytond-admin -u web_shop --activate-dependencies)"
                )
            self._able = True


def _started(sale: Sale, wanted: str) -> RecordError:
    return StartedError(
        sale.name,
        sale.state,
        f"{sale.name} is {sale.state} in Tryton and the channel wants {wanted} changed now; "
        "settle it there by hand (its shipments and invoices), then release the order",
        sale.stage or "picking",
    )
