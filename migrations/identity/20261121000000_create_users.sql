-- Users: who exists, in which company, with which role and contacts. Realm-owned: every key starts with the realm.
CREATE TABLE users (
    realm_id   uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    company_id uuid        NOT NULL,
    role       text        NOT NULL,
    -- As it was typed, and as it is compared (RFC 5321 local part without case, domain by UTS 46).
    email      text        NOT NULL,
    email_key  text        NOT NULL,
    version    bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, user_id),
    CONSTRAINT users_email_taken UNIQUE (realm_id, email_key)
);
