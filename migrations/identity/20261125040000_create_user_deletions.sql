-- Users who were deleted: ids alone.
CREATE TABLE user_deletions (
    realm_id     uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    company_id   uuid        NOT NULL,
    version      bigint      NOT NULL,
    -- The command that deleted him.
    cause_id     uuid        NOT NULL,
    deleted_at   timestamptz NOT NULL,
    -- When the other services were last told.
    told_at      timestamptz NOT NULL,
    -- Once all of them have erased him.
    completed_at timestamptz,
    PRIMARY KEY (realm_id, user_id)
);
CREATE INDEX user_deletions_incomplete ON user_deletions (told_at) WHERE completed_at IS NULL;

-- Which services keep nothing of them any more.
CREATE TABLE user_erasures (
    realm_id  uuid        NOT NULL,
    user_id   uuid        NOT NULL,
    service   text        NOT NULL,
    erased_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, user_id, service)
);

-- All of a user's, those that have ended as well: they go with him.
DROP INDEX sessions_of_user;
CREATE INDEX sessions_of_user ON sessions (realm_id, user_id);
