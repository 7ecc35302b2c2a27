-- Second factors (I25). Their secrets are computed from what stands here and a key that no database holds.
CREATE TABLE second_factors (
    realm_id     uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    factor_id    uuid        NOT NULL,
    -- The step of the last code that was taken: no code is good twice (RFC 6238 §5.2).
    last_step    bigint      NOT NULL,
    created_at   timestamptz NOT NULL,
    -- Since then codes are asked for.
    confirmed_at timestamptz,
    PRIMARY KEY (realm_id, user_id)
) WITH (fillfactor = 70);

-- Codes for when the device is lost, as keyed hashes. One that is used is gone.
CREATE TABLE recovery_codes (
    realm_id  uuid  NOT NULL,
    user_id   uuid  NOT NULL,
    code_hash bytea NOT NULL,
    PRIMARY KEY (realm_id, user_id, code_hash)
);

-- How the session's user has shown who he is: PASSWORD, or PASSWORD_AND_CODE. A release that knows of none asks for passwords alone.
ALTER TABLE sessions ADD COLUMN proof text NOT NULL DEFAULT 'PASSWORD';

-- What housekeeping looks for.
CREATE INDEX second_factors_begun ON second_factors (created_at) WHERE confirmed_at IS NULL;
