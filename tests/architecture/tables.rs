//! The register of tables: which of them belong to a realm, and which queries may go over all realms.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Register {
    /// By the folder in `migrations/`, then by name.
    pub(crate) tables: BTreeMap<String, BTreeMap<String, Ownership>>,
    pub(crate) system_wide_queries: Vec<SystemWideQuery>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Owner {
    Realm,
    /// One person of a realm.
    User,
    System,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ownership {
    pub(crate) owner: Owner,
    /// Why it belongs to no realm.
    pub(crate) reason: Option<String>,
    /// The kind of record as which a user is given what it keeps of him.
    pub(crate) exported: Option<String>,
    /// Why he is not.
    pub(crate) not_exported: Option<String>,
    /// Columns that he is not given, and why.
    #[serde(default)]
    pub(crate) kept_back: BTreeMap<String, String>,
}

/// A query over realm-owned tables that names no realm, on purpose.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SystemWideQuery {
    /// Its first words, white space made one.
    pub(crate) begins: String,
    pub(crate) reason: String,
}

impl Register {
    pub(crate) fn read() -> Self {
        toml::from_str(include_str!("tables.toml")).expect("tables.toml is a register")
    }

    /// The owner of a table, as a service sees it: its own tables and those of `messaging`, no others.
    pub(crate) fn owner(&self, folder: &str, table: &str) -> Option<Owner> {
        let folders = [folder, "messaging"];
        let known = folders.iter().find_map(|folder| self.tables.get(*folder)?.get(table));
        known.map(|ownership| ownership.owner)
    }

    pub(crate) fn is_system_wide(&self, query: &str) -> bool {
        self.system_wide_queries.iter().any(|exception| query.starts_with(&exception.begins))
    }
}

#[test]
fn every_exception_from_the_realm_has_a_reason() {
    let register = Register::read();
    let tables = register.tables.values().flatten();
    for (name, ownership) in tables {
        let is_explained = ownership.reason.as_ref().is_some_and(|reason| !reason.is_empty());
        assert_eq!(is_explained, ownership.owner == Owner::System, "{name}: system tables have a reason, others need none");
    }
    assert!(register.system_wide_queries.iter().all(|query| !query.reason.is_empty()), "a system-wide query needs a reason");
}
