-- Realms: one product each. The policy is a copy of its preset's, which a later release never changes.
CREATE TABLE realms (
    realm_id       uuid        PRIMARY KEY,
    name           text        NOT NULL,
    preset         text        NOT NULL,
    preset_version integer     NOT NULL,
    policy         jsonb       NOT NULL,
    public_url     text        NOT NULL,
    sender         text        NOT NULL,
    language       text        NOT NULL,
    time_zone      text        NOT NULL,
    version        bigint      NOT NULL,
    created_at     timestamptz NOT NULL
);

CREATE TABLE companies (
    realm_id   uuid        NOT NULL,
    company_id uuid        NOT NULL,
    name       text        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, company_id)
);

-- Machines that a realm trusts, and gateways. Of the secret, a hash alone (SHA-256 of 32 random bytes needs no salt).
CREATE TABLE credentials (
    realm_id      uuid        NOT NULL,
    credential_id uuid        NOT NULL,
    kind          text        NOT NULL,
    name          text        NOT NULL,
    secret_hash   bytea       NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (realm_id, credential_id)
);
CREATE UNIQUE INDEX credentials_by_id ON credentials (credential_id);

-- Those who run the platform; made on the command line.
CREATE TABLE administrators (
    name          text        PRIMARY KEY,
    password_hash text        NOT NULL,
    -- A one-time password only sets another.
    is_one_time   boolean     NOT NULL,
    changed_at    timestamptz NOT NULL
);
