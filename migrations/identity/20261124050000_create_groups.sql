-- Groups of a company's users, and who is in them.
CREATE TABLE groups (
    realm_id   uuid        NOT NULL,
    group_id   uuid        NOT NULL,
    company_id uuid        NOT NULL,
    name       text        NOT NULL,
    leader_id  uuid        NOT NULL,
    is_active  boolean     NOT NULL,
    version    bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, group_id)
);
CREATE INDEX groups_of_company ON groups (realm_id, company_id, group_id);

CREATE TABLE group_members (
    realm_id uuid        NOT NULL,
    group_id uuid        NOT NULL,
    user_id  uuid        NOT NULL,
    added_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, group_id, user_id)
);
CREATE INDEX group_members_by_user ON group_members (realm_id, user_id);
