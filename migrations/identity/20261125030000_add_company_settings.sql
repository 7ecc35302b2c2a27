-- What a company's OWNERs decide for it (I2).
ALTER TABLE companies ADD COLUMN cash_desk text NOT NULL DEFAULT '';
ALTER TABLE companies ADD COLUMN version bigint NOT NULL DEFAULT 1;
