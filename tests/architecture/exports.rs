//! Whether everything that is kept of users is given to them: table by table, column by column.

use std::collections::BTreeSet;

use regex::Regex;

use crate::schema::{CreatedTable, committed_queries, created_tables};
use crate::sql::{mentions, one_line};
use crate::tables::{Ownership, Register};
use crate::workspace::{assert_none, files};

/// Where the contract says which kinds of records there are.
const KINDS: &str = "proto/cabinet/type/v1/personal_record.proto";
/// What makes a query one that gives records.
const RECORD: &str = "jsonb_build_object(";
/// Whose they are, which whoever asks has said.
const ASKED: [&str; 2] = ["realm_id", "user_id"];

/// The parts of a list, each up to a comma outside of parentheses.
fn parts(list: &str) -> Vec<String> {
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for character in list.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        match character {
            ',' if depth == 0 => parts.push(String::new()),
            _ => parts.last_mut().expect("it begins with one").push(character),
        }
        if depth < 0 {
            break;
        }
    }
    parts
}

/// The columns of a table, those that were added later included.
fn columns(table: &CreatedTable) -> BTreeSet<String> {
    let body = table.body.split_once('(').map_or("", |(_, body)| body);
    let created = parts(body).into_iter().filter_map(|part| part.split_whitespace().next().map(str::to_owned));
    let created = created.filter(|word| !["PRIMARY", "CONSTRAINT", "UNIQUE", "LIKE", ")"].contains(&word.as_str()));
    let added = Regex::new(r"ADD COLUMN (?:IF NOT EXISTS )?(\w+)").expect("a good pattern");
    let begins = format!("ALTER TABLE {} ", table.name);
    let mut columns: BTreeSet<String> = created.collect();
    for file in files(&format!("migrations/{}", table.folder), "sql") {
        for statement in one_line(&file.text).split(';').filter(|statement| statement.trim().starts_with(&begins)) {
            columns.extend(added.captures_iter(statement).map(|found| found[1].to_owned()));
        }
    }
    columns
}

/// The queries that give records out of a table, one after the other.
fn giving(table: &CreatedTable) -> String {
    let of_it = committed_queries().into_iter().filter(|(folder, _, query)| {
        *folder == table.folder
            && query.contains(RECORD)
            && mentions(query).into_iter().flatten().any(|mention| mention.table == table.name)
    });
    of_it.map(|(_, _, query)| made_of(&query)).collect::<Vec<_>>().join(" ")
}

/// What the records of a query are made of: what stands in the parentheses, and is not the name of a member. What is only looked for is
/// not given.
fn made_of(query: &str) -> String {
    let names = Regex::new("'[^']*'").expect("a good pattern");
    let query = names.replace_all(query, "");
    let records = query.match_indices(RECORD).map(|(place, begins)| &query[place + begins.len()..]);
    records.flat_map(parts).collect::<Vec<_>>().join(" ")
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|character: char| !character.is_alphanumeric() && character != '_').collect()
}

/// What is wrong with what the register says of a table.
fn problems(table: &CreatedTable, entry: &Ownership, contract: &str) -> Vec<String> {
    let is_said = |reason: &String| !reason.is_empty();
    let kind = match (&entry.exported, &entry.not_exported) {
        (Some(kind), None) => kind,
        (None, Some(reason)) if is_said(reason) && entry.kept_back.is_empty() => return Vec::new(),
        _ => return vec!["say as what it is exported, or why it is not".to_owned()],
    };
    let columns = columns(table);
    let given = giving(table);
    let (given, asked) = (words(&given), ASKED.map(str::to_owned));
    let missing = columns.iter().filter(|column| {
        !given.contains(column.as_str()) && !asked.contains(column) && !entry.kept_back.get(*column).is_some_and(is_said)
    });
    let mut problems: Vec<String> =
        missing.map(|column| format!("{column} is in no record, and nobody says why it is kept back")).collect();
    let gone = entry.kept_back.keys().filter(|column| !columns.contains(*column));
    problems.extend(gone.map(|column| format!("{column} is kept back, and there is no such column")));
    if !contract.contains(&format!("`{kind}`")) {
        problems.push(format!("{KINDS} does not name the kind {kind}"));
    }
    problems
}

/// Rule I27.b: of every table it is said as what a user is given what it keeps of him, or why he is not; and so of every column.
#[test]
fn what_is_kept_of_users_is_exported_or_it_is_said_why_not() {
    let register = Register::read();
    let contract =
        files("proto/cabinet", "proto").into_iter().find(|file| file.path == KINDS).expect("it is in the contract").text;
    let mut found = Vec::new();
    for table in created_tables() {
        let Some(entry) = register.tables.get(&table.folder).and_then(|tables| tables.get(&table.name)) else { continue };
        let problems = problems(&table, entry, &contract).into_iter();
        found.extend(problems.map(|problem| format!("migrations/{}: {}: {problem}", table.folder, table.name)));
    }
    assert_none(&found);
}

#[test]
fn columns_are_found_wherever_they_were_made() {
    let tables = created_tables();
    let columns_of = |name: &str| columns(tables.iter().find(|table| table.name == name).expect("a table"));
    let users = columns_of("users");
    for column in ["email", "status", "phone_verified_at", "introduction"] {
        assert!(users.contains(column), "{column}: {users:?}");
    }
    assert_eq!(columns_of("recovery_codes").len(), 4);
    assert!(columns_of("messaging.dead_letter").contains("expires_at"));
    assert_eq!(parts("a (b, c), d), e"), ["a (b, c)", " d)"]);
}

#[test]
fn what_is_only_looked_for_is_not_given() {
    let query =
        "SELECT a, jsonb_build_object('b', c, 'd', jsonb_build_object('e', count(f)), 'g', h)::text FROM i WHERE j ORDER BY k";
    let made_of = made_of(query);
    let given = words(&made_of);
    assert!(["c", "f", "h"].iter().all(|column| given.contains(column)), "{given:?}");
    assert!(["a", "b", "d", "e", "g", "i", "j", "k"].iter().all(|column| !given.contains(column)), "{given:?}");
}
