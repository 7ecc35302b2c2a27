-- Departments and branches, as companies list them. A company's is one of them, whatever its name becomes.
CREATE TABLE departments (
    realm_id      uuid   NOT NULL,
    department_id uuid   NOT NULL,
    company_id    uuid   NOT NULL,
    name          text   NOT NULL,
    -- The name as names are compared: in small letters.
    name_key      text   NOT NULL,
    version       bigint NOT NULL,
    PRIMARY KEY (realm_id, department_id),
    CONSTRAINT departments_name UNIQUE (realm_id, company_id, name_key)
);
CREATE INDEX departments_of_company ON departments (realm_id, company_id, department_id);

-- A department that is deleted leaves its profiles; no profile gets one that is not there. Nobody has one yet: there is nothing to look at.
ALTER TABLE profiles
    ADD COLUMN department_id uuid,
    ADD CONSTRAINT profiles_department FOREIGN KEY (realm_id, department_id) REFERENCES departments
        ON DELETE SET NULL (department_id) NOT VALID;
CREATE INDEX profiles_of_department ON profiles (realm_id, department_id) WHERE department_id IS NOT NULL;
