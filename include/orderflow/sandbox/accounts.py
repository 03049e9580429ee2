"""How to get into the simulated shops: connection and options, platform by platform, as the sandbox wants them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from orderflow.domain.source import Account, Secret
from orderflow.sandbox import platforms


class Way(NamedTuple):
    """`path` leads from the shop's address to that of its connection; the tokens of some come from `auth` below it."""

    login: str | None
    password: str
    tokens: bool = False
    path: str = ""
    auth: str | None = None
    options: Mapping[str, Any] = {}
    """What the channel file has to say."""
    currency: str | None = None
    """The one currency of a marketplace; None for shops, which choose theirs."""
    renews: bool = True
    """Whether a credential that the platform refuses can be renewed without a person."""
    orders: str = "*"
    """Shell pattern of the requests for orders, where the renewal of a token would match `*` and works only once."""


WAYS = {
    "woocommerce": Way("ck_demo", "cs_demo", renews=False),
    "shopify": Way(None, "shpat_demo", renews=False),
    "shopee": Way("2001887", "demo-partner-key", tokens=True, options={"shop_id": 14701711}, currency="TWD"),
    "lazada": Way("123456", "demo-app-secret", tokens=True, path="/rest", auth="", currency="THB"),
    "tiktok_shop": Way(
        "6abc12def", "demo-app-secret", tokens=True, auth="", options={"shop_cipher": "GCP_demo"}, currency="USD"
    ),
    "magento": Way("demo", "demo-password", options={"auth": "admin"}),
    "amazon_sp_api": Way(
        "amzn1.demo-client",
        "demo-client-secret",
        tokens=True,
        auth="/auth/o2/token",
        options={"marketplaces": ["ATVPDKIKX0DER"]},
        currency="USD",
    ),
    "ebay": Way("Demo-PRD-1", "demo-client-secret", tokens=True, currency="USD"),
    "taobao_tmall": Way("12345678", "demo-app-secret", tokens=True, currency="CNY", orders="*taobao.trade*"),
    "jd": Way("DEMOJDKEY", "demo-jd-secret", tokens=True, auth="/oauth2", currency="CNY"),
    "pinduoduo": Way("demo_client", "demo-secret", tokens=True, currency="CNY"),
    "douyin": Way("7000000000000000001", "demo-app-secret", tokens=True, currency="CNY"),
}
"""Every platform that is asked over HTTP; a channel of files needs its folder alone."""


def way(platform: str) -> Way:
    """The way into this platform's shops: listed above, or `WAY` in the platform's own module."""
    found: Way = WAYS.get(platform) or importlib.import_module(platforms.module(platform)).WAY
    return found


def account(platform: str, name: str, url: str, renewed: Mapping[str, Any] | None = None) -> Account:
    """The connection `name` to the shop at `url`; `renewed` are tokens that came in place of the first ones."""
    told = way(platform)
    base = url + told.path
    extra: dict[str, Any] = {}
    if told.tokens:
        extra = {"access_token": "demo-access-token", "refresh_token": "demo-refresh-token"}
    if told.auth is not None:
        extra["auth_url"] = base + told.auth
    return Account(name, base, told.login, Secret(told.password), extra | dict(renewed or {}))
