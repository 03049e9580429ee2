-- How many loads a channel has had. The landing zone keeps the number of each, beside its files: where it knows a higher
-- one than this table, a backup was restored, or a standby took over that had not got the last commits.

CREATE TABLE orderflow.loads (
    channel     text COLLATE "C" PRIMARY KEY,
    number      bigint      NOT NULL,
    loaded_at   timestamptz NOT NULL DEFAULT now(),
    target      text,
    stood_at    timestamptz,
    lost        bigint      NOT NULL DEFAULT 0,
    recalled    bigint      NOT NULL DEFAULT 0,
    recalled_at timestamptz,
    floor       integer     NOT NULL DEFAULT 0
);

COMMENT ON COLUMN orderflow.loads.target IS 'the OMS target of the last load; null where none is known';
COMMENT ON COLUMN orderflow.loads.stood_at IS 'the last load that staging had when it was found to have gone back';
COMMENT ON COLUMN orderflow.loads.lost IS 'how many loads it lacked then, and recalled: how many the landing zone gave back';
COMMENT ON COLUMN orderflow.loads.floor IS
    'an order that is older than recalled_at gets no lower version any more: the OMS may have seen those';
