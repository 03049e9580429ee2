-- What people decide about quarantined orders, and what the OMS calls a channel's articles.
--
-- Codes, SKUs and order ids are indexed only as far as an index holds them: what is longer is no identifier of anybody.

CREATE FUNCTION orderflow.reason_codes(reasons jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce((array_agg(DISTINCT r ->> 'code' ORDER BY r ->> 'code'))[1:40], '{}')
    FROM jsonb_array_elements(reasons) AS r
$$;

CREATE FUNCTION orderflow.line_skus(document jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT l ->> 'sku' ORDER BY l ->> 'sku'), '{}')
    FROM jsonb_array_elements(document -> 'lines') AS l WHERE length(l ->> 'sku') <= 200
$$;

CREATE FUNCTION orderflow.unmapped_skus(document jsonb, reasons jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT l ->> 'sku' ORDER BY l ->> 'sku'), '{}')
    FROM jsonb_array_elements(document -> 'lines') AS l
    WHERE reasons @> '[{"code": "SKU_UNMAPPED"}]' AND length(l ->> 'sku') <= 200 AND NOT l ? 'oms_sku'
$$;

CREATE FUNCTION orderflow.ordered_at(document jsonb, fetched_at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce((coalesce(document ->> 'placed_at', document ->> 'channel_created_at',
        document ->> 'channel_updated_at'))::timestamptz, fetched_at)
$$;

COMMENT ON FUNCTION orderflow.ordered_at IS 'when an order was placed, as well as it is known: the SKU map of then holds';

CREATE FUNCTION orderflow.waiting_state(reasons jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN bool_and(r ->> 'code' = 'SKU_UNMAPPED') THEN 'parked' ELSE 'open' END
    FROM jsonb_array_elements(reasons) AS r
$$;

COMMENT ON FUNCTION orderflow.waiting_state IS
    'how the flow itself lets an order wait: parked where only the SKU map can help, open where a person must look';

ALTER TABLE orderflow.quarantine
    ADD codes text[] NOT NULL GENERATED ALWAYS AS (orderflow.reason_codes(reasons)) STORED,
    ADD skus text[] NOT NULL GENERATED ALWAYS AS (orderflow.line_skus(document)) STORED,
    ADD unmapped text[] NOT NULL GENERATED ALWAYS AS (orderflow.unmapped_skus(document, reasons)) STORED,
    ADD assignee text,
    ADD decided_by text,
    ADD decided_at timestamptz,
    ADD replay_asked_at timestamptz;

-- Raw records and documents move out of line, so that lists and totals read narrow rows.
ALTER TABLE orderflow.quarantine SET (toast_tuple_target = 256);

COMMENT ON COLUMN orderflow.quarantine.codes IS 'the rules it breaks, each once';
COMMENT ON COLUMN orderflow.quarantine.skus IS 'the channel''s SKUs on its lines';
COMMENT ON COLUMN orderflow.quarantine.unmapped IS 'those of its SKUs that the SKU map lacked when it was judged';
COMMENT ON COLUMN orderflow.quarantine.assignee IS 'the person who looks after it; the team is that of its rules';
COMMENT ON COLUMN orderflow.quarantine.decided_by IS
    'who brought it into its present state; null: the flow itself, which then also moves it between open and parked';
COMMENT ON COLUMN orderflow.quarantine.replay_asked_at IS
    'since when its raw record waits to be judged again; the load of that replay clears it';

-- The work list: what waits, newest first, of one channel or of all; ties (one load, one moment) are broken by id.
DROP INDEX orderflow.quarantine_waiting;
CREATE INDEX quarantine_waiting ON orderflow.quarantine (channel, last_seen_at, id) WHERE state IN ('open', 'parked');
CREATE INDEX quarantine_waiting_anywhere ON orderflow.quarantine (last_seen_at, id) WHERE state IN ('open', 'parked');
-- The same list of one state, what was decided included.
CREATE INDEX quarantine_of_state ON orderflow.quarantine (state, last_seen_at, id);
-- Filters of the work list by reason, SKU and order.
CREATE INDEX quarantine_codes ON orderflow.quarantine USING gin (codes) WHERE state IN ('open', 'parked');
CREATE INDEX quarantine_skus ON orderflow.quarantine USING gin (skus) WHERE state IN ('open', 'parked');
-- One order, whatever its channel.
CREATE INDEX quarantine_subject ON orderflow.quarantine (subject);
-- Totals by reason read nothing but this index, one group per combination of reasons.
CREATE INDEX quarantine_totals ON orderflow.quarantine (channel, codes, state, currency) INCLUDE (value)
    WHERE state IN ('open', 'parked');
-- What waits for a mapping, by SKU and by channel.
CREATE INDEX quarantine_unmapped ON orderflow.quarantine USING gin (unmapped)
    WHERE state IN ('open', 'parked') AND unmapped <> '{}';
CREATE INDEX quarantine_unmapped_of ON orderflow.quarantine (channel)
    WHERE state IN ('open', 'parked') AND unmapped <> '{}';
-- Loading asks whether a good version could end something that was discarded.
CREATE INDEX quarantine_discarded ON orderflow.quarantine (channel) WHERE state = 'discarded';
-- What the next replay takes.
CREATE INDEX quarantine_replay_asked ON orderflow.quarantine (channel, replay_asked_at)
    WHERE replay_asked_at IS NOT NULL;

ALTER TABLE orderflow.quarantine_events ADD detail jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN orderflow.quarantine_events.detail IS
    'what belongs to it: waived codes, edited paths (never personal values), the state before';

CREATE TABLE orderflow.order_edits (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel       text COLLATE "C" NOT NULL,
    order_id      text COLLATE "C" NOT NULL,
    path          text        NOT NULL,
    value         text,
    sealed        bytea,
    key_id        text,
    who           text        NOT NULL,
    why           text        NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    withdrawn_at  timestamptz,
    withdrawn_by  text,
    withdrawn_why text,
    CHECK ((sealed IS NULL) = (key_id IS NULL) AND (sealed IS NULL OR value IS NULL))
);

COMMENT ON TABLE orderflow.order_edits IS
    'values that people corrected; applied to every later version of the order until withdrawn';
COMMENT ON COLUMN orderflow.order_edits.sealed IS
    'a personal value, AES-256-GCM, associated data channel|edit|order_id|path';

-- Cleaning reads what holds for a channel; a path has one value at a time.
CREATE UNIQUE INDEX order_edits_hold ON orderflow.order_edits (channel, order_id, path) WHERE withdrawn_at IS NULL;

CREATE TABLE orderflow.order_waivers (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel      text COLLATE "C" NOT NULL,
    order_id     text COLLATE "C" NOT NULL,
    codes        text[]      NOT NULL,
    content_hash bytea       NOT NULL,
    who          text        NOT NULL,
    why          text        NOT NULL,
    made_at      timestamptz NOT NULL DEFAULT now(),
    withdrawn_at timestamptz,
    withdrawn_by text
);

COMMENT ON TABLE orderflow.order_waivers IS 'rules that a person let pass for one content of one order';

-- Validation reads what holds for a channel; an order has one waiver at a time.
CREATE UNIQUE INDEX order_waivers_hold ON orderflow.order_waivers (channel, order_id) WHERE withdrawn_at IS NULL;

ALTER TABLE orderflow.sku_map
    ADD changed_at timestamptz NOT NULL DEFAULT now(),
    ADD changed_by text NOT NULL DEFAULT '',
    -- A SKU means one article at a time. The hash stands for channel and SKU, because ranges have a GiST class of
    -- their own while text would need an extension.
    ADD CONSTRAINT sku_map_one_at_a_time EXCLUDE USING gist (
        int8range(hashtextextended(channel || chr(31) || sku, 0), hashtextextended(channel || chr(31) || sku, 0), '[]')
            WITH =,
        tstzrange(valid_from, valid_to) WITH &&);

-- Suggestions and the pages ask which channel SKUs an article has.
CREATE INDEX sku_map_oms_sku ON orderflow.sku_map (oms_sku);

CREATE TABLE orderflow.sku_map_events (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    channel    text COLLATE "C" NOT NULL,
    sku        text        NOT NULL,
    what       text        NOT NULL CHECK (what IN ('added', 'changed', 'removed')),
    oms_sku    text        NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to   timestamptz NOT NULL,
    who        text        NOT NULL,
    why        text        NOT NULL
);

COMMENT ON TABLE orderflow.sku_map_events IS 'append-only: every change of the SKU map, by whom and why';

-- The story of one SKU; and what changed in a channel since its waiting orders were last judged.
CREATE INDEX sku_map_events_of ON orderflow.sku_map_events (channel, sku, id);
CREATE INDEX sku_map_events_at ON orderflow.sku_map_events (channel, at);

CREATE TRIGGER sku_map_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON orderflow.sku_map_events
    FOR EACH STATEMENT EXECUTE FUNCTION orderflow.refuse_change();

-- What waited before anybody decided: as the flow would have it now.
UPDATE orderflow.quarantine SET state = 'parked'
WHERE state = 'open' AND orderflow.waiting_state(reasons) = 'parked';
