//! The wall between realms, as SQL keeps it; and time, which SQL is told.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde::Deserialize;

use crate::layering::SERVICES;
use crate::sql::{mentions, one_line, without_comments};
use crate::tables::{Owner, Register};
use crate::workspace::{SourceFile, assert_none, code, files, string_literals};

/// The one place that asks the database what time it is.
const CLOCK: &str = "crates/runtime/src/clock.rs";

/// A table as the migrations leave it.
pub(crate) struct CreatedTable {
    pub(crate) folder: String,
    pub(crate) name: String,
    /// Columns and constraints, on one line.
    pub(crate) body: String,
}

/// A query as `cargo sqlx prepare` keeps it.
#[derive(Deserialize)]
struct CommittedQuery {
    query: String,
}

/// What the migrations create and do not drop again; partitions belong to their table.
pub(crate) fn created_tables() -> Vec<CreatedTable> {
    let mut tables: BTreeMap<(String, String), String> = BTreeMap::new();
    for file in files("migrations", "sql") {
        let folder = file.path.split('/').nth(1).expect("a folder a database").to_owned();
        for statement in one_line(&file.text).split(';') {
            let Some((name, body)) = created(statement) else {
                let dropped = statement.trim().strip_prefix("DROP TABLE ").map(|rest| rest.trim_start_matches("IF EXISTS "));
                tables.retain(|(_, name), _| dropped != Some(name.as_str()));
                continue;
            };
            tables.insert((folder.clone(), name.to_owned()), body.to_owned());
        }
    }
    tables.into_iter().map(|((folder, name), body)| CreatedTable { folder, name, body }).collect()
}

/// The name and the rest of a `CREATE TABLE` that makes no partition.
fn created(statement: &str) -> Option<(&str, &str)> {
    let rest = statement.trim().strip_prefix("CREATE TABLE ")?;
    let rest = rest.trim_start_matches("IF NOT EXISTS ");
    let (name, body) = rest.split_once(' ')?;
    (!body.starts_with("PARTITION OF")).then_some((name, body))
}

/// The committed queries with the folder of their service's migrations and the file they stand in.
pub(crate) fn committed_queries() -> Vec<(String, String, String)> {
    let prepared = files("crates", "json").into_iter().filter(|file| file.path.contains("/.sqlx/query-"));
    let queries = prepared.map(|file| {
        let parsed: CommittedQuery = serde_json::from_str(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path));
        let folder = file.path.split('/').nth(1).expect("a folder a crate").replace('-', "_");
        (folder, file.path, one_line(&parsed.query))
    });
    queries.collect()
}

#[test]
fn every_table_is_in_the_register_and_every_entry_is_a_table() {
    let created: BTreeSet<_> = created_tables().into_iter().map(|table| (table.folder, table.name)).collect();
    let register = Register::read();
    let listed = register.tables.iter().flat_map(|(folder, tables)| tables.keys().map(|name| (folder.clone(), name.clone())));
    let listed: BTreeSet<_> = listed.collect();
    let unlisted = created.difference(&listed).map(|(folder, name)| format!("migrations/{folder}: {name} is not in tables.toml"));
    let gone = listed.difference(&created).map(|(folder, name)| format!("tables.toml: {name} is not in migrations/{folder}"));
    assert_none(&unlisted.chain(gone).collect::<Vec<_>>());
}

/// Rule I1.a: every key begins with the realm, so that no other realm's row can be met by accident.
#[test]
fn keys_of_realm_owned_tables_start_with_the_realm() {
    let register = Register::read();
    let key = Regex::new(r"PRIMARY KEY \(realm_id\b|\brealm_id uuid( NOT NULL)? PRIMARY KEY").expect("a good pattern");
    let owned = created_tables().into_iter().filter(|table| register.owner(&table.folder, &table.name) != Some(Owner::System));
    let wrong = owned.filter(|table| !key.is_match(&table.body));
    assert_none(&wrong.map(|table| format!("{}: its key does not start with realm_id", table.name)).collect::<Vec<_>>());
}

#[test]
fn tables_of_users_name_the_user() {
    let register = Register::read();
    let owned = created_tables().into_iter().filter(|table| register.owner(&table.folder, &table.name) == Some(Owner::User));
    let wrong = owned.filter(|table| !table.body.contains("user_id uuid"));
    assert_none(&wrong.map(|table| format!("{}: it has no user_id", table.name)).collect::<Vec<_>>());
}

