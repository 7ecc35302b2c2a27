-- Persons who are to be erased, and those who were: ids alone. Whatever of theirs arrives later finds them here (I27).
CREATE TABLE messaging.erasure (
    realm_id  uuid        NOT NULL,
    user_id   uuid        NOT NULL,
    -- The command that deleted the user.
    cause_id  uuid        NOT NULL,
    asked_at  timestamptz NOT NULL,
    -- Until then it is still to be done.
    erased_at timestamptz,
    -- When it was done once more, behind whatever was under way.
    swept_at  timestamptz,
    PRIMARY KEY (realm_id, user_id)
);
CREATE INDEX erasure_to_do ON messaging.erasure (asked_at) WHERE swept_at IS NULL;
