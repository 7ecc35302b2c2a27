//! A reader of SQL that knows just enough to say which tables a query is about, and whether it names their realm.
//!
//! It errs on the side of complaining: what it cannot read is a finding, not a pass.

use std::collections::BTreeSet;

/// What the reader sees of a query: words in lower case, signs, and what stands in parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(char),
    Group(Vec<Token>),
}

/// One place where a query names a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    /// With its schema, if the query names one.
    pub(crate) table: String,
    /// Whether the realm is a condition on this very mention, or is supplied to it.
    pub(crate) names_realm: bool,
    /// Whether the query itself made the name, by `WITH`.
    pub(crate) is_made_here: bool,
}

/// Which part of a statement a token stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clause {
    Sources,
    Condition,
    Other,
}

const STATEMENTS: [&str; 6] = ["select", "insert", "update", "delete", "with", "values"];
/// Statements that are about the session, not about rows.
const WITHOUT_TABLES: [&str; 4] = ["set", "show", "listen", "notify"];
const SET_OPERATIONS: [&str; 3] = ["union", "intersect", "except"];
/// Stands for tables joined in parentheses, which the reader does not look into. No register has such a table.
const UNREADABLE: &str = "( … JOIN … )";
/// Words that end a list of tables or a condition.
const OTHER_CLAUSES: [&str; 19] = [
    "select",
    "set",
    "group",
    "order",
    "limit",
    "offset",
    "returning",
    "values",
    "window",
    "fetch",
    "for",
    "left",
    "right",
    "inner",
    "full",
    "cross",
    "natural",
    "conflict",
    "do",
];

/// The tables a query names; `None` if it is no query this reader knows.
pub(crate) fn mentions(query: &str) -> Option<Vec<Mention>> {
    let tokens = parse(query);
    if WITHOUT_TABLES.contains(&word(tokens.first())) {
        return Some(Vec::new());
    }
    if !is_statement(&tokens) {
        return None;
    }
    let mut named = BTreeSet::new();
    collect_names(&tokens, &mut named);
    let mut found = Vec::new();
    read_groups(&tokens, &mut found);
    read_statement(&tokens, &mut found);
    for mention in &mut found {
        mention.is_made_here = named.contains(&mention.table);
    }
    Some(found)
}

