//! Files in memory: a folder read or to be written, its content hash, its archive.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// A file's bytes and whether it is a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    pub(crate) executable: bool,
}

/// Files by their path, with `/` between folders, in the order of the paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree(pub(crate) BTreeMap<String, File>);

/// The SHA-256 of some bytes, in hexadecimal.
pub(crate) fn hash(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes).as_slice())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Tree {
    /// Adds a file with a text that is no program.
    pub(crate) fn add_text(&mut self, path: &str, text: impl Into<String>) {
        self.0.insert(path.to_owned(), File { bytes: text.into().into_bytes(), executable: false });
    }

    /// The text of a file that must be there.
    pub(crate) fn text(&self, path: &str) -> Result<&str> {
        let file = self.0.get(path).with_context(|| format!("`{path}` is missing"))?;
        std::str::from_utf8(&file.bytes).with_context(|| format!("`{path}` is not UTF-8"))
    }

    /// Reads one file of a folder. A link is an error: it would be copied as what it points to.
    pub(crate) fn read_file(&mut self, root: &Path, path: &str) -> Result<()> {
        let place = root.join(path);
        let data = fs::symlink_metadata(&place).with_context(|| format!("cannot read `{path}`"))?;
        if !data.is_file() {
            bail!("`{path}` is no plain file; links and other special files cannot be handed out");
        }
        let bytes = fs::read(&place).with_context(|| format!("cannot read `{path}`"))?;
        let executable = data.permissions().mode() & 0o111 != 0;
        self.0.insert(path.to_owned(), File { bytes, executable });
        Ok(())
    }

    /// Reads all files below a folder, but not those `skip` says (by path).
    pub(crate) fn read(root: &Path, skip: &dyn Fn(&str) -> bool) -> Result<Self> {
        let mut tree = Self::default();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let place = root.join(&folder);
            let entries =
                fs::read_dir(&place).with_context(|| format!("cannot read `{}`", place.display()))?;
            for entry in entries {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else {
                    bail!("a file name in `{}` is not UTF-8", place.display());
                };
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                if skip(&path) {
                    continue;
                }
                if entry.file_type()?.is_dir() {
                    folders.push(path);
                } else {
                    tree.read_file(root, &path)?;
                }
            }
        }
        Ok(tree)
    }

    /// Writes all files below a folder, which is made.
    pub(crate) fn write(&self, root: &Path) -> Result<()> {
        for path in self.0.keys() {
            self.write_file(root, path)?;
        }
        Ok(())
    }

    /// Writes one file of the tree below a folder.
    pub(crate) fn write_file(&self, root: &Path, path: &str) -> Result<()> {
        let file = self.0.get(path).with_context(|| format!("`{path}` is missing"))?;
        let place = root.join(path);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        }
        fs::write(&place, &file.bytes).with_context(|| format!("cannot write `{}`", place.display()))?;
        let mode = if file.executable { 0o755 } else { 0o644 };
        fs::set_permissions(&place, fs::Permissions::from_mode(mode))?;
        Ok(())
    }

    /// Makes a folder equal to the tree. Files that are equal already are not touched, so that cargo finds them as they
    /// were; what is in the folder and not in the tree is removed, but not what `keep` says (by path).
    pub(crate) fn sync(&self, root: &Path, keep: &dyn Fn(&str) -> bool) -> Result<()> {
        fs::create_dir_all(root).with_context(|| format!("cannot make `{}`", root.display()))?;
        let there = remove_links(root, keep).and_then(|()| Self::read(root, keep))?;
        for path in there.0.keys().filter(|path| !self.0.contains_key(*path)) {
            let place = root.join(path);
            fs::remove_file(&place).with_context(|| format!("cannot remove `{}`", place.display()))?;
        }
        for (path, file) in &self.0 {
            if there.0.get(path) != Some(file) {
                self.write_file(root, path)?;
            }
        }
        Ok(())
    }

    /// One hash of all paths, modes and bytes: equal trees, and only they, have equal hashes.
    pub(crate) fn hash(&self) -> String {
        let mut all = Sha256::new();
        for (path, file) in &self.0 {
            all.update(format!("{} {} {} {path}\n", hash(&file.bytes), file.executable, file.bytes.len()));
        }
        hex(all.finalize().as_slice())
    }
}

/// Removes what is neither a plain file nor a folder.
fn remove_links(folder: &Path, keep: &dyn Fn(&str) -> bool) -> Result<()> {
    let mut folders = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if keep(&path) {
                continue;
            }
            if kind.is_dir() {
                folders.push((entry.path(), format!("{path}/")));
            } else if !kind.is_file() {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut tree = Tree::default();
        tree.add_text("a/b/c.rs", "c");
        tree.add_text("z", "");
        tree.0.insert("run".to_owned(), File { bytes: vec![0, 255], executable: true });
        let dir = tempfile::tempdir().unwrap();
        tree.write(dir.path()).unwrap();
        let read = Tree::read(dir.path(), &|_| false).unwrap();
        assert_eq!(read, tree);
        assert_eq!(read.hash(), tree.hash());
        assert_eq!(Tree::read(dir.path(), &|path| path == "a").unwrap().0.len(), 2);
    }

    #[test]
    fn the_hash_depends_on_names_bytes_and_modes() {
        let one = |path: &str, text: &str, executable| {
            let file = File { bytes: text.as_bytes().to_vec(), executable };
            Tree(BTreeMap::from([(path.to_owned(), file)])).hash()
        };
        let hashes = [one("a", "b", false), one("a", "c", false), one("b", "b", false), one("a", "b", true)];
        let different: std::collections::BTreeSet<_> = hashes.iter().collect();
        assert_eq!(different.len(), hashes.len());
        assert_eq!(hash(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn syncing_touches_only_what_differs() {
        let mut tree = Tree::default();
        tree.add_text("same", "1");
        tree.add_text("changed", "1");
        tree.add_text("gone/a", "1");
        let dir = tempfile::tempdir().unwrap();
        tree.write(dir.path()).unwrap();
        fs::create_dir(dir.path().join("target")).unwrap();
        fs::write(dir.path().join("target/kept"), "").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).unwrap();
        let time = |path: &str| fs::metadata(dir.path().join(path)).unwrap().modified().unwrap();
        let before = time("same");
        tree.0.remove("gone/a");
        tree.add_text("changed", "2");
        tree.sync(dir.path(), &|path| path == "target").unwrap();
        assert_eq!(time("same"), before);
        assert_eq!(Tree::read(dir.path(), &|path| path == "target").unwrap(), tree);
        assert!(dir.path().join("target/kept").exists());
    }

    #[test]
    fn links_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).unwrap();
        let error = Tree::read(dir.path(), &|_| false).unwrap_err().to_string();
        assert!(error.starts_with("`link` is no plain file"), "{error}");
    }
}
