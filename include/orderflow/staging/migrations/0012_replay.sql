-- Replay: which code judged what waits, and what cleaning did to each column.

ALTER TABLE orderflow.quarantine ADD judged_by text;
COMMENT ON COLUMN orderflow.quarantine.judged_by IS
    'fingerprint of the mapping, the rules and the channel file that judged it last; another one may judge otherwise';

-- What another code, or another channel file, has not judged yet.
CREATE INDEX quarantine_judged_by ON orderflow.quarantine (channel, judged_by) WHERE state IN ('open', 'parked');

ALTER TABLE orderflow.windows ADD steps jsonb NOT NULL DEFAULT '[]';
ALTER TABLE orderflow.extra_batches ADD steps jsonb NOT NULL DEFAULT '[]';
COMMENT ON COLUMN orderflow.windows.steps IS
    '[{rule, field, before, after, changed}]: values in a column before and after a step of cleaning, where it changed any';
COMMENT ON COLUMN orderflow.extra_batches.steps IS 'as in windows';
