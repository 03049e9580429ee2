-- What was expected of staged orders, and what was found: kept for trends, expired by upkeep.

CREATE TABLE orderflow.expectation_runs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel     text COLLATE "C" NOT NULL,
    day         date             NOT NULL,
    run_id      text             NOT NULL,
    asked_by    text             NOT NULL CHECK (asked_by IN ('schedule', 'person', 'load')),
    started_at  timestamptz      NOT NULL,
    seconds     double precision NOT NULL,
    orders      bigint           NOT NULL,
    lines       bigint           NOT NULL,
    partial     boolean          NOT NULL,
    engine      text             NOT NULL,
    expected    integer          NOT NULL,
    failed      integer          NOT NULL,
    -- The newest run of every day, and its trend; a task that runs again replaces its own.
    UNIQUE (channel, day, run_id)
);

COMMENT ON COLUMN orderflow.expectation_runs.day IS 'day on which the orders were created on the channel, in its own time zone';
COMMENT ON COLUMN orderflow.expectation_runs.partial IS 'the day has more orders than one run looks at';

-- Upkeep removes what is old.
CREATE INDEX expectation_runs_started ON orderflow.expectation_runs (started_at);

CREATE TABLE orderflow.expectation_results (
    expectation_run bigint  NOT NULL REFERENCES orderflow.expectation_runs ON DELETE CASCADE,
    position        integer NOT NULL,
    name            text    NOT NULL,
    kind            text    NOT NULL,
    "table"         text    NOT NULL CHECK ("table" IN ('orders', 'lines')),
    "column"        text,
    origin          text    NOT NULL CHECK (origin IN ('contract', 'channel')),
    meaning         text    NOT NULL,
    success         boolean NOT NULL,
    evaluated       bigint  NOT NULL,
    unexpected      bigint  NOT NULL,
    observed        text,
    sample          text[]  NOT NULL DEFAULT '{}',
    error           text,
    PRIMARY KEY (expectation_run, position)
);

COMMENT ON COLUMN orderflow.expectation_results.sample IS 'ids of a few orders that failed; never another value';

-- Reports look at the refused orders of some days, whatever became of them.
CREATE INDEX quarantine_windows ON orderflow.quarantine (channel, window_end);
