-- Companies whose users are there for those of the whole realm (I1). A release that knows of none makes ORDINARY ones.
ALTER TABLE companies ADD COLUMN kind text NOT NULL DEFAULT 'ORDINARY';
