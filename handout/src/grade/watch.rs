//! Watches how much a suite writes while it runs.

use std::fs;
use std::path::{Path, PathBuf};

/// Adding up sizes costs more than the other things that are watched: only each of so many looks does it.
const LOOKS: u32 = 40;

/// See the module.
#[derive(Debug)]
pub(crate) struct Watch {
    folder: PathBuf,
    most: u64,
    looks: u32,
}

impl Watch {
    /// For a folder in which at most `most` bytes may be.
    pub(crate) fn new(folder: &Path, most: u64) -> Self {
        Self { folder: folder.to_owned(), most, looks: 0 }
    }

    /// Looks; false if there is too much.
    pub(crate) fn look(&mut self) -> bool {
        self.looks += 1;
        self.looks % LOOKS != 1 || size(&self.folder, 0) <= self.most
    }
}

/// The bytes of all files below a folder; links are not followed.
fn size(folder: &Path, depth: u32) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() && depth < 20 => size(&entry.path(), depth + 1),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_together_are_limited() {
        let dir = tempfile::tempdir().unwrap();
        let look = || Watch::new(dir.path(), 1 << 20).look();
        fs::create_dir(dir.path().join("traces")).unwrap();
        fs::write(dir.path().join("traces/a"), vec![0; 600 << 10]).unwrap();
        std::os::unix::fs::symlink("/proc/kcore", dir.path().join("b")).unwrap();
        assert!(look());
        fs::write(dir.path().join("c"), vec![0; 600 << 10]).unwrap();
        assert!(!look());
    }
}
