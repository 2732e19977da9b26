//! What must hold of a handout that has its dependencies in it: it compiles on a machine that has neither network nor cache.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::cargo::Cargo;
use crate::check::Place;
use crate::generate::{self, Handout};

/// What came of it.
pub(super) enum Outcome {
    Compiles,
    /// The dependencies cannot be had here, so nothing is known.
    OutOfReach(String),
}

/// Makes the handout with its dependencies in it, and compiles it with nothing else.
///
/// # Errors
///
/// It does not compile, or cargo refuses it.
pub(super) fn compiles(handout: &Handout, place: &Place) -> Result<Outcome> {
    let folder = place.scratch.join("vendored");
    handout.tree.sync(&folder, &|path| path == "vendor")?;
    if let Err(error) = generate::vendor(&folder) {
        let why = format!("{error:#}");
        if is_out_of_reach(&why) {
            return Ok(Outcome::OutOfReach(why.lines().last().unwrap_or_default().trim().to_owned()));
        }
        return Err(error);
    }
    let home = tempfile::tempdir().context("cannot make a temporary folder")?;
    let cargo = Cargo::new(&folder)
        .target_dir(&place.scratch.join("target-vendored"))
        .offline()
        .variable("CARGO_HOME", home.path().to_string_lossy());
    let ended = cargo.run(&["check", "--workspace", "--all-targets", "--offline", "--frozen"])?;
    if !ended.success() {
        bail!("{}", ended.stderr_tail(40));
    }
    if fs::read_dir(home.path().join("registry")).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("cargo used a registry although everything is in `vendor`");
    }
    Ok(Outcome::Compiles)
}

/// Whether cargo failed because it could not get something, and not because something is wrong.
fn is_out_of_reach(why: &str) -> bool {
    ["failed to download", "unable to update registry", "network failure", "--offline"]
        .iter()
        .any(|words| why.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_told_from_what_is_wrong() {
        let offline = "error: failed to sync\n\nCaused by:\n  failed to load pkg lockfile\n\nCaused by:\n  failed to download `fnv v1.0.7`\n\n\
            Caused by:\n  attempting to make an HTTP request, but --offline was specified";
        assert!(is_out_of_reach(offline));
        let wrong = "error: cannot update the lock file /tmp/x/Cargo.lock because --locked was passed";
        assert!(!is_out_of_reach(wrong));
    }
}
