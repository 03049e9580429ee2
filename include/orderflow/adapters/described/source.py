"""Talks to a platform as the channel file describes it; never translates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from math import ceil
from typing import Any

import httpx
import msgspec

from orderflow.adapters.described import paging
from orderflow.adapters.described.answers import Answer, codes, fault, lists, raw_at, rows, told, whole, words_at
from orderflow.adapters.described.asking import (
    Between,
    ByIds,
    Call,
    Cursor,
    Described,
    Fixed,
    Linked,
    Numbered,
    Whole,
)
from orderflow.adapters.described.requests import filtered, origin, own, question, with_id
from orderflow.adapters.described.signing import signing
from orderflow.adapters.described.values import parse, plain
from orderflow.adapters.http import (
    Question,
    Verdict,
    client,
    judge,
    last_page_first,
    named,
    read,
    shown,
    side_by_side,
    walk,
)
from orderflow.domain.errors import DriftError, RecordError, SourceError, TransientError
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Runtime
from orderflow.domain.window import Window

_JSON: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=str)
ATTEMPTS = 5
"""How often one request is made when a good status comes with the word that the platform is busy."""
MOST_PASSES = 4
"""How often a list without a total is read until a pass brings nothing new."""
AT_ONCE = 4
"""Detail calls on their way together."""
_NOTHING, _UNKNOWN = 204, frozenset({404, 410})
_TABLE: Mapping[int, Verdict] = dict.fromkeys(
    (400, 404, 405, 406, 410, 415, 422, 501),
    (DriftError, "compare the request with the platform's documentation, and correct the channel file"),
)


class Platform:
    """A `Source`; also `Counting`, `Countable` and `ById` where the channel file says how."""

    def __init__(self, options: Described, account: Account, runtime: Runtime) -> None:
        self._options, self._runtime = options, runtime
        self._client = client(
            account,
            runtime,
            options.sheet(),
            auth=signing(options, account, runtime, self._refused),
            headers=options.headers,
        )
        self._id = parse(options.id)
        self._first_page_known = False
        page = options.orders.page
        if not isinstance(page, Whole) and page.total:
            self.count = self._count
        if options.created:
            self.identify = self._identify
        if options.by_id:
            self.fetch_ids = self._fetch_ids

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Orders modified within `window`, page by page; `after` is the cursor of a page."""
        for answer, cursor in self._listed(self._filter(self._options.orders.window, window), after):
            yield Page(self._whole(answer.records), answer.origin, cursor)

    def _count(self, window: Window) -> int:
        page, values = self._options.orders.page, self._filter(self._options.orders.window, window)
        if isinstance(page, Numbered):
            return self._total(self._page(paging.numbered(page, values, paging.first(page))))
        return self._total(self._page(values if isinstance(page, Whole) else paging.sized(page, values, {})))

    def _identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders created within `window`."""
        for answer, _ in self._listed(self._filter(self._options.created, window), None):
            yield from map(self._stub, answer.records)

    def _fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these ids."""
        call = self._options.by_id
        assert call is not None
        if call.name is None:
            for order_id in order_ids:
                found = self._by_id(call, order_id)
                listed = found and rows(found.records[0], parse(""))
                if found and listed != []:
                    yield Page(self._whole(listed or found.records), found.origin)
            return
        for start in range(0, len(order_ids), call.many):
            yield from self._together(call, call.name, list(order_ids[start : start + call.many]))

    def _together(self, call: ByIds, name: str, wanted: list[str]) -> Iterator[Page]:
        """Several orders with one question, and what an answer left out with another: its pages may hold fewer.

        Raises `DriftError` where other orders come: the platform then does not know the parameter.
        """
        began = len(wanted)
        while wanted:
            asked = question(call, {name: ",".join(wanted) if call.joined else wanted})
            answer = self._ask(asked, call.at, unknown=len(wanted) < began)
            came = {order_id for record in answer.records if (order_id := self._id_of(record))}
            if not answer.records:
                return
            if not came or came - set(wanted):
                raise DriftError(
                    f"{named(answer.response.request)}: {len(came - set(wanted))} orders came that were not asked for, "
                    f"and {len(came & set(wanted))} of {len(wanted)} that were; the platform does not take ids as "
                    f"{name!r}, or they do not stand at `id`; correct by_id in the channel file"
                )
            yield Page(self._whole(answer.records), answer.origin)
            wanted = [order_id for order_id in wanted if order_id not in came]

    def _filter(self, between: Between | None, window: Window) -> dict[str, Any]:
        limits = self._options.limits
        if between is None:
            return {}
        return filtered(between, window, resolution=limits.resolution, timezone=limits.timezone)

    def _listed(self, values: Mapping[str, Any], after: JsonValue) -> Iterator[tuple[Answer, JsonValue]]:
        """The pages of the list, each with the cursor behind it."""
        page, at = self._options.orders.page, self._options.orders.at
        match page:
            case Whole():
                yield whole(self._page(values), at, page.amounts), None
            case Numbered() if page.total:
                yield from self._backwards(page, values, after)
            case Numbered():
                yield from self._until_nothing_new(page, values)
            case Cursor():
                start, next_cursor = {} if after is None else {"cursor": after}, paging.by_cursor(page, at)
                for _, answer in walk(start, lambda asked: self._page(paging.sized(page, values, asked)), next_cursor):
                    following = next_cursor({}, answer)
                    yield answer, following and following["cursor"]
            case Linked():
                start = {} if after is None else {"url": after}

                def ask(asked: Question) -> Answer:
                    return self._follow(asked["url"]) if asked else self._page(paging.sized(page, values, {}))

                for _, answer in walk(start, ask, paging.by_link(page, at)):
                    following = paging.by_link(page, at)({}, answer)
                    yield answer, following and following["url"]

    def _backwards(
        self, page: Numbered, values: Mapping[str, Any], after: JsonValue
    ) -> Iterator[tuple[Answer, JsonValue]]:
        """From the last page to the first; the first answer only tells how many there are."""
        begin = paging.first(page)

        def ask(asked: Question) -> Answer:
            number = asked.get("page", begin)  # behind the first one, a page may be gone with the order that left it
            answer = self._page(paging.numbered(page, values, number), unknown=number > begin)
            paging.demand_orders_counted(page, answer, number, self._options.orders.at)
            if "page" not in asked:
                self._demand_size(page, answer)
            return answer

        def pages(answer: Answer) -> int:
            return max(1, ceil(self._total(answer) / page.size.value))

        start = {} if after is None else {"page": after}
        for asked, answer in walk(start, ask, last_page_first("page", pages, first=begin)):
            if "page" in asked:
                yield answer, asked["page"] - 1 if asked["page"] > begin else None

    def _until_nothing_new(self, page: Numbered, values: Mapping[str, Any]) -> Iterator[tuple[Answer, JsonValue]]:
        """Forwards, until a pass brings nothing new: what leaves the list moves the rest onto pages read before."""
        seen: set[bytes] = set()
        for _ in range(MOST_PASSES):
            fresh, place, last = 0, paging.first(page), None
            while True:
                answer = self._page(paging.placed(page, values, place), unknown=last is not None)
                if answer.records in ([], last):
                    break
                place, last = paging.behind(page, place, len(answer.records)), answer.records
                new = [record for record in answer.records if record not in seen]
                seen.update(new)
                fresh += len(new)
                if new:
                    yield Answer(answer.response, answer.body, new, answer.origin), None
            if fresh == 0:
                self._demand_no_page_before(page, values, seen)
                return
        raise TransientError(
            f"{named(answer.response.request)}: the list changed in each of {MOST_PASSES} passes while it was read; "
            "the run tries again by itself; where the platform tells how many orders there are, name it as page.total"
        )

    def _demand_no_page_before(self, page: Numbered, values: Mapping[str, Any], seen: Iterable[bytes]) -> None:
        """Ask for page 0, once: platforms whose first page is 1 refuse it, break, give nothing, or give page 1."""
        if page.kind != "page" or "first" in page.model_fields_set or self._first_page_known:
            return
        self._first_page_known = True
        try:
            before = self._page(paging.placed(page, values, 0), unknown=True, attempts=1)
        except SourceError:
            return
        paging.demand_seen(before, self._id_of, seen)

    def _page(self, values: Mapping[str, Any], **how: Any) -> Answer:
        return self._ask(question(self._options.orders, values), self._options.orders.at, **how)

    def _follow(self, url: str) -> Answer:
        target = own(self._client.base_url, url)
        asked = {"method": "GET", "path": str(target), "params": None, "json": None}
        auth = self._options.auth
        secret = auth.name if isinstance(auth, Fixed) else ""  # platforms repeat it in the next page's address
        answer = replace(self._ask(asked, self._options.orders.at, unknown=True), origin=shown(target, secret))
        if answer.response.status_code in _UNKNOWN:
            raise TransientError(
                f"{named(answer.response.request)}: the next page that the platform named is not there any more, for "
                "the list changed while it was read; the run tries again by itself"
            )
        return answer

    def _ask(
        self, asked: Mapping[str, Any], place: str | None = None, *, unknown: bool = False, attempts: int = ATTEMPTS
    ) -> Answer:
        """One request; with a `place`, the records that stand there. What may be `unknown` is none where 404 comes."""
        for attempt in range(attempts):
            about = {"params": asked["params"] or None, "json": asked["json"], "extensions": {"attempts": attempts}}
            response = self._client.request(asked["method"], asked["path"], **about)
            if response.status_code == _NOTHING or (unknown and response.status_code in _UNKNOWN):
                return Answer(response, None, [], origin(asked))
            body = self._judged(response, "orders")
            error = fault(self._options.success, response, body)
            if not isinstance(error, TransientError) or attempt == attempts - 1:
                break
            self._runtime.sleep(float(2**attempt))
        if error:
            raise error
        records = [] if place is None else rows(response.content, parse(place))
        if records is None:
            elsewhere = ", ".join(islice(lists(body), 5))
            raise DriftError(
                f"{named(response.request)}: no list of orders at {place or 'the top of the answer'}"
                f"{f' (lists stand at {elsewhere})' if elsewhere else ''}; the platform changed the shape of its "
                "answer, or `at` in the channel file names another place"
            )
        return Answer(response, body, records, origin(asked))

    def _judged(self, response: httpx.Response, wanted: str) -> Any:
        """The JSON of a good answer, or the error that another status stands for, with what the platform says of it."""
        said = None
        if not response.is_success:
            with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                said = words_at(self._options.success, response, _JSON.decode(response.content))
        judge(response, wanted=wanted, now=self._runtime.clock(), table=_TABLE, said=said)
        return read(response, _JSON, wanted=wanted)

    def _refused(self, response: httpx.Response) -> bool:
        """Whether an answer says that the token ended."""
        if response.status_code == 401:
            return True
        success = self._options.success
        if not success.at or not success.expired:
            return False
        try:
            body = _JSON.decode(response.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        return bool(codes(success, body) & set(map(plain, success.expired)))

    def _total(self, answer: Answer) -> int:
        page = self._options.orders.page
        place = "" if isinstance(page, Whole) else page.total or ""
        total = "0" if answer.response.status_code == _NOTHING else told(answer.response, answer.body, place)
        if total is None or not total.isdecimal():
            raise DriftError(
                f"{named(answer.response.request)}: no number of orders at {place}; the platform changed the shape of "
                "its answer, or page.total in the channel file names another place"
            )
        return int(total)

    def _demand_size(self, page: Numbered, answer: Answer) -> None:
        expected = min(page.size.value, self._total(answer))
        if len(answer.records) < expected:
            raise DriftError(
                f"{named(answer.response.request)}: a page of {len(answer.records)} orders where {page.size.value} "
                f"were asked for and {self._total(answer)} are there; the platform gives fewer at once than "
                "page.size.value says, and pages would be left out; write the platform's own number there"
            )

    def _whole(self, records: Iterable[bytes]) -> list[bytes]:
        """The records with their details, where the channel file asks for these."""
        call, listed = self._options.detail, list(records)
        if call is None:
            return listed
        ids = [self._id_of(record) for record in listed]
        found = side_by_side(lambda order_id: self._detail(call, order_id), ids, at_once=AT_ONCE)
        return [
            b'{"row":%b,"detail":%b}' % (row, detail or b"null") for row, (_, detail) in zip(listed, found, strict=True)
        ]

    def _detail(self, call: Call, order_id: str | None) -> bytes | None:
        answer = None if order_id is None else self._by_id(call, order_id)
        return None if answer is None else answer.records[0]

    def _by_id(self, call: Call, order_id: str) -> Answer | None:
        """One order; None where the platform does not know it."""
        asked = with_id(question(call, {}), order_id)
        response = self._client.request(
            asked["method"], asked["path"], params=asked["params"] or None, json=asked["json"]
        )
        if response.status_code in {_NOTHING, *_UNKNOWN}:
            return None
        body = self._judged(response, "an order")
        if error := fault(self._options.success, response, body):
            raise error
        found = raw_at(response.content, call.at)
        return None if found is None else Answer(response, body, [found], origin(asked))

    def _id_of(self, record: bytes) -> str | None:
        try:
            return next(filter(None, map(plain, self._id.of((_JSON.decode(record),)))), None)
        except TypeError:
            return None

    def _stub(self, record: bytes) -> OrderStub:
        """What the list says of an order: with detail calls no more than its id, else what the mapping reads."""
        order_id = self._id_of(record) or ""
        if self._options.detail:
            return OrderStub(order_id)
        try:
            order = self._options.map.compiled(_JSON.decode(record))
        except RecordError:
            return OrderStub(order_id)
        return OrderStub(order.order_id, order.order_status, order.grand_total, order.currency, len(order.lines))
