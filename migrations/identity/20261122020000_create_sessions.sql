-- Passwords, apart from their users, so that nobody who reads users reads hashes.
CREATE TABLE passwords (
    realm_id uuid        NOT NULL,
    user_id  uuid        NOT NULL,
    -- PHC string format, parameters included.
    hash     text        NOT NULL,
    set_at   timestamptz NOT NULL,
    PRIMARY KEY (realm_id, user_id)
);

-- Links that users are mailed. Of the token, a hash alone (SHA-256 of 32 random bytes needs no salt).
CREATE TABLE links (
    realm_id   uuid        NOT NULL,
    link_id    uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    purpose    text        NOT NULL,
    token_hash bytea       NOT NULL,
    -- The address it was made for: a link to an address that is no longer the user's is void.
    email_key  text        NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    PRIMARY KEY (realm_id, link_id)
);
CREATE INDEX links_of_user ON links (realm_id, user_id) WHERE ended_at IS NULL;
CREATE INDEX links_by_end ON links (expires_at);

-- Sessions: families of refresh tokens. The tokens themselves are not kept: they are computed from what stands here.
CREATE TABLE sessions (
    realm_id       uuid        NOT NULL,
    session_id     uuid        NOT NULL,
    user_id        uuid        NOT NULL,
    name           text        NOT NULL,
    client_address text,
    client_agent   text,
    generation     bigint      NOT NULL,
    created_at     timestamptz NOT NULL,
    refreshed_at   timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    ended_at       timestamptz,
    PRIMARY KEY (realm_id, session_id)
);
CREATE INDEX sessions_of_user ON sessions (realm_id, user_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_end ON sessions (expires_at);
