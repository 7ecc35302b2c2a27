//! Realms and their companies, read from a file at the start.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use kernel::{CompanyId, Fault, RealmId};
use serde::Deserialize;

use crate::application::Companies;

/// Identity's part of the file; the other services read theirs.
#[derive(Debug, Deserialize)]
struct File {
    realm: Vec<Realm>,
}

#[derive(Debug, Deserialize)]
struct Realm {
    id: String,
    companies: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct RealmFile {
    companies: HashMap<RealmId, HashSet<CompanyId>>,
}

impl RealmFile {
    pub(crate) fn read(path: &Path) -> Result<Self, Fault> {
        let text = std::fs::read_to_string(path).map_err(Fault::internal)?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        let file: File = toml::from_str(text).map_err(Fault::internal)?;
        let mut companies = HashMap::new();
        for realm in file.realm {
            let ids: Result<_, _> = realm.companies.iter().map(|id| id.parse()).collect();
            companies.insert(realm.id.parse().map_err(Fault::internal)?, ids.map_err(Fault::internal)?);
        }
        Ok(Self { companies })
    }
}

impl Companies for RealmFile {
    fn contains(&self, realm_id: RealmId, company_id: CompanyId) -> bool {
        self.companies.get(&realm_id).is_some_and(|companies| companies.contains(&company_id))
    }
}
