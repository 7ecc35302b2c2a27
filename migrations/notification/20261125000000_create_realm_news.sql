-- The version of a realm that somebody has told of: below it, what stands in `realms` is out of date, and identity is asked again. News may
-- come before there is anything that could be out of date.
CREATE TABLE realm_news (
    realm_id       uuid   PRIMARY KEY,
    wanted_version bigint NOT NULL
);
