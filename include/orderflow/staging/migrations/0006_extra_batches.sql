-- Batches that prove no window: single orders pulled by their ids, or again from the landing zone.

CREATE TABLE orderflow.extra_batches (
    channel      text COLLATE "C" NOT NULL,
    run_id       text COLLATE "C" NOT NULL,
    purpose      text        NOT NULL CHECK (purpose IN ('repair', 'sweep', 'replay', 'hint')),
    window_start timestamptz NOT NULL,
    window_end   timestamptz NOT NULL,
    landing      text        NOT NULL,
    counts       jsonb       NOT NULL,
    reasons      jsonb       NOT NULL,
    warnings     jsonb       NOT NULL,
    repairs      jsonb       NOT NULL,
    seconds      jsonb       NOT NULL,
    notes        jsonb       NOT NULL,
    loaded_at    timestamptz NOT NULL DEFAULT now(),
    -- A run that loads the same batch again replaces its row.
    PRIMARY KEY (channel, purpose, run_id, window_start, window_end)
);

COMMENT ON TABLE orderflow.extra_batches IS
    'what was loaded outside of windows; written in the transaction that loads it, never counted as coverage';
COMMENT ON COLUMN orderflow.extra_batches.window_start IS 'span the orders were looked for in; proves nothing';

-- The story of a channel, newest first.
CREATE INDEX extra_batches_loaded ON orderflow.extra_batches (channel, loaded_at);
