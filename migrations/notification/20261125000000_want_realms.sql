-- The version of a realm that somebody has told of: below it, what stands here is out of date, and identity is asked again.
ALTER TABLE realms ADD COLUMN wanted_version bigint NOT NULL DEFAULT 0;
