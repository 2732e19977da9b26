//! What a process and its descendants use of the machine.

use std::collections::BTreeMap;
use std::fs;

/// What a process and its descendants use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Bytes in memory. A page that two of them share counts twice.
    pub(super) memory: u64,
    /// Threads.
    pub(super) threads: u64,
}

/// What a process and all its descendants use, as `/proc` tells.
pub(super) fn usage(root: u32) -> Usage {
    let mut processes: BTreeMap<u32, Process> = BTreeMap::new();
    let Ok(entries) = fs::read_dir("/proc") else { return Usage::default() };
    for entry in entries.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if let Some(found) = fs::read_to_string(entry.path().join("stat")).ok().as_deref().and_then(parse) {
            processes.insert(id, found);
        }
    }
    let page = rustix::param::page_size() as u64;
    let below = |id: u32| {
        let mut id = id;
        // Parents have no cycles; the bound is for a table that changed while it was read.
        for _ in 0..64 {
            if id == root {
                return true;
            }
            match processes.get(&id) {
                Some(process) => id = process.parent,
                None => return false,
            }
        }
        false
    };
    let mut usage = Usage::default();
    for (_, process) in processes.iter().filter(|(id, _)| below(**id)) {
        usage.memory += process.pages * page;
        usage.threads += process.threads;
    }
    usage
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    parent: u32,
    threads: u64,
    pages: u64,
}

/// Fields 4, 20 and 24 of `/proc/<id>/stat`. The second is a name that may hold spaces and brackets.
fn parse(stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Process { parent: fields.get(1)?.parse().ok()?, threads: number(17)?, pages: number(21)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_this_process_and_no_other() {
        let own = usage(std::process::id());
        assert!(own.memory > 1 << 20 && own.threads >= 1, "{own:?}");
        assert_eq!(usage(u32::MAX), Usage::default());
        let stat = "7 (a) b) S 3 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 9 0 5 1000 42 0";
        assert_eq!(parse(stat), Some(Process { parent: 3, threads: 9, pages: 42 }));
    }
}
