-- What healing set out to pull by itself, and why: its memory of how often a gap was tried.

CREATE TABLE orderflow.healings (
    channel      text COLLATE "C" NOT NULL,
    window_start timestamptz NOT NULL,
    window_end   timestamptz NOT NULL,
    number       integer     NOT NULL CHECK (number > 0),
    run_id       text        NOT NULL,
    cause        text        NOT NULL,
    dag_run_id   text        NOT NULL,
    position     integer     NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now(),
    alerted_at   timestamptz,
    -- Two finders at once start the same span once: the second one's row is refused.
    PRIMARY KEY (channel, window_start, window_end, number),
    CHECK (window_start < window_end)
);

COMMENT ON COLUMN orderflow.healings.number IS 'how often exactly this span was started, from 1';
COMMENT ON COLUMN orderflow.healings.run_id IS 'what windows.run_id says while it runs: heal__<span>__<number>';
COMMENT ON COLUMN orderflow.healings.dag_run_id IS 'Airflow run that pulls it; position is its map index there';
COMMENT ON COLUMN orderflow.healings.alerted_at IS 'when the owners were told that this span cannot be healed';

-- The sweep asks for orders that are not final, longest unread first.
CREATE TABLE orderflow.swept (
    channel  text COLLATE "C" NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    swept_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, order_id)
);

COMMENT ON TABLE orderflow.swept IS 'when a sweep last asked the channel for this order, whatever came';
