"""What a user reads when a credential is wrong: the whole message, and never a secret."""

from __future__ import annotations

from command_line import ASKED, GRAPHQL, HUSH, connection, run


def test_a_wrong_woocommerce_secret_sends_the_operator_to_the_connection(right: dict[str, str], shop: str):
    wrong = connection("http", host=f"{shop}/demo_woocommerce", login="ck_demo", password=f"cs_{HUSH}")
    assert run(right | {"AIRFLOW_CONN_DEMO_WOOCOMMERCE": wrong}) == (
        f"3 DeniedError {ASKED}: status 401 (woocommerce_rest_authentication_error: "
        "Invalid signature - provided signature does not match.) instead of a count of orders; the "
        "credentials are wrong or expired; renew them in the connection"
    )


def test_a_woocommerce_connection_without_keys_says_which_fields_are_needed(right: dict[str, str], shop: str):
    wrong = connection("http", host=f"{shop}/demo_woocommerce")
    assert run(right | {"AIRFLOW_CONN_DEMO_WOOCOMMERCE": wrong}) == (
        "2 ConfigError connection demo_woocommerce: login and password are both needed; fill them in"
    )


def test_a_wrong_shopify_token_sends_the_operator_to_the_connection(right: dict[str, str], shop: str):
    wrong = connection("http", host=f"{shop}/demo_shopify", password=f"shpat_{HUSH}")
    assert run(right | {"AIRFLOW_CONN_DEMO_SHOPIFY": wrong}, "demo_shopify") == (
        f"3 DeniedError {GRAPHQL}: status 401 instead of a count of orders; the credentials are wrong "
        "or expired; renew them in the connection"
    )


def test_a_wrong_shopify_client_secret_is_told_from_a_wrong_token(right: dict[str, str], shop: str):
    wrong = connection("http", host=f"{shop}/demo_shopify", login="demo-client", password=f"shpss_{HUSH}")
    assert run(right | {"AIRFLOW_CONN_DEMO_SHOPIFY": wrong}, "demo_shopify") == (
        "3 DeniedError POST /demo_shopify/admin/oauth/access_token: status 401 instead of an access token; "
        "client id or secret is wrong, or the app is not installed in this shop; correct them"
    )


def test_a_wrong_oms_token_is_told_from_a_wrong_token_of_the_channel(right: dict[str, str], oms: str):
    wrong = connection("http", host=oms, password=HUSH)
    assert run(right | {"AIRFLOW_CONN_DEMO_OMS": wrong}) == (
        "3 DeniedError demo_oms (127.0.0.1): submit batch answered HTTP 401: the OMS does not let us in; "
        "check the secret of its connection"
    )