/// A query on one line, with single spaces and without comments.
pub(crate) fn one_line(query: &str) -> String {
    without_comments(query).split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn without_comments(sql: &str) -> String {
    let lines = sql.lines().map(|line| line.split_once("--").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}

fn parse(query: &str) -> Vec<Token> {
    let text = without_comments(query);
    let mut characters = text.chars().peekable();
    parse_group(&mut characters)
}

/// Reads up to the closing parenthesis, or the end.
fn parse_group(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Vec<Token> {
    let mut tokens = Vec::new();
    while let Some(character) = characters.next() {
        match character {
            '(' => tokens.push(Token::Group(parse_group(characters))),
            ')' => return tokens,
            '\'' => {
                characters.by_ref().find(|next| *next == '\'');
                tokens.push(Token::Sign('\''));
            }
            '"' => tokens.push(Token::Word(characters.by_ref().take_while(|next| *next != '"').collect())),
            _ if is_of_word(character) => {
                let mut word = String::from(character.to_ascii_lowercase());
                while let Some(next) = characters.next_if(|next| is_of_word(*next)) {
                    word.push(next.to_ascii_lowercase());
                }
                tokens.push(Token::Word(word));
            }
            _ if character.is_whitespace() => {}
            _ => tokens.push(Token::Sign(character)),
        }
    }
    tokens
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

fn word(token: Option<&Token>) -> &str {
    match token {
        Some(Token::Word(word)) => word,
        _ => "",
    }
}

fn is_statement(tokens: &[Token]) -> bool {
    STATEMENTS.contains(&word(tokens.first()))
}

/// The names that `WITH` gives: a word, perhaps columns, `AS`, perhaps `[NOT] MATERIALIZED`, and a statement.
fn collect_names(tokens: &[Token], named: &mut BTreeSet<String>) {
    for (place, token) in tokens.iter().enumerate() {
        let Token::Group(inside) = token else { continue };
        collect_names(inside, named);
        if is_statement(inside) {
            let before = tokens[..place].iter().rev().skip_while(|token| ["materialized", "not"].contains(&word(Some(token))));
            let before: Vec<_> = before.take(3).collect();
            if word(before.first().copied()) == "as" {
                let name = before[1..].iter().map(|token| word(Some(token))).find(|name| !name.is_empty());
                named.extend(name.map(str::to_owned));
            }
        }
    }
}

/// Reads the statements that stand in parentheses, however deep.
fn read_groups(tokens: &[Token], found: &mut Vec<Mention>) {
    for token in tokens {
        if let Token::Group(inside) = token {
            read_groups(inside, found);
            if is_statement(inside) {
                read_statement(inside, found);
            }
        }
    }
}

/// Reads one statement; each side of a UNION answers for itself.
fn read_statement(tokens: &[Token], found: &mut Vec<Mention>) {
    for part in tokens.split(|token| SET_OPERATIONS.contains(&word(Some(token)))) {
        read_part(part, found);
    }
}

/// A table as one part of a query names it.
struct Source {
    table: String,
    alias: String,
    /// For `INSERT`: whether the columns have the realm among them.
    supplies_realm: bool,
}

fn read_part(tokens: &[Token], found: &mut Vec<Mention>) {
    let mut clause = Clause::Other;
    let mut sources = Vec::new();
    let mut condition = Vec::new();
    let deletes = tokens.iter().any(|token| word(Some(token)) == "delete");
    for (place, token) in tokens.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|before| tokens.get(before));
        let after = &tokens[place + 1..];
        match word(Some(token)) {
            "from" if word(before) == "distinct" => {}
            "from" | "join" => {
                clause = Clause::Sources;
                sources.extend(source(after));
            }
            "into" => sources.extend(target(after)),
            "update" if !["do", "for", "key"].contains(&word(before)) => sources.extend(target(after)),
            "using" if deletes && !matches!(after.first(), Some(Token::Group(_))) => {
                clause = Clause::Sources;
                sources.extend(source(after));
            }
            "where" | "on" | "having" | "using" => clause = Clause::Condition,
            other if OTHER_CLAUSES.contains(&other) => clause = Clause::Other,
            _ if clause == Clause::Sources && *token == Token::Sign(',') => sources.extend(source(after)),
            _ if clause == Clause::Condition => flatten(token, &mut condition),
            _ => {}
        }
    }
    found.extend(sources.into_iter().map(|source| source.judge(&condition)));
}

impl Source {
    fn judge(self, condition: &[Token]) -> Mention {
        let names_realm = self.supplies_realm || is_bound(condition, &self.alias);
        Mention { table: self.table, names_realm, is_made_here: false }
    }
}

/// What stands behind FROM, JOIN or a comma: a table, unless it is a function or a statement in parentheses.
fn source(tokens: &[Token]) -> Option<Source> {
    let start = tokens.iter().take_while(|token| ["only", "lateral"].contains(&word(Some(token)))).count();
    let tokens = &tokens[start..];
    if let Some(Token::Group(inside)) = tokens.first() {
        let unreadable = Source { table: UNREADABLE.to_owned(), alias: String::new(), supplies_realm: false };
        return (!is_statement(inside)).then_some(unreadable);
    }
    let (table, rest) = table_name(tokens)?;
    let is_function = matches!(rest.first(), Some(Token::Group(_)));
    let alias = alias(&table, rest);
    (!is_function).then_some(Source { table, alias, supplies_realm: false })
}

/// What stands behind INTO or UPDATE: a table, perhaps an alias, for INSERT the columns.
fn target(tokens: &[Token]) -> Option<Source> {
    let (table, rest) = table_name(tokens)?;
    let columns = rest.iter().take_while(|token| !is_keyword(word(Some(token)))).find_map(|token| match token {
        Token::Group(columns) => Some(columns),
        _ => None,
    });
    let supplies_realm = columns.is_some_and(|columns| columns.contains(&Token::Word("realm_id".to_owned())));
    let alias = alias(&table, rest);
    Some(Source { table, alias, supplies_realm })
}

/// A name with its schema, if it has one, and what follows.
fn table_name(tokens: &[Token]) -> Option<(String, &[Token])> {
    let Some(Token::Word(first)) = tokens.first() else { return None };
    match tokens.get(1..3) {
        Some([Token::Sign('.'), Token::Word(second)]) => Some((format!("{first}.{second}"), &tokens[3..])),
        _ => Some((first.clone(), &tokens[1..])),
    }
}

/// What the query calls the table: a word behind it, with or without AS, else its own name without the schema.
fn alias(table: &str, rest: &[Token]) -> String {
    let rest = if word(rest.first()) == "as" { &rest[1..] } else { rest };
    match rest.first() {
        Some(Token::Word(alias)) if !is_keyword(alias) => alias.clone(),
        _ => table.rsplit('.').next().unwrap_or(table).to_owned(),
    }
}

fn is_keyword(word: &str) -> bool {
    OTHER_CLAUSES.contains(&word) || ["where", "on", "using", "join", "from"].contains(&word)
}

/// Conditions in parentheses count as if there were none; statements in parentheses answer for themselves.
fn flatten(token: &Token, condition: &mut Vec<Token>) {
    match token {
        Token::Group(inside) if is_statement(inside) => {}
        Token::Group(inside) => inside.iter().for_each(|token| flatten(token, condition)),
        _ => condition.push(token.clone()),
    }
}

/// `alias.realm_id`, or `realm_id` alone: PostgreSQL itself refuses that where it could mean two tables.
fn is_bound(condition: &[Token], alias: &str) -> bool {
    let realm = Token::Word("realm_id".to_owned());
    condition.iter().enumerate().filter(|(_, token)| **token == realm).any(|(place, _)| {
        let is_alone = place == 0 || condition[place - 1] != Token::Sign('.');
        is_alone || place >= 2 && word(condition.get(place - 2)) == alias
    })
}

/// The mentions of a query that name no realm.
fn unbound(query: &str) -> Vec<String> {
    let found = mentions(query).expect("a query");
    found.into_iter().filter(|mention| !mention.names_realm && !mention.is_made_here).map(|mention| mention.table).collect()
}

#[test]
fn a_query_that_names_the_realm_of_every_table_passes() {
    let good = [
        "SELECT a FROM cases WHERE realm_id = $1 AND case_id = $2",
        "SELECT c.a FROM cases AS c JOIN users u ON u.realm_id = c.realm_id WHERE c.realm_id = $1",
        "SELECT a FROM cases JOIN users USING (realm_id, user_id) WHERE cases.realm_id = $1",
        "INSERT INTO cases AS c (realm_id, a) VALUES ($1, $2) ON CONFLICT (realm_id) DO UPDATE SET a = 1",
        "UPDATE cases SET a = 1 WHERE (realm_id, case_id) = ($1, $2) -- FROM users",
        "DELETE FROM cases AS c USING unnest($1::uuid[]) AS gone (realm_id) WHERE c.realm_id = gone.realm_id",
        "WITH one AS (SELECT a FROM cases WHERE realm_id = $1 FOR UPDATE SKIP LOCKED) SELECT a FROM one",
        "SELECT extract(epoch FROM a) FROM cases WHERE realm_id = $1 AND a IS DISTINCT FROM b",
    ];
    for query in good {
        assert_eq!(unbound(query), [""; 0], "{query}");
    }
}

#[test]
fn a_query_that_forgets_the_realm_of_one_table_is_found() {
    let bad = [
        ("SELECT realm_id, a FROM cases WHERE case_id = $1", "cases"),
        ("SELECT a FROM cases, users WHERE cases.realm_id = $1", "users"),
        ("SELECT c.a FROM cases c LEFT JOIN users AS u ON u.user_id = c.user_id WHERE c.realm_id = $1", "users"),
        ("SELECT a FROM cases WHERE realm_id = $1 UNION ALL SELECT a FROM users", "users"),
        ("SELECT a FROM cases WHERE realm_id = $1 AND EXISTS (SELECT 1 FROM users WHERE user_id = $2)", "users"),
        ("SELECT a FROM cases WHERE EXISTS (SELECT 1 FROM users WHERE realm_id = $2)", "cases"),
        ("INSERT INTO cases (case_id) VALUES ($1)", "cases"),
        ("UPDATE cases SET realm_id = $1 WHERE case_id = $2", "cases"),
        ("DELETE FROM cases WHERE case_id = $1 RETURNING realm_id", "cases"),
        ("WITH one AS MATERIALIZED (DELETE FROM cases RETURNING *) SELECT a FROM one WHERE realm_id = $1", "cases"),
    ];
    for (query, table) in bad {
        let found = unbound(query);
        assert!(found.contains(&table.to_owned()), "{query}: {found:?}");
    }
}

#[test]
fn what_is_no_query_is_not_taken_for_a_good_one() {
    assert_eq!(mentions("TRUNCATE cases"), None);
    assert_eq!(mentions("SET LOCAL lock_timeout = '5s'"), Some(Vec::new()));
    let joined = mentions("SELECT a FROM (cases JOIN users USING (a)) WHERE realm_id = $1").expect("a query");
    assert_eq!(joined[0].table, UNREADABLE);
}
