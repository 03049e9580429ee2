-- Access tokens that a platform renewed, by account: the newest one, sealed.

CREATE TABLE orderflow.tokens (
    account        text PRIMARY KEY,
    credentials    text        NOT NULL,
    sealed         bytea,
    key_id         text,
    expires_at     timestamptz,
    kept_at        timestamptz,
    renewing_since timestamptz
);

COMMENT ON COLUMN orderflow.tokens.credentials IS 'fingerprint of the connection the token was got with; another one outdates it';
COMMENT ON COLUMN orderflow.tokens.sealed IS 'token as JSON, AES-256-GCM, associated data tokens|account';
COMMENT ON COLUMN orderflow.tokens.renewing_since IS
    'a renewal was begun and its answer not kept yet: after a crash the platform may have withdrawn the old token';
