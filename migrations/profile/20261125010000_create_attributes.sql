-- Further fields of a company's profiles, as its owners define them.
CREATE TABLE attributes (
    realm_id     uuid   NOT NULL,
    attribute_id uuid   NOT NULL,
    company_id   uuid   NOT NULL,
    key          text   NOT NULL,
    type         text   NOT NULL,
    -- Label, options, who sees and who writes it, whether it is on profiles: read and written as one.
    rules        jsonb  NOT NULL,
    version      bigint NOT NULL,
    PRIMARY KEY (realm_id, attribute_id),
    CONSTRAINT attributes_key UNIQUE (realm_id, company_id, key)
);

-- What people have in them; a choice of several has several values. They go with their attribute.
CREATE TABLE attribute_values (
    realm_id     uuid NOT NULL,
    user_id      uuid NOT NULL,
    attribute_id uuid NOT NULL,
    position     int  NOT NULL,
    value        text NOT NULL,
    PRIMARY KEY (realm_id, user_id, attribute_id, position),
    CONSTRAINT attribute_values_attribute FOREIGN KEY (realm_id, attribute_id) REFERENCES attributes ON DELETE CASCADE
);

CREATE INDEX attribute_values_by_attribute ON attribute_values (realm_id, attribute_id);
