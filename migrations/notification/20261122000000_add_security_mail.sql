-- Realms as their letters show them, asked of identity the first time one is needed.
CREATE TABLE realms (
    realm_id   uuid   PRIMARY KEY,
    name       text   NOT NULL,
    public_url text   NOT NULL,
    sender     text   NOT NULL,
    language   text   NOT NULL,
    time_zone  text   NOT NULL,
    version    bigint NOT NULL
);

-- Security mail is claimed and sent by itself. Its content is emptied when a delivery reaches its final state.
ALTER TABLE deliveries ADD COLUMN lane text NOT NULL DEFAULT 'normal';
-- From this moment on it is not worth sending; none: until the end of its lifetime.
ALTER TABLE deliveries ADD COLUMN expires_at timestamptz;

-- The security lane is looked at whatever waits in the other.
CREATE INDEX deliveries_claimable_security ON deliveries (claimable_at)
WHERE state IN ('PENDING', 'UNCERTAIN') AND lane = 'security';
