//! The recipe of the image, held against what is run from it. Building it takes what no test has.

use serde_json::json;

use super::{BASE, Manifests, container, defaults, list, services};
use crate::workspace::root;

fn recipe() -> String {
    std::fs::read_to_string(root().join("deploy/image/Containerfile")).expect("the image has a recipe")
}

#[test]
fn the_image_has_every_program() {
    let recipe = recipe();
    let words: Vec<_> = recipe.split_whitespace().collect();
    let built = |package: &str| words.windows(2).any(|pair| pair == ["--package", package]);
    let base = Manifests::of(BASE);
    let services = services();
    let commands = services.iter().map(|service| container(base.server(service))["command"][0].as_str().expect("a command"));
    let mut programs: Vec<_> = commands.map(|command| command.strip_prefix("/usr/local/bin/").expect("from the image")).collect();
    programs.push("cabinet");
    for program in programs {
        assert!(built(program), "{program} is not built");
        assert!(words.contains(&format!("target/release/{program}").as_str()), "{program} is not installed");
    }
    assert!(recipe.contains("COPY --from=build /programs/ /usr/local/bin/"));
}

#[test]
fn the_image_is_built_by_the_rust_of_the_workspace() {
    let rust = defaults("Cargo.toml")["workspace"]["package"]["rust-version"].as_str().expect("a version").to_owned();
    assert!(recipe().contains(&format!("FROM docker.io/library/rust:{rust}-")), "another Rust than {rust}");
}

#[test]
fn pods_run_as_the_user_of_the_image() {
    let recipe = recipe();
    let user = recipe.lines().find_map(|line| line.strip_prefix("USER ")).expect("a user");
    let (user, group) = user.split_once(':').expect("a user and a group");
    let (user, group): (u64, u64) = (user.parse().expect("a number"), group.parse().expect("a number"));
    let base = Manifests::of(BASE);
    for service in services() {
        for pod in [base.server(&service), base.migration(&service)] {
            let context = &pod["spec"]["securityContext"];
            assert_eq!([&context["runAsUser"], &context["runAsGroup"]], [&json!(user), &json!(group)]);
            // Secrets are readable to a group, and this is the one.
            assert_eq!(context["fsGroup"], group);
            for volume in list(&pod["spec"]["volumes"]) {
                let mode = volume.pointer("/projected/defaultMode").or(volume.pointer("/secret/defaultMode"));
                assert_eq!(mode.and_then(serde_json::Value::as_u64), Some(0o440), "{volume}");
            }
        }
    }
}