/// Rule I1.a: a query over what realms own names the realm of each table it touches, and touches no other service's tables.
#[test]
fn every_query_names_the_realm_of_what_it_touches() {
    let register = Register::read();
    let mut wrong = Vec::new();
    for (folder, path, query) in committed_queries() {
        let Some(mentions) = mentions(&query) else {
            wrong.push(format!("{path}: no query that can be checked: {query}"));
            continue;
        };
        for mention in mentions {
            let owner = register.owner(&folder, &mention.table);
            let problem = match owner {
                _ if mention.is_made_here => owner.map(|_| "hides a table behind its own name"),
                None => Some("is no table of this service"),
                Some(Owner::System) => None,
                Some(Owner::Realm | Owner::User) if mention.names_realm || register.is_system_wide(&query) => None,
                Some(Owner::Realm | Owner::User) => Some("is named without its realm"),
            };
            wrong.extend(problem.map(|problem| format!("{path}: {} {problem}: {query}", mention.table)));
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_exception_for_a_query_is_still_needed() {
    let queries = committed_queries();
    let register = Register::read();
    let unused = register
        .system_wide_queries
        .iter()
        .filter(|exception| !queries.iter().any(|(.., query)| query.starts_with(&exception.begins)));
    assert_none(&unused.map(|exception| format!("tables.toml: no query begins with `{}`", exception.begins)).collect::<Vec<_>>());
}

/// Whether a file has a query that is put together, or at least looked at, only at run time.
fn has_unchecked_query(file: &SourceFile) -> bool {
    let unchecked = r" (query|query_as|query_scalar|query_with|raw_sql) (\( |::)| QueryBuilder | query\w*_unchecked ";
    Regex::new(unchecked).expect("a good pattern").is_match(&code(file))
}

/// A query that is not checked at compile time is in no query data, so no test here would see it.
#[test]
fn services_have_only_queries_that_are_checked_at_compile_time() {
    let folders = SERVICES.iter().filter_map(|name| name.strip_prefix("cabinet-")).map(|folder| format!("crates/{folder}/src/"));
    let folders: Vec<_> = folders.collect();
    let sources = files("crates", "rs").into_iter().filter(|file| folders.iter().any(|folder| file.path.starts_with(folder)));
    let wrong = sources.filter(has_unchecked_query);
    assert_none(&wrong.map(|file| format!("{}: a query that is not checked at compile time", file.path)).collect::<Vec<_>>());
}

/// Rule F13: `now` is a parameter: every replica has the same, and a test can move it.
#[test]
fn sql_never_asks_what_time_it_is() {
    let ambient = r"\b(now\s*\(\s*\)|current_(timestamp|date|time)|(clock|transaction|statement)_timestamp|localtime(stamp)?)";
    let ambient = Regex::new(ambient).expect("a good pattern");
    let literals = files("crates", "rs").into_iter().flat_map(|file| {
        let allowed = if file.path == CLOCK { "SELECT clock_timestamp()" } else { "" };
        string_literals(&file)
            .into_iter()
            .filter(move |text| text != allowed)
            .map(move |text| (file.path.clone(), text))
            .collect::<Vec<_>>()
    });
    let migrations = files("migrations", "sql").into_iter().map(|file| (file.path, without_comments(&file.text)));
    let wrong = literals.chain(migrations).filter(|(_, text)| ambient.is_match(&text.to_lowercase()));
    assert_none(&wrong.map(|(path, text)| format!("{path}: {text}")).collect::<Vec<_>>());
}

#[test]
fn an_unchecked_query_is_found_and_a_macro_is_none() {
    let file = |text: &str| SourceFile { path: "x.rs".to_owned(), text: format!("fn a() {{ {text} }}") };
    for unchecked in
        ["sqlx::query(\"SELECT 1\")", "query_as::<_, Row>(text)", "QueryBuilder::new(text)", "query_unchecked!(\"SELECT 1\")"]
    {
        assert!(has_unchecked_query(&file(unchecked)), "{unchecked}");
    }
    assert!(!has_unchecked_query(&file("sqlx::query!(\"SELECT 1\"); query_scalar!(\"SELECT 1\"); self.query = 1")));
}
