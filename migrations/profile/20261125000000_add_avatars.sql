-- The picture that is shown of a person. Its files are outside, under its id.
ALTER TABLE profiles
    ADD COLUMN avatar_id uuid;

-- Avatars that no profile has: their files are about to be written, or are to be removed. An avatar stands here before it has any
-- file, leaves in the transaction that gives it to a profile, and comes back in the one that takes it away. So whoever dies in
-- between leaves no file of which nobody knows.
CREATE TABLE unused_avatars (
    realm_id     uuid        NOT NULL,
    avatar_id    uuid        NOT NULL,
    removable_at timestamptz NOT NULL,
    -- Its files are being removed: no profile takes it any more.
    is_going     boolean     NOT NULL DEFAULT FALSE,
    PRIMARY KEY (realm_id, avatar_id)
);

CREATE INDEX unused_avatars_by_removal ON unused_avatars (removable_at);
