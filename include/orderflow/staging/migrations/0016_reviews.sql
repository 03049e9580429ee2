-- Batches that wait for a person, and what recent batches looked like.

CREATE TABLE orderflow.reviews (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel      text COLLATE "C" NOT NULL,
    run_id       text COLLATE "C" NOT NULL,
    window_start timestamptz NOT NULL,
    window_end   timestamptz NOT NULL,
    purpose      text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('held', 'released', 'discarded', 'superseded')),
    why          text        NOT NULL,
    batch        jsonb       NOT NULL,
    held_at      timestamptz NOT NULL DEFAULT now(),
    decided_at   timestamptz,
    decided_by   text,
    decided_why  text,
    loaded_at    timestamptz,
    -- A run that validates the same batch again finds its row.
    UNIQUE (channel, run_id, purpose, window_start, window_end),
    CHECK ((state IN ('released', 'discarded')) <= (decided_by IS NOT NULL AND decided_why IS NOT NULL)),
    CHECK (loaded_at IS NULL OR state = 'released')
);

COMMENT ON TABLE orderflow.reviews IS 'one row per batch that a guard held: the receipt, and what a person decided';
COMMENT ON COLUMN orderflow.reviews.why IS 'what the guards saw';
COMMENT ON COLUMN orderflow.reviews.batch IS 'the receipt as validate left it: whoever releases it goes on from there';
COMMENT ON COLUMN orderflow.reviews.loaded_at IS 'set in the transaction that loads the released batch';

-- The work list, oldest first.
CREATE INDEX reviews_waiting ON orderflow.reviews (held_at) WHERE state = 'held';

CREATE TABLE orderflow.review_events (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    review_id bigint      NOT NULL REFERENCES orderflow.reviews,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    who       text        NOT NULL,
    what      text        NOT NULL CHECK (what IN ('held', 'kept', 'released', 'discarded', 'superseded', 'loaded')),
    why       text
);

COMMENT ON TABLE orderflow.review_events IS 'append-only: what happened to a held batch, by whom and why';

CREATE INDEX review_events_of ON orderflow.review_events (review_id);

CREATE TRIGGER review_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON orderflow.review_events
    FOR EACH STATEMENT EXECUTE FUNCTION orderflow.refuse_change();

CREATE TABLE orderflow.discarded_orders (
    review_id bigint NOT NULL REFERENCES orderflow.reviews,
    ordinal   bigint NOT NULL,
    order_id  text COLLATE "C",
    -- The records of one batch, in the order of its landing folder.
    PRIMARY KEY (review_id, ordinal)
);

COMMENT ON TABLE orderflow.discarded_orders IS
    'orders of batches that a person discarded; the reason stands in the review, the raw records stay in its landing folder';

-- Why an order that the channel shows is not in staging.
CREATE INDEX discarded_orders_of ON orderflow.discarded_orders (order_id);

CREATE TABLE orderflow.profiles (
    channel      text COLLATE "C" NOT NULL,
    window_start timestamptz NOT NULL,
    window_end   timestamptz NOT NULL,
    profile      jsonb       NOT NULL,
    loaded_at    timestamptz NOT NULL DEFAULT now(),
    -- A window that is loaded again replaces its profile.
    PRIMARY KEY (channel, window_start, window_end)
);

COMMENT ON TABLE orderflow.profiles IS
    'the shape of the raw records of recent windows (names, types, shares, categories; no personal data): what the next '
    'batch is compared with; written in the transaction that loads the window';
