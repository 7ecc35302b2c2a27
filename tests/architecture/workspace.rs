//! The workspace as text: where it is, its files, and Rust code without its comments.

use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

/// One file, named as a person in the workspace's folder would name it.
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the package stands in the workspace's folder").to_owned()
}

/// The files below a folder whose names end with `.extension`, sorted. The folder must exist.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<SourceFile> {
    let mut paths = Vec::new();
    collect(&root().join(folder), &mut paths);
    paths.sort();
    let wanted = paths.into_iter().filter(|path| path.extension().is_some_and(|end| end == extension));
    wanted.map(|path| read(&path)).collect()
}

/// All Rust files of the workspace.
pub(crate) fn rust_files() -> Vec<SourceFile> {
    let mut found = files("crates", "rs");
    found.extend(files("tests", "rs"));
    found
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            collect(&path, paths);
        } else {
            paths.push(path);
        }
    }
}

fn read(path: &Path) -> SourceFile {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let path = path.strip_prefix(root()).expect("found below the root");
    SourceFile { path: path.display().to_string(), text }
}

/// Fails with every finding on a line of its own.
#[track_caller]
pub(crate) fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

/// A Rust file's code with one space between any two tokens and around all of it; comments and literals are left out, and
/// signs written together stay together (`::<`).
///
/// So `contains(" std :: fs ")` means what it says, however the code is laid out.
pub(crate) fn code(file: &SourceFile) -> String {
    let mut code = String::from(" ");
    write_code(tokens(file), &mut code);
    code
}

/// The code of a file that only tests run: all of it below a `tests` folder, else the items under `#[cfg(test)]`.
pub(crate) fn test_code(file: &SourceFile) -> String {
    if file.path.starts_with("tests/") || file.path.contains("/tests/") {
        return code(file);
    }
    let mut code = String::from(" ");
    write_test_items(tokens(file), &mut code);
    code
}

/// The string literals of a Rust file, doc comments left out, as they are written between their quotes.
pub(crate) fn string_literals(file: &SourceFile) -> Vec<String> {
    let mut literals = Vec::new();
    collect_literals(tokens(file), &mut literals);
    literals
}

fn tokens(file: &SourceFile) -> TokenStream {
    file.text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.path))
}

fn write_code(tokens: TokenStream, code: &mut String) {
    for token in without_docs(tokens) {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = delimiters(group.delimiter());
                code.push_str(open);
                write_code(group.stream(), code);
                code.push_str(close);
            }
            TokenTree::Ident(ident) => {
                code.push_str(&ident.to_string());
                code.push(' ');
            }
            TokenTree::Punct(sign) => {
                code.push(sign.as_char());
                if sign.spacing() == proc_macro2::Spacing::Alone {
                    code.push(' ');
                }
            }
            TokenTree::Literal(_) => {}
        }
    }
}

/// An item reaches from its attribute to the next brace group or semicolon.
fn write_test_items(tokens: TokenStream, code: &mut String) {
    let mut in_item = false;
    for token in without_docs(tokens) {
        match &token {
            TokenTree::Group(group) if in_item && group.delimiter() == proc_macro2::Delimiter::Brace => {
                in_item = false;
                write_code(group.stream(), code);
            }
            TokenTree::Group(group) if group.stream().to_string().replace(' ', "") == "cfg(test)" => in_item = true,
            TokenTree::Group(group) if !in_item => write_test_items(group.stream(), code),
            TokenTree::Punct(sign) if sign.as_char() == ';' => in_item = false,
            _ => {}
        }
    }
}

fn collect_literals(tokens: TokenStream, literals: &mut Vec<String>) {
    for token in without_docs(tokens) {
        match token {
            TokenTree::Group(group) => collect_literals(group.stream(), literals),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let parts = text.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"'));
                literals.extend(parts.map(|(inside, _)| inside.to_owned()));
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// The tokens without `#[doc = "…"]`, which is what doc comments are to the compiler.
fn without_docs(tokens: TokenStream) -> impl Iterator<Item = TokenTree> {
    tokens
        .into_iter()
        .filter(|token| !matches!(token, TokenTree::Group(group) if group.stream().to_string().starts_with("doc =")))
}

const fn delimiters(delimiter: proc_macro2::Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        proc_macro2::Delimiter::Parenthesis => ("( ", ") "),
        proc_macro2::Delimiter::Brace => ("{ ", "} "),
        proc_macro2::Delimiter::Bracket => ("[ ", "] "),
        proc_macro2::Delimiter::None => ("", ""),
    }
}

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

#[test]
fn code_has_no_comments_and_no_literals() {
    let file = file("x.rs", "/// std::fs\n// tokio\nfn a() { std::fs::read(\"sqlx\") }");
    let code = code(&file);
    assert!(code.contains(" std :: fs :: read ( ) "), "{code}");
    assert!(!code.contains("tokio") && !code.contains("sqlx"), "{code}");
}

#[test]
fn test_code_is_what_only_tests_run() {
    let text =
        "fn a() { work() } #[cfg(test)] use x; fn b() { more() } #[cfg(test)] mod tests { fn c() { check() } } fn d() { rest() }";
    let inside = test_code(&file("crates/a/src/x.rs", text));
    assert!(inside.contains("check"), "{inside}");
    assert!(!inside.contains("work") && !inside.contains("more") && !inside.contains("rest"), "{inside}");
    assert!(test_code(&file("crates/a/tests/x.rs", text)).contains("work"));
}

#[test]
fn string_literals_are_found_inside_macros() {
    let file = file("x.rs", "/// \"doc\"\nfn a() { query!(\"SELECT now()\", b\"bytes\", r#\"raw\"#) }");
    assert_eq!(string_literals(&file), ["SELECT now()", "bytes", "raw"]);
}
