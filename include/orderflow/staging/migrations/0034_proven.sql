-- What the pages ask of thousands of channels at once.

-- How each channel's time stands is kept like what of it is settled, so that nobody reads the windows of all of them.
-- Nobody writes windows meanwhile: what is loaded just now would be in neither sum.
LOCK TABLE orderflow.windows IN SHARE ROW EXCLUSIVE MODE;

ALTER TABLE orderflow.coverage
    ADD proven tstzmultirange NOT NULL DEFAULT '{}',
    ADD delivered tstzmultirange NOT NULL DEFAULT '{}',
    ADD compared tstzmultirange NOT NULL DEFAULT '{}';

COMMENT ON TABLE orderflow.coverage IS 'derived from windows by trigger';
COMMENT ON COLUMN orderflow.coverage.settled IS 'all time that is proven, or out of reach';
COMMENT ON COLUMN orderflow.coverage.proven IS 'all time of which the orders are staged';
COMMENT ON COLUMN orderflow.coverage.delivered IS
    'what of it is delivered (synced or reconciled); where windows overlap, as the one has it that changed last';
COMMENT ON COLUMN orderflow.coverage.compared IS 'what of it is reconciled; where windows overlap, likewise';

CREATE OR REPLACE FUNCTION orderflow.cover() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO orderflow.coverage AS c (channel, settled, proven, delivered, compared)
    SELECT channel, range_agg(span),
        coalesce(range_agg(span) FILTER (WHERE loaded_at IS NOT NULL), '{}'),
        coalesce(range_agg(span) FILTER (WHERE state IN ('synced', 'reconciled')), '{}'),
        coalesce(range_agg(span) FILTER (WHERE state = 'reconciled'), '{}')
    FROM after WHERE loaded_at IS NOT NULL OR state = 'unreachable' GROUP BY channel ORDER BY channel
    ON CONFLICT (channel) DO UPDATE SET
        settled = c.settled + excluded.settled,
        proven = c.proven + excluded.proven,
        -- A window that is loaded anew is neither, until it has been again.
        delivered = c.delivered - (excluded.proven - excluded.delivered) + excluded.delivered,
        compared = c.compared - (excluded.proven - excluded.compared) + excluded.compared
    WHERE NOT (c.settled @> excluded.settled AND c.proven @> excluded.proven
        AND excluded.proven * c.delivered = excluded.delivered AND excluded.proven * c.compared = excluded.compared);
    RETURN NULL;
END
$$;

CREATE FUNCTION orderflow.covered(channels text[])
RETURNS TABLE (channel text, settled tstzmultirange, proven tstzmultirange, delivered tstzmultirange,
    compared tstzmultirange) LANGUAGE sql STABLE AS $$
    SELECT w.channel, range_agg(span),
        coalesce(range_agg(span) FILTER (WHERE loaded_at IS NOT NULL), '{}'),
        coalesce(range_agg(span) FILTER (WHERE state IN ('synced', 'reconciled')), '{}')
            - coalesce(range_agg(span) FILTER (WHERE state = 'loaded'), '{}'),
        coalesce(range_agg(span) FILTER (WHERE state = 'reconciled'), '{}')
            - coalesce(range_agg(span) FILTER (WHERE state IN ('loaded', 'synced')), '{}')
    FROM orderflow.windows AS w
    WHERE w.channel = ANY (channels) AND (loaded_at IS NOT NULL OR state = 'unreachable') GROUP BY w.channel
$$;

COMMENT ON FUNCTION orderflow.covered IS 'what the windows of these channels say of their coverage';

CREATE OR REPLACE FUNCTION orderflow.uncover() RETURNS trigger LANGUAGE plpgsql AS $$
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
            WHERE a.loaded_at IS NULL
                AND (b.loaded_at IS NOT NULL OR (b.state = 'unreachable' AND a.state <> 'unreachable')));
    END IF;
    IF lost <> '{}' THEN
        -- The lock first: what another transaction is settling right now is then seen by the next statement.
        PERFORM FROM orderflow.coverage WHERE channel = ANY (lost) ORDER BY channel FOR UPDATE;
        UPDATE orderflow.coverage AS c SET
            settled = coalesce(w.settled, '{}'), proven = coalesce(w.proven, '{}'),
            delivered = coalesce(w.delivered, '{}'), compared = coalesce(w.compared, '{}')
        FROM unnest(lost) AS l(channel) LEFT JOIN orderflow.covered(lost) AS w USING (channel)
        WHERE c.channel = l.channel;
    END IF;
    RETURN NULL;
END
$$;

UPDATE orderflow.coverage AS c SET proven = w.proven, delivered = w.delivered, compared = w.compared
FROM orderflow.covered(ARRAY(SELECT channel FROM orderflow.coverage)) AS w WHERE w.channel = c.channel;

-- A hundred channels of thousands are found by their key. What began before the span and reaches into it may be of any
-- length, and is found by the moment. Either index alone would read all windows of the span, or of the channel.
CREATE FUNCTION orderflow.windows_within(channels text[], start timestamptz, past timestamptz)
RETURNS SETOF orderflow.windows LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT w.* FROM unnest(channels) AS asked(channel) CROSS JOIN LATERAL (
        SELECT * FROM orderflow.windows AS own
        WHERE own.channel = asked.channel COLLATE "C" AND own.window_start >= start AND own.window_start < past
    ) AS w
    UNION ALL
    SELECT w.* FROM (SELECT * FROM orderflow.windows WHERE span @> start AND window_start < start OFFSET 0) AS w
    WHERE w.channel = ANY (channels)
$$;

COMMENT ON FUNCTION orderflow.windows_within IS 'the windows of these channels that touch the span [start, past)';

-- What a run of healing set out to pull.
CREATE INDEX healings_of_run ON orderflow.healings (dag_run_id);
