-- A window meets its neighbours even when the channel's settle lag or lookback changed between them.

ALTER TABLE orderflow.windows ADD asked tstzrange;
COMMENT ON COLUMN orderflow.windows.asked IS
    'the span of modified time that the channel was asked for; null where it was not recorded yet';
