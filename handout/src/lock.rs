//! Trims what a workspace is pinned to, once packages were left out of it: its lock file, and the profiles of packages.

use std::fs;

use anyhow::{Context, Result, bail};
use toml_edit::{DocumentMut, Item};

use crate::cargo::Cargo;
use crate::tree::Tree;

const FILE: &str = "Cargo.lock";

/// Lets cargo take out of the lock file what the manifests no longer need, and takes the profiles of packages that are then gone
/// out of the root's manifest: cargo warns of each at every build.
///
/// # Errors
///
/// There is no lock file, or cargo refuses the manifests.
pub(crate) fn trim(tree: &mut Tree) -> Result<()> {
    if !tree.0.contains_key(FILE) {
        bail!("there is no `{FILE}`; run `cargo generate-lockfile` and commit it");
    }
    let dir = tempfile::tempdir().context("cannot make a temporary folder")?;
    tree.write(dir.path())?;
    let cargo = Cargo::new(dir.path());
    let offline = cargo.run(&["metadata", "--format-version", "1", "--offline"])?;
    if !offline.success() {
        // A fresh machine: the registry's index has to come first.
        let online = cargo.run(&["metadata", "--format-version", "1"])?;
        if !online.success() {
            bail!("cargo refuses the manifests:\n{}", online.stderr_tail(20));
        }
    }
    let lock = fs::read_to_string(dir.path().join(FILE))?;
    let manifest = without_profiles_of_others(tree.text("Cargo.toml")?, &lock)?;
    tree.add_text("Cargo.toml", manifest);
    tree.add_text(FILE, lock);
    Ok(())
}

/// The manifest without the profiles of packages that the lock file does not name. The bytes stay if there are none.
fn without_profiles_of_others(manifest: &str, lock: &str) -> Result<String> {
    let locked: DocumentMut = lock.parse().context("cargo wrote a lock file that is no TOML")?;
    let packages = locked.get("package").and_then(Item::as_array_of_tables);
    let names: Vec<&str> =
        packages.into_iter().flatten().filter_map(|package| package["name"].as_str()).collect();
    let mut root: DocumentMut = manifest.parse().context("`Cargo.toml` is no manifest")?;
    let profiles = root.get_mut("profile").and_then(Item::as_table_like_mut);
    for (_, profile) in profiles.into_iter().flat_map(|profiles| profiles.iter_mut()) {
        let Some(of_packages) = profile.get_mut("package").and_then(Item::as_table_like_mut) else {
            continue;
        };
        let of_packages_gone: Vec<String> = of_packages
            .iter()
            .map(|(name, _)| name.to_owned())
            .filter(|name| name != "*" && !names.contains(&name.as_str()))
            .collect();
        for name in of_packages_gone {
            of_packages.remove(&name);
        }
    }
    Ok(root.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_that_are_locked_have_profiles() {
        let lock = "version = 4\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\n";
        let kept = "[profile.dev]\nopt-level = 1\n\n# Why.\n[profile.dev.package.serde]\nopt-level = 3\n\n\
                    [profile.dev.package.\"*\"]\nopt-level = 2\n";
        let gone = "\n# Why not.\n[profile.dev.package.rayon]\nopt-level = 3\n";
        assert_eq!(without_profiles_of_others(kept, lock).unwrap(), kept);
        assert_eq!(without_profiles_of_others(&format!("{kept}{gone}"), lock).unwrap(), kept);
    }
}
