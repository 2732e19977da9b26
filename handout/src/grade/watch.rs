//! Watches the file of results while the harness writes it. It only grows: what was read once stays as it is. Whoever
//! changes it afterwards is not the harness.

use std::fs;
use std::path::{Path, PathBuf};

use crate::grade::slot::RESULTS;

/// See the module.
#[derive(Debug)]
pub(crate) struct Watch {
    file: PathBuf,
    folder: PathBuf,
    most: u64,
    seen: Vec<u8>,
    looks: u32,
    wrong: Option<String>,
}

impl Watch {
    /// For the results in a folder, in which at most `most` bytes may be written.
    pub(crate) fn new(folder: &Path, most: u64) -> Self {
        Self {
            file: folder.join(RESULTS),
            folder: folder.to_owned(),
            most,
            seen: Vec::new(),
            looks: 0,
            wrong: None,
        }
    }

    /// Looks at the file; false if something is wrong.
    pub(crate) fn look(&mut self) -> bool {
        self.looks += 1;
        if self.wrong.is_none() {
            self.wrong = self.compare().err();
        }
        // Adding up sizes costs more.
        if self.wrong.is_none() && self.looks % 40 == 1 && size(&self.folder, 0) > self.most {
            self.wrong = Some(format!("more than {} MiB of files", self.most >> 20));
        }
        self.wrong.is_none()
    }

    fn compare(&mut self) -> Result<(), String> {
        let Ok(data) = self.file.symlink_metadata() else {
            return if self.seen.is_empty() {
                Ok(())
            } else {
                Err("the results were removed while the tests ran".to_owned())
            };
        };
        if !data.is_file() {
            return Err("the results are no plain file".to_owned());
        }
        if data.len() > self.most {
            return Err("the results are too large".to_owned());
        }
        let Ok(bytes) = fs::read(&self.file) else { return Ok(()) };
        if !bytes.starts_with(&self.seen) {
            return Err("the results were changed while the tests ran".to_owned());
        }
        self.seen = bytes;
        Ok(())
    }

    /// The results in the end, or what was wrong.
    pub(crate) fn finish(mut self) -> Result<String, String> {
        self.looks = 0;
        self.look();
        match self.wrong {
            Some(wrong) => Err(wrong),
            None => String::from_utf8(self.seen).map_err(|_| "the results are not UTF-8".to_owned()),
        }
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
    fn results_only_grow() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(RESULTS);
        let watch = || Watch::new(dir.path(), 1 << 20);

        let mut honest = watch();
        assert!(honest.look());
        fs::write(&file, "a\n").unwrap();
        assert!(honest.look());
        fs::write(&file, "a\nb\n").unwrap();
        assert_eq!(honest.finish().as_deref(), Ok("a\nb\n"));

        let mut changed = watch();
        assert!(changed.look());
        fs::write(&file, "A\nb\nc\n").unwrap();
        assert!(!changed.look());
        assert_eq!(changed.finish().unwrap_err(), "the results were changed while the tests ran");

        let mut removed = watch();
        assert!(removed.look());
        fs::remove_file(&file).unwrap();
        assert_eq!(removed.finish().unwrap_err(), "the results were removed while the tests ran");

        std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
        assert_eq!(watch().finish().unwrap_err(), "the results are no plain file");
        fs::remove_file(&file).unwrap();

        fs::write(dir.path().join("large"), vec![0; 2 << 20]).unwrap();
        assert_eq!(watch().finish().unwrap_err(), "more than 1 MiB of files");
    }
}
