"""Every platform's own rule, over the exact bytes. The vectors are worked out from the documented formulas."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from orderflow import adapters
from orderflow.domain.errors import ConfigError, DeniedError
from orderflow.domain.source import Account, Posted, Secret

NOW = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)
SHOPEE = (
    b'{"data":{"ordersn":"2603099DEMO01","status":"READY_TO_SHIP","completed_scenario":"","update_time":1773021600},'
    b'"shop_id":14701711,"code":3,"timestamp":1773021600}'
)
LAZADA = (
    '{"seller_id":"1234567","message_type":0,"data":{"order_status":"unpaid","trade_order_id":"260422900198363"},'
    '"timestamp":1603766859530,"site":"lazada_vn","note":"謝謝🙏"}'
).encode()


def account(login=None, password=None, **extra):
    return Account("shop", "https://shop.example", login, Secret(password) if password else None, extra)


CASES = {
    "shopify": (
        account(webhook_secret="shpss_test_secret_0001"),
        {},
        Posted(
            "https://oms.example.com/inbox/a",
            {
                "x-shopify-hmac-sha256": "3iUN/cHZ3lqEo9F0fNappNxGS6bpMLVamJBaZQRg9Uo=",
                "x-shopify-topic": "orders/updated",
                "x-shopify-webhook-id": "b54557e4",
            },
            b'{"id":5501,"name":"#1001","email":"zoe@example.test"}',
        ),
        (["gid://shopify/Order/5501"], "b54557e4"),
    ),
    "woocommerce": (
        account("ck_1", "cs_1", webhook_secret="wh_secret"),
        {},
        Posted(
            "https://oms.example.com/inbox/a",
            {
                "x-wc-webhook-signature": "8qt7WR0//geHSFUH4lZ/cHn1UVGgwby0a63723U6ytw=",
                "x-wc-webhook-topic": "order.updated",
                "x-wc-webhook-delivery-id": "4711",
            },
            b'{"id":727}',
        ),
        (["727"], "4711"),
    ),
    "tiktok_shop": (
        account("6abc12def", "tts_secret_123"),
        {"shop_cipher": "GCP_cipher=="},
        Posted(
            "https://oms.example.com/inbox/a",
            {"authorization": "da181a7daf1627e3e359ea49d220e75a516cf3f39057a996f7076b3042edc55b"},
            b'{"type":1,"shop_id":"7495","data":{"order_id":"576"}}',
        ),
        (["576"], None),
    ),
    "shopee": (
        account("2001887", "a1b2c3d4e5f60718293a4b5c6d7e8f90", webhook_url="https://oms.example.com/hook/shopee"),
        {"shop_id": 14701711},
        Posted(
            "http://10.0.0.7:8085/inbox/a",
            {"authorization": "81244f38154fe248ea8e46cc7c67faf95654ac09bc763c4fd511365467eb3ffe"},
            SHOPEE,
        ),
        (["2603099DEMO01"], None),
    ),
    "douyin": (
        account("7000000000000000001", "a1b2c3d4e5f60718293a4b5c6d7e8f90"),
        {},
        Posted(
            "https://oms.example.com/inbox/a",
            {"event-sign": "ee688f6acb98230b34cfac45f696e188"},
            b'[{"tag":"100","msg_id":"1","data":"{}"}]',
        ),
        ([], None),
    ),
    "lazada": (
        account("115527", "helloworld"),
        {},
        Posted(
            "https://oms.example.com/inbox/a",
            {"authorization": hmac.new(b"helloworld", b"115527" + LAZADA, hashlib.sha256).hexdigest().upper()},
            LAZADA,
        ),
        (["260422900198363"], None),
    ),
}


def asked(name, posted, *, by=None, **options):
    found, given, _, _ = CASES[name]
    adapter = adapters.find(name)
    return adapter.webhook(posted, by or found, adapter.options(**(given | options)), NOW)


@pytest.mark.parametrize("name", CASES)
def test_a_signed_delivery_names_its_order(name):
    hint = asked(name, CASES[name][2])
    assert (list(hint.order_ids), hint.delivery) == CASES[name][3]


@pytest.mark.parametrize("name", CASES)
def test_one_other_byte_or_no_signature_or_another_secret_is_refused(name):
    posted = CASES[name][2]
    forged = [
        Posted(posted.url, posted.headers, posted.body + b" "),
        Posted(posted.url, posted.headers, posted.body.swapcase()),
        Posted(posted.url, {}, posted.body),
        Posted(posted.url, dict.fromkeys(posted.headers, "é☃"), posted.body),
        Posted(posted.url, dict.fromkeys(posted.headers, ""), posted.body),
    ]
    for each in forged:
        with pytest.raises(DeniedError, match="not signed"):
            asked(name, each)
    with pytest.raises(DeniedError):
        asked(name, posted, by=account("115527", "other", webhook_secret="other"))


@pytest.mark.parametrize("name", CASES)
def test_a_connection_without_a_secret_says_what_to_put_where(name):
    with pytest.raises(ConfigError, match=r"webhook_secret|login and password"):
        asked(name, CASES[name][2], by=account())


def test_the_client_secret_of_an_app_signs_shopifys_webhooks_and_an_access_token_does_not():
    posted = CASES["shopify"][2]
    assert asked("shopify", posted, by=account("client", "shpss_test_secret_0001")).order_ids
    with pytest.raises(ConfigError, match="webhook_secret"):
        asked("shopify", posted, by=account(None, "shpss_test_secret_0001"))


def test_a_message_about_another_shop_of_the_same_app_names_nothing():
    assert asked("shopee", CASES["shopee"][2], shop_id=99).order_ids == []


def test_douyins_messages_name_several_orders_and_want_an_answer():
    body = (
        '[{"tag":"101","msg_id":"2","data":"{\\"p_id\\":6900000000000000001,\\"shop_id\\":1}"},'
        '{"tag":"0","data":"不是 JSON"},{"tag":"206","data":"{\\"p_id\\":\\"6900000000000000002\\"}"},7]'
    ).encode()
    secret = b"a1b2c3d4e5f60718293a4b5c6d7e8f90"
    sign = hashlib.md5(b"7000000000000000001" + body + secret).hexdigest()
    hint = asked("douyin", Posted("", {"event-sign": sign}, body))
    assert hint.order_ids == ["6900000000000000001", "6900000000000000002"]
    assert hint.answer == '{"code":0,"msg":"success"}'


def shopify(topic, body):
    signature = base64.b64encode(hmac.new(b"shpss_test_secret_0001", body, hashlib.sha256).digest()).decode()
    return Posted("", {"x-shopify-hmac-sha256": signature, "x-shopify-topic": topic}, body)


@pytest.mark.parametrize(
    ("topic", "body", "named"),
    [
        ("refunds/create", b'{"id":1,"order_id":5501}', ["gid://shopify/Order/5501"]),
        ("fulfillments/update", b'{"id":1,"order_id":5501}', ["gid://shopify/Order/5501"]),
        ("orders/delete", b'{"id":5501}', ["gid://shopify/Order/5501"]),
        ("orders/edited", b'{"order_edit":{"id":1,"order_id":5501}}', ["gid://shopify/Order/5501"]),
        (
            "orders/risk_assessment_changed",
            b'{"risk_level":"high","admin_graphql_api_order_id":"gid://shopify/Order/5501"}',
            ["gid://shopify/Order/5501"],
        ),
        ("returns/approve", b'{"id":1,"order":{"id":5501}}', ["gid://shopify/Order/5501"]),
        ("products/update", b'{"id":5501}', []),
        ("orders/updated", b"[]", []),
        ("orders/updated", b"\xff\xfe", []),
    ],
)
def test_what_a_topic_is_about_decides_which_id_is_taken(topic, body, named):
    assert asked("shopify", shopify(topic, body)).order_ids == named


REST = {
    "auth": {"kind": "none"},
    "orders": {"path": "orders", "page": {"kind": "none"}},
    "id": "id",
    "map": {"order": {"order_id": "id"}},
}


def rest(**hook):
    adapter = adapters.find("rest")
    options = adapter.options(**REST, webhook={"header": "X-Signature", "id": "order.id", **hook})
    return lambda posted: adapter.described(options).webhook(
        posted, account(webhook_secret="schlüssel 🔑"), options, NOW
    )


def signed(*parts, algorithm="sha256"):
    return hmac.new("schlüssel 🔑".encode(), b"".join(parts), algorithm)


BODY = '{"order": {"id": "№-１２３-😀"}}'.encode()


def test_a_channel_file_says_which_header_signs():
    plain = Posted("https://us/inbox/a", {"x-signature": signed(BODY).hexdigest().upper()}, BODY)
    assert rest()(plain).order_ids == ["№-１２３-😀"]
    other = {"x-signature": "sha1=" + base64.b64encode(signed(BODY, algorithm="sha1").digest()).decode(), "x-id": "d1"}
    hook = rest(algorithm="sha1", encoding="base64", prefix="sha1=", delivery="X-Id")
    assert hook(Posted("", other, BODY)).delivery == "d1"
    with pytest.raises(DeniedError):
        hook(Posted("", other | {"x-signature": other["x-signature"].removeprefix("sha1=")}, BODY))


@pytest.mark.parametrize(("age", "good"), [(0, True), (299, True), (301, False), (-299, True), (-301, False)])
@pytest.mark.parametrize("behind", ["", "999"], ids=["seconds", "milliseconds"])
def test_a_signed_time_must_be_recent(age, good, behind):
    sent = f"{int(NOW.timestamp()) - age}{behind}"
    headers = {"x-time": sent, "x-id": "d", "x-signature": signed(f"d.{sent}.".encode(), BODY).hexdigest()}
    hook = rest(signed="{delivery}.{timestamp}.{body}", timestamp="X-Time", delivery="X-Id")
    if good:
        assert hook(Posted("", headers, BODY)).order_ids
        return
    with pytest.raises(DeniedError, match="too long ago"):
        hook(Posted("", headers, BODY))


@pytest.mark.parametrize("sent", ["", "soon", "-5", "9" * 30, "１２３"])
def test_a_time_that_is_none_is_refused(sent):
    headers = {"x-time": sent, "x-signature": signed(f"{sent}.".encode(), BODY).hexdigest()}
    with pytest.raises(DeniedError):
        rest(signed="{timestamp}.{body}", timestamp="X-Time")(Posted("", headers, BODY))


def test_braces_in_a_body_are_bytes_like_any_others():
    body = b'{"order": {"id": "{timestamp}"}}'
    headers = {"x-time": "1", "x-signature": signed(body).hexdigest()}
    assert rest()(Posted("", headers, body)).order_ids == ["{timestamp}"]


STANDARD = {
    "header": "webhook-signature", "encoding": "base64", "prefix": "v1,", "key": "base64", "delivery": "webhook-id",
    "timestamp": "webhook-timestamp", "signed": "{delivery}.{timestamp}.{body}", "id": "test",
}  # fmt: skip
"""As https://www.standardwebhooks.com tells a channel file."""
SVIX = Posted(
    "",
    {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,x "
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    b'{"test": 2432232314}',
)
"""The vector of the reference implementation, beside the signature of a secret that is being taken out of use."""


def by_secret(secret, **hook):
    adapter = adapters.find("rest")
    options = adapter.options(**REST, webhook=hook)
    sent = datetime.fromtimestamp(1614265330, UTC)
    return lambda posted: adapter.described(options).webhook(posted, account(webhook_secret=secret), options, sent)


@pytest.mark.parametrize("secret", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_a_standard_webhook_is_taken_by_any_of_its_signatures(secret):
    hook = by_secret(secret, **STANDARD)
    assert hook(SVIX).order_ids == ["2432232314"]
    other = SVIX.headers["webhook-signature"].rpartition(" ")[0]
    for headers in (SVIX.headers | {"webhook-signature": other}, SVIX.headers | {"webhook-id": "msg_2"}):
        with pytest.raises(DeniedError, match="not signed"):
            hook(Posted("", headers, SVIX.body))


@pytest.mark.parametrize("secret", ["whsec_süß-0001", "whsec_"])
def test_a_secret_that_is_no_base64_is_told_and_not_shown(secret):
    with pytest.raises(ConfigError, match="connection shop: its webhook_secret is no base64") as caught:
        by_secret(secret, **STANDARD)(SVIX)
    assert "0001" not in str(caught.value)


def test_a_platform_that_signs_nothing_sends_the_secret_itself():
    """pretix: login and password in the address that it calls; BigCommerce: a header that one names oneself."""
    secret = base64.b64encode(b"hook:Sesam").decode()
    hook = by_secret(secret, header="Authorization", prefix="Basic ", algorithm="none", id="code")
    assert hook(Posted("", {"authorization": f"Basic {secret}"}, b'{"code": "VAZ9Z"}')).order_ids == ["VAZ9Z"]
    for wrong in (secret, f"Basic {secret.lower()}", "Basic ", "", f"Basic {secret}x"):
        with pytest.raises(DeniedError, match="not signed"):
            hook(Posted("", {"authorization": wrong}, b'{"code": "VAZ9Z"}'))
