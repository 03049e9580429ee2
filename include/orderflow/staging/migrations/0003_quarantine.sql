-- Where an order waits that may not go on. One row per order of a channel (or per raw record that names no order).

CREATE TABLE orderflow.quarantine (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel            text COLLATE "C" NOT NULL,
    subject            text COLLATE "C" NOT NULL,
    order_id           text,
    source             text        NOT NULL CHECK (source IN ('validate', 'unreadable', 'oms')),
    state              text        NOT NULL CHECK (state IN ('open', 'parked', 'released', 'discarded', 'superseded')),
    reasons            jsonb       NOT NULL,
    raw_sha256         bytea,
    sealed_raw         bytea,
    key_id             text,
    document           jsonb,
    content_hash       bytea,
    channel_updated_at timestamptz,
    value              numeric(20,6),
    currency           text,
    landing            text        NOT NULL,
    ordinal            bigint,
    fetched_at         timestamptz NOT NULL,
    window_start       timestamptz NOT NULL,
    window_end         timestamptz NOT NULL,
    times_seen         integer     NOT NULL DEFAULT 1,
    first_seen_at      timestamptz NOT NULL DEFAULT now(),
    last_seen_at       timestamptz NOT NULL DEFAULT now(),
    -- Loading finds the row of an order, or of a record without one, to reopen instead of adding a second.
    UNIQUE (channel, subject)
);

COMMENT ON COLUMN orderflow.quarantine.subject IS 'order_id, or sha256:<hex> of the raw record when it names no order';
COMMENT ON COLUMN orderflow.quarantine.reasons IS '[{code, field, value, message}, ...]';
COMMENT ON COLUMN orderflow.quarantine.sealed_raw IS 'raw record, AES-256-GCM, associated data channel|subject';
COMMENT ON COLUMN orderflow.quarantine.value IS 'value at risk: grand total in the shop currency, else in the order''s';
COMMENT ON COLUMN orderflow.quarantine.times_seen IS 'windows that brought it, without repeats of the same window';

-- The work list and the backlog metrics read only what waits, newest first; decided rows stay out of this index.
CREATE INDEX quarantine_waiting ON orderflow.quarantine (channel, last_seen_at) WHERE state IN ('open', 'parked');

CREATE TABLE orderflow.quarantine_events (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    quarantine_id bigint      NOT NULL,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    who           text        NOT NULL,
    what          text        NOT NULL,
    why           text
);

COMMENT ON TABLE orderflow.quarantine_events IS 'append-only: every change of a quarantine row''s state, by whom and why';

-- The story of one row.
CREATE INDEX quarantine_events_of ON orderflow.quarantine_events (quarantine_id);

CREATE FUNCTION orderflow.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: rows are added, never changed or removed', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER quarantine_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON orderflow.quarantine_events
    FOR EACH STATEMENT EXECUTE FUNCTION orderflow.refuse_change();
