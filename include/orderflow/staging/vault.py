"""Personal data at rest: AES-256-GCM, one sealed value per order, bound to the order it belongs to."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Secret

NONCE = 12
"""Bytes of the random nonce in front of each sealed value (NIST SP 800-38D: at most 2^32 values per key)."""


class Vault:
    """Seals with the current key, opens with any key it knows. What a value belongs to is authenticated, not hidden."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """`keys` by key id, each of 32 bytes; the first is the current one."""
        wrong = [key_id for key_id, key in keys.items() if len(key) != 32]
        if wrong or not keys:
            raise ConfigError(
                f"the vault key {wrong[0]!r} is not 32 bytes long; make one with `openssl rand -base64 32`"
                if wrong
                else "the vault has no key; make one with `openssl rand -base64 32`"
            )
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.key_id = next(iter(keys))

    @classmethod
    def parse(cls, secret: Secret) -> Vault:
        """Read `id:base64[,id:base64...]`, the current key first; older ones stay to open what they sealed."""
        keys: dict[str, bytes] = {}
        for part in secret.reveal().split(","):
            key_id, colon, encoded = part.strip().partition(":")
            if not colon:
                raise ConfigError("a vault key has no id in front of it; write it as id:base64, such as k1:...")
            if key_id in keys:
                raise ConfigError(
                    f"the vault key {key_id!r} stands there twice, so that only one of them would count; give the new "
                    "key an id of its own, and leave the old one behind it under its own"
                )
            try:
                keys[key_id] = base64.b64decode(encoded, validate=True)
            except binascii.Error as error:
                raise ConfigError(f"the vault key {key_id!r} is not base64; write it as id:base64") from error
        return cls(keys)

    def __repr__(self) -> str:
        return f"Vault(keys={list(self._ciphers)})"

    def seal(self, plains: Sequence[bytes], names: Sequence[str], channel: str) -> list[bytes]:
        """Seal each plain value with what it belongs to (`channel|name`); in the order given."""
        random = os.urandom(NONCE * len(plains))
        nonces = [random[start : start + NONCE] for start in range(0, len(random), NONCE)]
        owners = [f"{channel}|{name}".encode() for name in names]
        sealed = map(self._ciphers[self.key_id].encrypt, nonces, plains, owners)
        return list(map(bytes.__add__, nonces, sealed))

    def open(self, sealed: bytes, key_id: str, channel: str, name: str) -> bytes:
        """Raises `ConfigError` when the key is unknown or does not fit."""
        cipher = self._ciphers.get(key_id)
        whose = f"{channel} {name}: its personal data"
        if cipher is None:
            raise ConfigError(
                f"{whose} was sealed with key {key_id!r}, which the vault does not have (it has "
                f"{list(self._ciphers)}); add the old key behind the current one"
            )
        try:
            return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], f"{channel}|{name}".encode())
        except InvalidTag as error:
            raise ConfigError(
                f"{whose} does not open with key {key_id!r}: the key differs from the one that sealed it, or the value "
                "was moved or changed; restore the key under its id"
            ) from error
