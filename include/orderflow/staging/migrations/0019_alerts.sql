-- Alerts: what is wrong with a channel, told once and taken back once; and every message that tells of it.

CREATE TABLE orderflow.alerts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel         text COLLATE "C" NOT NULL,
    kind            text        NOT NULL,
    severity        text        NOT NULL CHECK (severity IN ('warning', 'critical')),
    state           text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'acknowledged', 'recovered')),
    what            text        NOT NULL,
    facts           jsonb       NOT NULL DEFAULT '{}',
    count           integer     NOT NULL DEFAULT 1,
    first_seen_at   timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    told_at         timestamptz,
    tell_again_at   timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    acknowledged_why text,
    recovered_at    timestamptz,
    CHECK ((state = 'recovered') = (recovered_at IS NOT NULL)),
    CHECK ((state = 'acknowledged') <= (acknowledged_by IS NOT NULL))
);

COMMENT ON TABLE orderflow.alerts IS 'one row from the first sign of trouble to its end; no personal data';
COMMENT ON COLUMN orderflow.alerts.channel IS 'a channel, or orderflow itself';
COMMENT ON COLUMN orderflow.alerts.kind IS 'a kind of orderflow.domain.alert; the heading of its entry in docs/runbook.md';
COMMENT ON COLUMN orderflow.alerts.count IS 'how often it was seen';
COMMENT ON COLUMN orderflow.alerts.told_at IS 'when the first message of it was taken by a way out; null: nobody knows yet';

-- However many look at once, the second one finds the row of the first.
CREATE UNIQUE INDEX alerts_open ON orderflow.alerts (channel, kind) WHERE state <> 'recovered';
-- Lists, newest first, and what upkeep removes.
CREATE INDEX alerts_seen ON orderflow.alerts (last_seen_at);

CREATE TABLE orderflow.alert_messages (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id   bigint REFERENCES orderflow.alerts ON DELETE CASCADE,
    route      text        NOT NULL,
    says       text        NOT NULL CHECK (says IN ('raised', 'repeated', 'recovered', 'heartbeat')),
    due_at     timestamptz NOT NULL,
    planned_at timestamptz NOT NULL,
    claimed_at timestamptz,
    attempts   integer     NOT NULL DEFAULT 0,
    sent_at    timestamptz,
    error      text,
    CHECK ((says = 'heartbeat') = (alert_id IS NULL))
);

COMMENT ON TABLE orderflow.alert_messages IS
    'one row per alert, way out and telling; what is due for one way out goes in one message';
COMMENT ON COLUMN orderflow.alert_messages.route IS 'tag of the Airflow connection orderflow_alerts';
COMMENT ON COLUMN orderflow.alert_messages.claimed_at IS
    'somebody sends it right now; a claim that is older than some minutes died, and is sent again rather than lost';
COMMENT ON COLUMN orderflow.alert_messages.error IS 'what the last attempt said, without secrets';

CREATE INDEX alert_messages_waiting ON orderflow.alert_messages (route, due_at) WHERE sent_at IS NULL;
CREATE INDEX alert_messages_of ON orderflow.alert_messages (alert_id);
-- The heart beats once a day on every way out.
CREATE INDEX alert_messages_beats ON orderflow.alert_messages (route, planned_at) WHERE says = 'heartbeat';
