-- What is measured: totals that only grow, and what of a channel's time is settled; both kept while loading, so that
-- reading them costs the same however many orders and windows there are.

CREATE TABLE orderflow.measures (
    channel text COLLATE "C" NOT NULL,
    name    text COLLATE "C" NOT NULL,
    labels  text[] COLLATE "C" NOT NULL,
    value   double precision NOT NULL,
    PRIMARY KEY (channel, name, labels)
) WITH (fillfactor = 50);

COMMENT ON TABLE orderflow.measures IS
    'totals since the first day: they only grow, whatever runs again and whatever upkeep removes; served as counters';
COMMENT ON COLUMN orderflow.measures.labels IS
    'values of the labels that the name has beside the channel; of a histogram, the last one is the upper bound of a '
    'bucket in seconds (not cumulated), or sum';

CREATE TABLE orderflow.coverage (
    channel text COLLATE "C" PRIMARY KEY,
    settled tstzmultirange NOT NULL
) WITH (fillfactor = 50);

COMMENT ON TABLE orderflow.coverage IS 'derived from windows by trigger: all time that is proven, or out of reach';

CREATE FUNCTION orderflow.cover() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO orderflow.coverage AS c
    SELECT channel, range_agg(span) FROM after
    WHERE loaded_at IS NOT NULL OR state = 'unreachable' GROUP BY channel ORDER BY channel
    ON CONFLICT (channel) DO UPDATE SET settled = c.settled + excluded.settled
    WHERE NOT c.settled @> excluded.settled;
    RETURN NULL;
END
$$;

CREATE FUNCTION orderflow.uncover() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lost text[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM orderflow.coverage;
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        lost := ARRAY(SELECT DISTINCT channel FROM before WHERE loaded_at IS NOT NULL OR state = 'unreachable');
    ELSE
        lost := ARRAY(
            SELECT DISTINCT b.channel FROM before AS b
            JOIN after AS a USING (channel, window_start, window_end)
            WHERE (b.loaded_at IS NOT NULL OR b.state = 'unreachable')
                AND NOT (a.loaded_at IS NOT NULL OR a.state = 'unreachable'));
    END IF;
    IF lost <> '{}' THEN
        -- The lock first: what another transaction is settling right now is then seen by the next statement.
        PERFORM FROM orderflow.coverage WHERE channel = ANY (lost) ORDER BY channel FOR UPDATE;
        UPDATE orderflow.coverage AS c SET settled = coalesce(
            (SELECT range_agg(w.span) FROM orderflow.windows AS w
             WHERE w.channel = c.channel AND (w.loaded_at IS NOT NULL OR w.state = 'unreachable')), '{}')
        WHERE c.channel = ANY (lost);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER windows_cover_new AFTER INSERT ON orderflow.windows
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION orderflow.cover();
CREATE TRIGGER windows_cover AFTER UPDATE ON orderflow.windows
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION orderflow.cover();
CREATE TRIGGER windows_uncover AFTER UPDATE ON orderflow.windows
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION orderflow.uncover();
CREATE TRIGGER windows_uncover_gone AFTER DELETE ON orderflow.windows
    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION orderflow.uncover();
CREATE TRIGGER windows_uncover_all AFTER TRUNCATE ON orderflow.windows
    FOR EACH STATEMENT EXECUTE FUNCTION orderflow.uncover();

INSERT INTO orderflow.coverage
SELECT w.channel, range_agg(w.span) FROM orderflow.windows AS w
WHERE w.loaded_at IS NOT NULL OR w.state = 'unreachable' GROUP BY w.channel;

-- What was loaded before totals were kept counts from the ledger.
INSERT INTO orderflow.measures
SELECT channel, 'orders', ARRAY[outcome], sum(orders) FROM (
    SELECT channel, counts FROM orderflow.windows WHERE loaded_at IS NOT NULL
    UNION ALL
    SELECT channel, counts FROM orderflow.extra_batches
) AS batches
CROSS JOIN LATERAL (
    SELECT key AS outcome, value::float8 AS orders FROM jsonb_each_text(counts)
    WHERE key IN ('inserted', 'updated', 'unchanged', 'stale', 'quarantined', 'unreadable', 'duplicates')
) AS outcomes
GROUP BY channel, outcome;

-- Windows that are not through, by state: few, whatever the ledger holds.
CREATE INDEX windows_unfinished ON orderflow.windows (channel, state) WHERE state NOT IN ('synced', 'reconciled');
-- Since when the OMS is behind: the oldest delivery of a channel and lane. Rows of one load share a moment, so that it
-- stays small, and counting reads nothing else.
CREATE INDEX outbox_enqueued ON orderflow.outbox (channel, behind, enqueued_at);
