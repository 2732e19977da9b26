//! What tests of hidden tests share: they need a sandbox.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

/// Whether the grader refused hidden tests because this machine has no sandbox, as it must: an ordinary user, no bubblewrap, no
/// namespaces for users. There the test has nothing to check, and says so.
pub(crate) fn nothing_can_be_hidden(said: &str) -> bool {
    let has = |program: &str, args: &[&str]| {
        Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
    };
    let is_root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    let refused = said.contains("hidden tests need a sandbox");
    let nothing =
        refused && !is_root && !has("bwrap", &["--version"]) && !has("unshare", &["--user", "true"]);
    if nothing {
        println!("there is no sandbox on this machine, so nothing can be hidden and nothing is checked");
    }
    nothing
}
