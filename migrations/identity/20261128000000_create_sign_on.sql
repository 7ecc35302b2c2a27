-- Single sign-on (I20): the keys that realms' own services sign with, what they call users, and the tokens that were used.
CREATE TABLE sign_on_keys (
    realm_id   uuid        NOT NULL,
    key_id     uuid        NOT NULL,
    name       text        NOT NULL,
    public_key bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, key_id)
);

CREATE TABLE external_ids (
    realm_id    uuid        NOT NULL,
    external_id text        NOT NULL,
    user_id     uuid        NOT NULL,
    linked_at   timestamptz NOT NULL,
    PRIMARY KEY (realm_id, external_id),
    UNIQUE (realm_id, user_id)
);

-- A token is good once; until it is over it is remembered by its hash.
CREATE TABLE sign_on_tokens (
    realm_id   uuid        NOT NULL,
    token_hash bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, token_hash)
);
CREATE INDEX sign_on_tokens_by_end ON sign_on_tokens (expires_at);
