"""What people decided about single orders, as the stages of a channel are told of it."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.decision import Decisions, Edit, Waiver
from orderflow.domain.errors import ConfigError
from orderflow.staging.session import transaction
from orderflow.staging.vault import Vault


def decisions(connection: Connection, channel: str, vault: Vault | None = None) -> Decisions:
    """All edits and waivers that hold for the channel now.

    Edits of personal data are sealed: raises `ConfigError` where there are some and no `vault` opens them.
    """
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT order_id, path, value, sealed, key_id FROM orderflow.order_edits"
            " WHERE channel = %s AND withdrawn_at IS NULL ORDER BY order_id, id",
            (channel,),
        )
        edited = cursor.fetchall()
        cursor.execute(
            "SELECT order_id, codes, content_hash FROM orderflow.order_waivers"
            " WHERE channel = %s AND withdrawn_at IS NULL",
            (channel,),
        )
        waived = cursor.fetchall()
    edits: dict[str, tuple[Edit, ...]] = {}
    for order_id, path, value, sealed, key_id in edited:
        plain = value if sealed is None else _opened(vault, bytes(sealed), key_id, channel, order_id, path)
        edits[order_id] = (*edits.get(order_id, ()), Edit(path, plain))
    waivers = {order_id: Waiver(frozenset(codes), bytes(content)) for order_id, codes, content in waived}
    return Decisions(edits, waivers)


def sealed_name(order_id: str, path: str) -> str:
    """What a sealed edit belongs to, for the vault."""
    return f"edit|{order_id}|{path}"


def _opened(vault: Vault | None, sealed: bytes, key_id: str, channel: str, order_id: str, path: str) -> str:
    if vault is None:
        raise ConfigError(
            f"{channel}: order {order_id} has an edit of {path}, which is personal data and sealed; "
            "open the vault with its key before reading the decisions"
        )
    return vault.open(sealed, key_id, channel, sealed_name(order_id, path)).decode()
