"""Orders into sales orders: claim by external id, go on where an earlier attempt stopped, never do anything twice."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, TypeAlias

from orderflow.domain.errors import RecordError
from orderflow.domain.source import JsonValue
from orderflow.domain.target import OmsOrder, Receipt, Submission
from orderflow.oms.document import Document, Marker, read_all, skus, wish
from orderflow.oms.odoo import sale as sales
from orderflow.oms.odoo.client import Client, ConflictError
from orderflow.oms.odoo.partner import Partners
from orderflow.oms.odoo.sale import ROUNDING, Sale, Shape
from orderflow.oms.one_by_one import StartedError, marker, settle
from orderflow.oms.positions import Position, check_total, positions, total

if TYPE_CHECKING:
    from orderflow.oms.odoo import Options

log = logging.getLogger(__name__)

Parties: TypeAlias = Callable[[], tuple[int, int, int]]
"""Finds or makes customer, invoice address and delivery address; at most once."""

_ATTEMPTS = 8
_PATIENCE = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds before each look at an order that was just changed: Odoo 18 and newer may read from a replica of its
database, which lags."""
_QUIETLY = {"disable_cancel_warning": True, "loyalty_no_mail": True}
"""Without the first, `action_cancel` of Odoo 17 and 18 returns a wizard and cancels nothing; without the second,
`action_confirm` mails the buyer coupons of the company's own programs."""


