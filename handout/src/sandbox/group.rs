//! Control groups: limits on processes and memory that the kernel keeps for a program and everything it starts. They are used
//! where this user may make them, which mostly only root may. Elsewhere, the limits of a user and the grader's watching have to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::sandbox::jail::Limits;

/// What the names of groups begin with; then come the grader's process and a number.
const NAME: &str = "handout-";

/// Processes of the sandbox itself: they count as well.
const OWN_PROCESSES: u64 = 8;

/// Groups of one program; they are removed with the value, and what is still in them is killed.
#[derive(Debug, Default)]
pub(super) struct Groups(Vec<PathBuf>);

impl Groups {
    /// Makes groups with these limits, as far as this user may.
    pub(super) fn with(limits: &Limits) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let name = format!("{NAME}{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let mut groups = Self::default();
        for above in above(&own, Path::new("/sys/fs/cgroup")) {
            remove_old(&above);
            let group = above.join(&name);
            if fs::create_dir(&group).is_err() {
                continue;
            }
            groups.0.push(group.clone());
            if !limit(&group, limits) {
                groups.0.pop();
                let _stays = fs::remove_dir(&group);
            }
        }
        groups
    }

    /// The files in which a process writes `0` to enter.
    pub(super) fn entrances(&self) -> impl Iterator<Item = PathBuf> {
        self.0.iter().map(|group| group.join("cgroup.procs"))
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for group in &self.0 {
            let _older_kernel = fs::write(group.join("cgroup.kill"), "1");
            // Processes that were killed are there until they are gone.
            for _ in 0..200 {
                if fs::remove_dir(group).is_ok() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// The groups in which this process is, for processes and for memory. `own` is what `/proc/self/cgroup` says.
fn above(own: &str, root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for line in own.lines() {
        let mut pieces = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (pieces.next(), pieces.next(), pieces.next()) else {
            continue;
        };
        let hierarchy = match controllers {
            "" if root.join("cgroup.controllers").is_file() => root.to_owned(),
            "pids" | "memory" => root.join(controllers),
            _ => continue,
        };
        // In a container the path is often that of the machine, which is not to be seen here.
        let inside = hierarchy.join(path.trim_start_matches('/'));
        found.extend([inside, hierarchy].into_iter().find(|folder| folder.is_dir()));
    }
    found
}

/// Sets the limits that a group has; false if it has none.
fn limit(group: &Path, limits: &Limits) -> bool {
    // Version 2: the group above has to say that it divides these.
    if let Some(above) = group.parent().filter(|above| above.join("cgroup.subtree_control").is_file()) {
        let _not_allowed = fs::write(above.join("cgroup.subtree_control"), "+pids +memory");
    }
    let bytes = (limits.memory_mib << 20).to_string();
    let processes = (limits.processes + OWN_PROCESSES).to_string();
    let set = |file: &str, value: &str| {
        let file = group.join(file);
        file.is_file() && fs::write(file, value).is_ok()
    };
    let version_2 = set("memory.max", &bytes);
    let version_1 = set("memory.limit_in_bytes", &bytes);
    set("pids.max", &processes) || version_1 || version_2
}

/// Removes groups of graders that were killed.
fn remove_old(above: &Path) {
    let Ok(entries) = fs::read_dir(above) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let grader = name.to_str().and_then(|name| name.strip_prefix(NAME)?.split_once('-'));
        if grader.is_some_and(|(process, _)| !Path::new("/proc").join(process).exists()) {
            let _in_use = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(root: &Path, paths: &[&str]) {
        for path in paths {
            fs::create_dir_all(root.join(path)).unwrap();
        }
    }

    #[test]
    fn groups_are_made_below_the_own_ones() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        folders(root, &["pids", "memory/here", "cpu"]);
        let own = "9:name=systemd:/x\n8:pids:/\n4:memory:/here\n3:cpu:/\n0::/x\n";
        assert_eq!(above(own, root), [root.join("pids"), root.join("memory/here")]);
        assert_eq!(above("4:memory:/elsewhere\n", root), [root.join("memory")]);

        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        folders(root, &["user.slice"]);
        fs::write(root.join("cgroup.controllers"), "pids memory\n").unwrap();
        assert_eq!(above("0::/user.slice\n", root), [root.join("user.slice")]);
        assert_eq!(above("", root), Vec::<PathBuf>::new());
    }

    #[test]
    fn what_a_killed_grader_left_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let own = format!("{NAME}{}-0", std::process::id());
        folders(dir.path(), &["handout-4294967295-3", "handout-x", "other", &own]);
        remove_old(dir.path());
        let mut left: Vec<String> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        left.sort();
        assert_eq!(left, [own.as_str(), "handout-x", "other"]);
    }
}
