-- The ledger: the record of what was pulled, and what it cost.

CREATE TABLE orderflow.windows (
    channel        text COLLATE "C" NOT NULL,
    window_start   timestamptz NOT NULL,
    window_end     timestamptz NOT NULL,
    span           tstzrange   NOT NULL GENERATED ALWAYS AS (tstzrange(window_start, window_end)) STORED,
    state          text        NOT NULL CHECK (state IN ('planned', 'extracted', 'loaded', 'synced', 'reconciled',
                                                         'failed', 'unreachable', 'held')),
    run_id         text        NOT NULL,
    attempts       integer     NOT NULL DEFAULT 1,
    counts         jsonb       NOT NULL DEFAULT '{}',
    reasons        jsonb       NOT NULL DEFAULT '{}',
    warnings       jsonb       NOT NULL DEFAULT '{}',
    repairs        jsonb       NOT NULL DEFAULT '{}',
    endpoints      jsonb       NOT NULL DEFAULT '{}',
    seconds        jsonb       NOT NULL DEFAULT '{}',
    bytes          bigint      NOT NULL DEFAULT 0,
    notes          jsonb       NOT NULL DEFAULT '[]',
    landing        text,
    error          text,
    planned_at     timestamptz NOT NULL DEFAULT now(),
    extracted_at   timestamptz,
    loaded_at      timestamptz,
    synced_at      timestamptz,
    reconciled_at  timestamptz,
    failed_at      timestamptz,
    held_at        timestamptz,
    unreachable_at timestamptz,
    -- Coverage, gaps and the pages walk one channel's windows in time.
    PRIMARY KEY (channel, window_start, window_end),
    CHECK (window_start < window_end),
    CHECK ((loaded_at IS NOT NULL) = (state IN ('loaded', 'synced', 'reconciled')))
);

COMMENT ON COLUMN orderflow.windows.loaded_at IS
    'proof of coverage: set only in the transaction that wrote the window''s orders; never taken back';
COMMENT ON COLUMN orderflow.windows.error IS 'what the last failed attempt said; a later success clears it';

-- A sync asks which loaded windows wait for nothing any more.
CREATE INDEX windows_loaded ON orderflow.windows (channel, window_start) WHERE state = 'loaded';

CREATE TABLE orderflow.endpoint_calls (
    channel           text COLLATE "C" NOT NULL,
    window_start      timestamptz      NOT NULL,
    window_end        timestamptz      NOT NULL,
    run_id            text             NOT NULL,
    endpoint          text             NOT NULL,
    calls             bigint           NOT NULL,
    seconds           double precision NOT NULL,
    slowest           double precision NOT NULL,
    bytes             bigint           NOT NULL,
    retries           bigint           NOT NULL,
    throttled_seconds double precision NOT NULL,
    statuses          jsonb            NOT NULL DEFAULT '{}',
    at                timestamptz      NOT NULL DEFAULT now(),
    -- A stage that runs again for the same window and run writes the same row.
    PRIMARY KEY (channel, window_start, window_end, run_id, endpoint)
);

-- Latency and errors over time; rows arrive in this order.
CREATE INDEX endpoint_calls_at ON orderflow.endpoint_calls USING brin (at);

CREATE TABLE orderflow.budgets (
    account    text             PRIMARY KEY,
    rate       double precision NOT NULL CHECK (rate > 0),
    burst      double precision NOT NULL CHECK (burst > 0),
    tokens     double precision NOT NULL,
    counted_at timestamptz      NOT NULL
);

COMMENT ON TABLE orderflow.budgets IS
    'one token bucket per account, shared by all that talk to it; negative tokens are promised to callers who wait';
