//! Which test binary a source file belongs to, and as which module.

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, Target, TargetKind};

/// One test binary: the file it starts from and the name the test runner gives it.
pub(crate) struct Binary {
    pub(crate) root: PathBuf,
    pub(crate) name: String,
}

/// The binaries of all members that can have tests.
pub(crate) fn binaries(metadata: &Metadata) -> Vec<Binary> {
    let packages = metadata.workspace_packages().into_iter();
    let targets = packages.flat_map(|package| package.targets.iter().map(|target| (package.name.as_str(), target)));
    targets.filter_map(|(package, target)| binary(package, target)).collect()
}

/// Names as cargo-nextest gives them: `package`, `package::test`, `package::bin/program`.
fn binary(package: &str, target: &Target) -> Option<Binary> {
    let name = match target.kind.first()? {
        TargetKind::Lib => package.to_owned(),
        TargetKind::Test => format!("{package}::{}", target.name),
        TargetKind::Bin => format!("{package}::bin/{}", target.name),
        _ => return None,
    };
    Some(Binary { root: target.src_path.clone().into_std_path_buf(), name })
}

/// The binary and the module path of a file. Where a library and a program share a folder, the library has the modules.
pub(crate) fn home<'a>(file: &Path, binaries: &'a [Binary]) -> Option<(&'a str, Vec<String>)> {
    if let Some(binary) = binaries.iter().find(|binary| binary.root == file) {
        return Some((&binary.name, Vec::new()));
    }
    let owners = binaries.iter().filter_map(|binary| Some((binary, file.strip_prefix(binary.root.parent()?).ok()?)));
    let (binary, inside) = owners.min_by_key(|(binary, inside)| (inside.components().count(), binary.name.contains("::")))?;
    Some((&binary.name, module(inside)))
}

fn module(inside: &Path) -> Vec<String> {
    let names = inside.with_extension("");
    let mut names: Vec<_> = names.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    names.pop_if(|name| name == "mod");
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn homes(file: &str) -> Option<(String, String)> {
        let binary = |root: &str, name: &str| Binary { root: root.into(), name: name.to_owned() };
        let binaries = [
            binary("/a/src/main.rs", "a::bin/a"),
            binary("/a/src/lib.rs", "a"),
            binary("/a/tests/flat.rs", "a::flat"),
            binary("/e/journeys/main.rs", "e::journeys"),
        ];
        home(Path::new(file), &binaries).map(|(name, module)| (name.to_owned(), module.join("::")))
    }

    fn at(binary: &str, module: &str) -> (String, String) {
        (binary.to_owned(), module.to_owned())
    }

    #[test]
    fn every_kind_of_file_has_its_home() {
        assert_eq!(homes("/a/src/lib.rs"), Some(at("a", "")));
        assert_eq!(homes("/a/src/main.rs"), Some(at("a::bin/a", "")));
        assert_eq!(homes("/a/src/domain/case.rs"), Some(at("a", "domain::case")));
        assert_eq!(homes("/a/src/domain/mod.rs"), Some(at("a", "domain")));
        assert_eq!(homes("/a/tests/flat.rs"), Some(at("a::flat", "")));
        assert_eq!(homes("/e/journeys/mail/late.rs"), Some(at("e::journeys", "mail::late")));
        assert_eq!(homes("/elsewhere/x.rs"), None);
    }
}