class OdooTarget:
    """See the package's docstring."""

    def __init__(self, options: Options, client: Client, sleep: Callable[[float], None]) -> None:
        self._options = options
        self._client = client
        self._sleep = sleep
        self._partners = Partners(client, options.partner)
        self._pricelists: dict[str, int | None] = {}
        self._shape: Shape | None = None
        self._lock = threading.Lock()

    def submit(self, submissions: Sequence[Submission]) -> Iterator[Receipt]:
        """Settle one submission after the other; each receipt is yielded as soon as its sales order stands."""
        shape = self._known_shape()
        documents = read_all(submissions)
        known = sales.products(self._client, skus(documents.values()) | set(self._options.charges.values()))
        found: dict[tuple[str, str], Sale] = {}
        for channel in {each.channel for each in submissions}:
            ids = [each.order_id for each in submissions if each.channel == channel]
            held = sales.find(self._client, shape, channel, ids)
            found |= {(channel, order_id): sale for order_id, sale in held.items()}
        yield from settle(submissions, documents, found, partial(self._settle, known))

    def look_up(self, channel: str, order_ids: Sequence[str]) -> Mapping[str, OmsOrder]:
        """Sales orders by the channel's order ids; `status` in our words, `lines` without charges and other extras.

        The key is empty unless the order has reached what its version wants: an unfinished one must be sent again.
        """
        held = sales.find(self._client, self._known_shape(), channel, order_ids)
        return {order_id: sale.known(order_id, self._options.until) for order_id, sale in held.items()}

    def _settle(self, known: Mapping[str, int], submission: Submission, document: Document, sale: Sale | None) -> int:
        """Bring the order's one sales order to what the channel wants; returns its id. Refuses by `RecordError`."""
        made = positions(document, price_places=self._options.price_places, rounding=ROUNDING)
        wanted = marker(submission, document, made)
        parties = cache(partial(self._partners.resolve, document))
        for _ in range(_ATTEMPTS):
            try:
                sale = sale or self._claim(submission, document, made, known, parties)
                if sale.marker is not None and sale.marker.version > submission.version:
                    log.info("order superseded channel=%s order=%s", submission.channel, submission.order_id)
                    return sale.id
                sale = self._agree(sale, document, made, known, parties, wanted)
                if sale.marker is not None and sale.marker.key == wanted.key and sale.settled(self._options.until):
                    return sale.id
            except ConflictError as error:
                log.info(
                    "order disturbed channel=%s order=%s reason=%s", submission.channel, submission.order_id, error
                )
            sale = None
        raise ConflictError(
            f"{submission.channel} order {submission.order_id}: others changed its sales order {_ATTEMPTS} times"
        )

    def _claim(
        self,
        submission: Submission,
        document: Document,
        made: list[Position],
        known: Mapping[str, int],
        parties: Parties,
    ) -> Sale:
        """The order's one sales order: an empty draft with our external id, or the one there is."""
        if wish(document) != "cancelled":
            check_total(document, total(made), "the sum of the positions")
        shape = self._known_shape()
        sales.lines(made, known, self._options.charges, shape.taxes)
        customer, invoice, delivery = parties()
        values = {
            "partner_id/.id": str(customer),
            "partner_invoice_id/.id": str(invoice),
            "partner_shipping_id/.id": str(delivery),
            "client_order_ref": document.order_number or document.order_id,
            "origin": sales.origin(submission.channel, submission.order_id, None),
        }
        name = sales.external_id(submission.channel, submission.order_id)
        return self._read(self._client.claim("sale.order", name, values))

    def _agree(
        self,
        sale: Sale,
        document: Document,
        made: list[Position],
        known: Mapping[str, int],
        parties: Parties,
        marker: Marker,
    ) -> Sale:
        """Make content and state of the sales order what `marker` says, or refuse by name."""
        before = sale.marker
        if sale.state == "cancel" and marker.wish != "cancelled" and before is not None and before.wish != "cancelled":
            raise RecordError(
                "OMS_CANCELLED_THERE", sale.name, None, "somebody cancelled it in Odoo; the channel still wants it"
            )
        moved = before is None or before.content != marker.content or not self._fits(sale, document, made)
        readdressed = before is not None and marker.address is not None and before.address != marker.address
        if before is None or (marker.wish != "cancelled" and (moved or readdressed)):
            sale = self._rewrite(sale, document, made, known, parties, marker)
        elif before.key != marker.key:
            noted = replace(before, version=marker.version, key=marker.key, wish=marker.wish)
            sale = self._remark(sale, document, noted)
        if marker.wish == "cancelled":
            return self._cancel(sale)
        if marker.wish == "held":
            return self._reopen(sale, document)
        return self._confirm(sale)

    def _rewrite(
        self,
        sale: Sale,
        document: Document,
        made: list[Position],
        known: Mapping[str, int],
        parties: Parties,
        marker: Marker,
    ) -> Sale:
        """Replace partners, lines and marker exactly, in one transaction."""
        shape = self._known_shape()
        lines = sales.lines(made, known, self._options.charges, shape.taxes)
        if marker.wish != "cancelled":
            check_total(document, total(made), "the sum of the positions")
        sale = self._reopen(sale, document)
        values: dict[str, JsonValue] = {
            "origin": sales.origin(document.channel, document.order_id, marker),
            "client_order_ref": document.order_number or document.order_id,
            "order_line": lines,
            **shape.plain,
        }
        if document.masking == "plain" or sale.marker is None:
            customer, invoice, delivery = parties()
            values |= {"partner_id": customer, "partner_invoice_id": invoice, "partner_shipping_id": delivery}
        if (pricelist := self._pricelist(document.currency)) is not None:
            values["pricelist_id"] = pricelist
        try:
            self._client.call("sale.order", "write", [sale.id], vals=values)
        except RecordError:
            if not self._read(sale.id).open:
                raise ConflictError(f"{sale.name} was confirmed or cancelled while it was written") from None
            raise
        sale = self._written(sale, marker)
        if marker.wish != "cancelled":
            self._check(sale, document, made)
        return sale

    def _fits(self, sale: Sale, document: Document, made: list[Position]) -> bool:
        """Whether what may still be confirmed holds what its marker says: what Odoo made of it was perhaps refused."""
        if sale.confirmed or wish(document) == "cancelled":
            return True
        try:
            self._check(sale, document, made)
        except RecordError:
            return False
        return True

    def _check(self, sale: Sale, document: Document, made: list[Position]) -> None:
        """Refuse when Odoo's quantities, total or currency are not the channel's."""
        if any(each.quantity % 1 for each in made):
            sales.check_quantities(self._client, sale, made)
        check_total(document, sale.total, sale.name)
        if sale.currency != document.currency:
            raise RecordError(
                "OMS_CURRENCY_DIFFERS",
                "currency",
                document.currency,
                f"{sale.name} is in {sale.currency}; Odoo takes another currency by a pricelist in it: make one",
            )

    def _remark(self, sale: Sale, document: Document, marker: Marker) -> Sale:
        """Note a version without touching what the sales order holds."""
        note = sales.origin(document.channel, document.order_id, marker)
        self._client.call("sale.order", "write", [sale.id], vals={"origin": note})
        return self._written(sale, marker)

    def _confirm(self, sale: Sale) -> Sale:
        """Confirm; the order's state counts, not what the call returns."""
        if sale.state == "cancel":
            sale = self._press("action_draft", sale)
        if self._options.until == "draft" or sale.confirmed:
            return sale
        try:
            sale = self._press("action_confirm", sale)
        except RecordError:
            sale = self._read(sale.id)
            if sale.open:
                raise
        if not sale.confirmed:
            raise _unmoved(sale, "confirm")
        return sale

    def _reopen(self, sale: Sale, document: Document) -> Sale:
        """Back to a draft; a confirmed order goes by way of cancellation, which takes its open deliveries back."""
        if sale.confirmed:
            self._untouched(sale)
            if sale.procured:
                raise StartedError(
                    sale.name,
                    sale.state,
                    f"Odoo bought or makes something for {sale.name} and would do so again; change both in Odoo by "
                    "hand, then release the order",
                    "picking",
                )
            if sale.marker is not None:
                sale = self._remark(sale, document, replace(sale.marker, key="-", wish="cancelled"))
            sale = self._press("action_cancel", sale)
        if not sale.open:
            sale = self._press("action_draft", sale)
        if not sale.open:
            raise _unmoved(sale, "reopen")
        return sale

    def _cancel(self, sale: Sale) -> Sale:
        if sale.confirmed:
            self._untouched(sale)
        if sale.state != "cancel":
            sale = self._press("action_cancel", sale)
        if sale.state != "cancel":
            raise _unmoved(sale, "cancel")
        return sale

    def _untouched(self, sale: Sale) -> None:
        """Refuse when the change comes too late."""
        if sale.locked:
            raise RecordError(
                "OMS_LOCKED", sale.name, None, f"{sale.name} is locked in Odoo; unlock it there, then release"
            )
        if sales.started(self._client, sale):
            raise StartedError(
                sale.name,
                sale.delivery or sale.state,
                f"{sale.name} is delivered or invoiced in part and the channel wants it changed or cancelled now; "
                "settle it in Odoo by hand, then release the order",
                sale.stage or "invoiced",
            )

    def _press(self, button: str, sale: Sale) -> Sale:
        """Call the button and read what came of it; raises `ConflictError` when another version stands there."""
        self._client.call("sale.order", button, [sale.id], context=_QUIETLY)
        found = self._read(sale.id, lambda found: found.state != sale.state or found.marker != sale.marker)
        if found.marker != sale.marker:
            raise ConflictError(f"{sale.name} was rewritten by another sender")
        return found

    def _written(self, sale: Sale, marker: Marker) -> Sale:
        """What stands there now; raises `ConflictError` unless it is what was written with this marker."""
        found = self._read(sale.id, lambda found: found.marker == marker or found.marker not in (None, sale.marker))
        if found.marker != marker:
            raise ConflictError(f"{sale.name} was rewritten by another sender")
        return found

    def _read(self, identity: int, done: Callable[[Sale], bool] = lambda _: True) -> Sale:
        """The sales order as soon as it is `done`, or as it stands when patience ends."""
        sale = None
        for seconds in _PATIENCE:
            self._sleep(seconds)
            sale = sales.get(self._client, self._known_shape(), identity)
            if sale is not None and done(sale):
                break
        if sale is None:
            raise RecordError(
                "OMS_REFUSED",
                "sale.order",
                identity,
                f"Odoo has sales order {identity} for it and does not show it to the connection's user; let the user "
                "see all documents of Sales, and the order's company",
            )
        return sale

    def _pricelist(self, currency: str | None) -> int | None:
        """The oldest pricelist in this currency: the only way a sales order gets a currency."""
        if currency and currency not in self._pricelists:
            found = self._client.search("product.pricelist", [["currency_id.name", "=", currency]], ["id"], limit=1)
            self._pricelists[currency] = found[0]["id"] if found else None
        return self._pricelists.get(currency or "")

    def _known_shape(self) -> Shape:
        with self._lock:
            self._shape = self._shape or Shape.of(self._client)
            return self._shape


def _unmoved(sale: Sale, wanted: str) -> RecordError:
    return RecordError(
        "OMS_STATE_UNCHANGED",
        sale.name,
        sale.state,
        f"Odoo was asked to {wanted} it and answered without an error, but it is {sale.state}",
    )
