-- How people want to be spoken to, asked of profile. `known_version` is the version of the profile that stands here,
-- `wanted_version` the newest anybody has heard of; while they differ, profile is asked before anything is written.
CREATE TABLE speech (
    realm_id       uuid   NOT NULL,
    user_id        uuid   NOT NULL,
    wanted_version bigint NOT NULL DEFAULT 0,
    -- Below zero until profile was asked: a profile that nobody has touched has version 0.
    known_version  bigint NOT NULL DEFAULT -1,
    -- Empty: the realm's.
    language       text   NOT NULL DEFAULT '',
    time_zone      text   NOT NULL DEFAULT '',
    PRIMARY KEY (realm_id, user_id)
);
