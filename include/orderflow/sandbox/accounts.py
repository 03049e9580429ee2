"""How to get into the simulated shops: connection and options, platform by platform, as the sandbox wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from orderflow.domain.source import Account, Secret


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


WAYS = {
    "woocommerce": Way("ck_demo", "cs_demo"),
    "shopify": Way(None, "shpat_demo"),
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
    "taobao_tmall": Way("12345678", "demo-app-secret", tokens=True, currency="CNY"),
    "jd": Way("DEMOJDKEY", "demo-jd-secret", tokens=True, auth="/oauth2", currency="CNY"),
    "pinduoduo": Way("demo_client", "demo-secret", tokens=True, currency="CNY"),
    "douyin": Way("7000000000000000001", "demo-app-secret", tokens=True, currency="CNY"),
}
"""Every platform that is asked over HTTP; a channel of files needs its folder alone."""


def account(platform: str, name: str, url: str, renewed: Mapping[str, Any] | None = None) -> Account:
    """The connection `name` to the shop at `url`; `renewed` are tokens that came in place of the first ones."""
    way = WAYS[platform]
    base = url + way.path
    extra: dict[str, Any] = {}
    if way.tokens:
        extra = {"access_token": "demo-access-token", "refresh_token": "demo-refresh-token"}
    if way.auth is not None:
        extra["auth_url"] = base + way.auth
    return Account(name, base, way.login, Secret(way.password), extra | dict(renewed or {}))
