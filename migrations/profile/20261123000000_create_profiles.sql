-- What a person has saved of himself. Who has saved nothing has no row: his profile is empty, and identity says that he exists.
CREATE TABLE profiles (
    realm_id   uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    -- Where identity said he is; nobody moves to another company. Kept, so that it can be decided who may see the profile
    -- while identity is away.
    company_id uuid        NOT NULL,
    full_name  text        NOT NULL,
    job_title  text        NOT NULL,
    -- Empty: the realm's own.
    time_zone  text,
    language   text,
    version    bigint      NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, user_id)
) WITH (fillfactor = 70);
