-- Persons who are to be erased, and those who were: ids alone. Whatever of theirs arrives later finds them here (I27).
CREATE TABLE messaging.erasure (
    realm_id  uuid        NOT NULL,
    user_id   uuid        NOT NULL,
    -- The command that deleted the user.
    cause_id  uuid        NOT NULL,
    -- When there is something to be done for him; from when on, if somebody is doing it. Empty: nothing more.
    due_at    timestamptz,
    -- Until then it is still to be done.
    erased_at timestamptz,
    -- Whether it was said that he is erased, since it was last asked for.
    is_told   boolean     NOT NULL DEFAULT false,
    -- When he was erased once more, behind whatever was under way.
    swept_at  timestamptz,
    PRIMARY KEY (realm_id, user_id)
);
CREATE INDEX erasure_due ON messaging.erasure (due_at) WHERE due_at IS NOT NULL;
