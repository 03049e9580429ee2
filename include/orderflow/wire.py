"""One request over HTTP and its whole answer, unpacked, within bounds: what channels and OMSs are asked with."""

from __future__ import annotations

import time

import httpx

MOST_BYTES = 256 * 1024 * 1024
"""Longest body that is taken in, unpacked: 2 KB on the way may unpack to a gigabyte."""
_PACKINGS = frozenset({"gzip", "deflate", "br", "zstd"})
"""What servers pack bodies with; any other word in the header packs nothing, such as `none` or `UTF-8`."""
_OF_PACKING = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class UnfitError(httpx.DecodingError):
    """No memory is sure to hold the answer. The message says why and what to do, and quotes nothing of the answer."""


def whole(inner: httpx.BaseTransport, request: httpx.Request, seconds: float) -> httpx.Response:
    """The answer, read to its end.

    Raises what httpx raises, `httpx.ReadTimeout` also for a body that drips in for more than `seconds`, each piece in
    time, and `UnfitError`. A failure that is packed as nobody asked comes without its body: its status says what to do.
    """
    end = time.monotonic() + seconds
    response = inner.handle_request(request)
    try:
        body = _body(request, response, end)
    finally:
        response.close()
    left = [(name, value) for name, value in response.headers.multi_items() if name not in _OF_PACKING]
    return httpx.Response(
        response.status_code, headers=left, content=body, extensions=response.extensions, request=request
    )


def _body(request: httpx.Request, response: httpx.Response, end: float) -> bytes:
    packed = [each for each in response.headers.get_list("content-encoding", split_commas=True) if each in _PACKINGS]
    if packed not in ([], ["gzip"], ["deflate"]):  # what these unpack to is known only when it fills the memory
        if response.is_success:
            raise UnfitError(
                f"its body is packed as {', '.join(packed)}, though it was asked for as "
                f"{request.headers.get('accept-encoding', 'identity')}; have the server, or the proxy in front of it, "
                "heed Accept-Encoding"
            )
        return b""
    declared = response.headers.get("content-length", "")
    if not packed and declared.isdecimal() and int(declared) > MOST_BYTES:
        raise _too_long(f"has {int(declared):,} bytes, more than the {MOST_BYTES:,}")
    pieces, size = [], 0
    for piece in response.iter_bytes():
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            raise _too_long(f"is longer than the {MOST_BYTES:,} bytes")
        if time.monotonic() > end:
            raise httpx.ReadTimeout("the answer did not end")
    return b"".join(pieces)


def _too_long(how: str) -> UnfitError:
    return UnfitError(
        f"its body {how} that are taken in; ask for fewer orders at a time, where the file of the channel or target "
        "says how many, else the other side has to answer shorter"
    )
