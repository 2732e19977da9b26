//! Reads submissions into memory: folders, `.zip`, `.tar.gz`. Nothing of them is ever written where they say.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// How much a submission may be. A right one has some ten files of some ten thousand bytes.
const MOST_ENTRIES: usize = 20_000;
const MOST_BYTES: u64 = 4 << 20;
const MOST_FILE: u64 = 1 << 20;

/// What was found in a submission that can matter: paths with `/`, as they stand there.
#[derive(Debug, Default)]
pub(super) struct Unpacked {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Links and other special files: they are not followed.
    pub(super) special: Vec<String>,
    /// Files that cannot matter, such as what was built.
    pub(super) skipped: usize,
    bytes: u64,
    entries: usize,
}

impl Unpacked {
    /// Reads a submission.
    ///
    /// # Errors
    ///
    /// It cannot be read, is too large, or has a path that leads out of it.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let mut unpacked = Self::default();
        let name = path.to_string_lossy().to_lowercase();
        if path.is_dir() {
            unpacked.folder(path, "")?;
        } else if name.ends_with(".zip") {
            unpacked.zip(File::open(path)?)?;
        } else if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
            unpacked.tar(flate2::read::GzDecoder::new(File::open(path)?))?;
        } else {
            bail!("neither a folder nor a .zip or .tar.gz");
        }
        Ok(unpacked)
    }

    /// One more entry; false if it cannot matter.
    fn enter(&mut self, path: &str) -> Result<bool> {
        self.entries += 1;
        if self.entries > MOST_ENTRIES {
            bail!("more than {MOST_ENTRIES} files; submit `labs/*/src` only");
        }
        let matters = wanted(path);
        self.skipped += usize::from(!matters);
        Ok(matters)
    }

    /// The bytes of one file, whatever its entry says of its size.
    fn take(&mut self, path: String, stream: impl Read) -> Result<()> {
        let mut bytes = Vec::new();
        stream
            .take(MOST_FILE + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read `{path}` in it"))?;
        if bytes.len() as u64 > MOST_FILE {
            bail!("`{path}` is larger than {} KiB", MOST_FILE >> 10);
        }
        self.bytes += bytes.len() as u64;
        if self.bytes > MOST_BYTES {
            bail!("more than {} MiB of sources", MOST_BYTES >> 20);
        }
        self.files.insert(path, bytes);
        Ok(())
    }

    fn folder(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let Ok(name) = entry.file_name().into_string() else {
                self.skipped += 1;
                continue;
            };
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if !is_built(&name) {
                    self.folder(&entry.path(), &format!("{path}/"))?;
                }
            } else if self.enter(&path)? {
                if kind.is_file() {
                    self.take(path, File::open(entry.path())?)?;
                } else {
                    self.special.push(path);
                }
            }
        }
        Ok(())
    }

    fn zip(&mut self, file: File) -> Result<()> {
        let mut archive = zip::ZipArchive::new(file).context("no zip archive, or a damaged one")?;
        if archive.len() > MOST_ENTRIES {
            bail!("more than {MOST_ENTRIES} files; submit `labs/*/src` only");
        }
        for at in 0..archive.len() {
            let entry = archive.by_index(at).context("a damaged zip archive")?;
            let path = checked(&entry.name().context("a damaged zip archive")?)?;
            if entry.is_dir() || !self.enter(&path)? {
                continue;
            }
            if entry.is_file() && !entry.is_symlink() {
                self.take(path, entry)?;
            } else {
                self.special.push(path);
            }
        }
        Ok(())
    }

    fn tar(&mut self, stream: impl Read) -> Result<()> {
        // What does not matter has to be read as well, to find what follows it.
        let bounded = stream.take(64 * MOST_BYTES);
        let mut archive = tar::Archive::new(bounded);
        for entry in archive.entries().context("no tar archive, or a damaged one")? {
            let entry = entry.context("a damaged tar archive, or one that unpacks to too much")?;
            let path = entry.path_bytes();
            let path = checked(std::str::from_utf8(&path).context("a name in it is not UTF-8")?)?;
            let kind = entry.header().entry_type();
            if kind.is_dir() || kind.is_pax_global_extensions() || !self.enter(&path)? {
                continue;
            }
            if kind.is_file() {
                self.take(path, entry)?;
            } else {
                self.special.push(path);
            }
        }
        Ok(())
    }
}

/// What `cargo lab submit` writes beside the sources.
pub(super) const ABOUT: &str = "SUBMISSION.json";

/// Whether a path can be a student's: a source file below some `labs`, or the description of the submission. Names that begin
/// with a dot are not the student's: macOS packs `._server.rs`, which is no text, beside `server.rs`, and an editor may have
/// left `.#server.rs`, which is a link to nowhere.
fn wanted(path: &str) -> bool {
    let pieces: Vec<&str> = path.split('/').collect();
    if let [ABOUT] | [_, ABOUT] = pieces.as_slice() {
        return true;
    }
    let passed_over = |piece: &&str| is_built(piece) || piece.starts_with('.');
    path.ends_with(".rs") && pieces.contains(&"labs") && !pieces.iter().any(passed_over)
}

/// Folders that hold what was built or downloaded, or history.
fn is_built(name: &str) -> bool {
    matches!(name, "target" | ".git" | "vendor" | "__MACOSX" | "node_modules")
}

/// A path that stays inside.
fn checked(path: &str) -> Result<String> {
    let bad = path.starts_with('/')
        || path.contains('\\')
        || path.contains('\0')
        || path.split('/').any(|piece| piece == "..")
        || path.as_bytes().get(1) == Some(&b':');
    if bad {
        bail!("the path `{}` in it leads out of the archive", path.escape_default());
    }
    Ok(path.trim_start_matches("./").to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn tar(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
        let mut archive =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (path, kind, bytes) in entries {
            let mut header = tar::Header::new_gnu();
            // As hostile archives are: written without any check.
            let name = &mut header.as_old_mut().name;
            name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            if kind.is_symlink() {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_cksum();
            archive.append(&header, *bytes).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (path, bytes) in entries {
            archive.start_file(*path, zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive
            .add_symlink("labs/a/src/link.rs", "/etc/passwd", zip::write::SimpleFileOptions::default())
            .unwrap();
        archive.finish().unwrap().into_inner()
    }

    fn unpack(name: &str, bytes: &[u8]) -> Result<Unpacked> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(name), bytes).unwrap();
        Unpacked::read(&dir.path().join(name))
    }

    const FILE: tar::EntryType = tar::EntryType::Regular;

    #[test]
    fn what_matters_is_read() {
        let bytes = tar(&[
            ("./me/labs/a/src/server.rs", FILE, b"x"),
            ("me/target/labs/a/src/old.rs", FILE, b"x"),
            ("me/Cargo.toml", FILE, b"x"),
            ("me/labs/a/src/link.rs", tar::EntryType::Symlink, b""),
            ("./me/labs/a/src/._server.rs", FILE, b"\0\xff"),
            ("me/labs/a/src/.#server.rs", tar::EntryType::Symlink, b""),
        ]);
        let unpacked = unpack("a.tar.gz", &bytes).unwrap();
        assert_eq!(unpacked.files.keys().collect::<Vec<_>>(), ["me/labs/a/src/server.rs"]);
        assert_eq!((unpacked.skipped, unpacked.special.len()), (4, 1));
        let unpacked =
            unpack("a.zip", &zip(&[("labs/a/src/server.rs", b"x"), ("labs/a/build.sh", b"")])).unwrap();
        assert_eq!(unpacked.files.keys().collect::<Vec<_>>(), ["labs/a/src/server.rs"]);
        assert_eq!((unpacked.skipped, unpacked.special.len()), (1, 1));
    }

    #[test]
    fn what_leads_out_or_is_too_large_is_refused() {
        let refusal = |name: &str, bytes: &[u8]| format!("{:#}", unpack(name, bytes).unwrap_err());
        insta::assert_snapshot!(refusal("a.tgz", &tar(&[("../../labs/a/src/x.rs", FILE, b"x")])), @"the path `../../labs/a/src/x.rs` in it leads out of the archive");
        insta::assert_snapshot!(refusal("a.tgz", &tar(&[("/labs/a/src/x.rs", FILE, b"x")])), @"the path `/labs/a/src/x.rs` in it leads out of the archive");
        insta::assert_snapshot!(refusal("a.zip", &zip(&[("..\\labs\\a\\src\\x.rs", b"x")])), @r"the path `..\\labs\\a\\src\\x.rs` in it leads out of the archive");
        let large = vec![b' '; (MOST_FILE + 1) as usize];
        insta::assert_snapshot!(refusal("a.zip", &zip(&[("labs/a/src/x.rs", &large)])), @"`labs/a/src/x.rs` is larger than 1024 KiB");
        let names: Vec<String> = (0..5).map(|i| format!("labs/a/src/{i}.rs")).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &large[1..])).collect();
        insta::assert_snapshot!(refusal("a.zip", &zip(&many)), @"more than 4 MiB of sources");
        insta::assert_snapshot!(refusal("a.zip", b"PK nothing"), @"no zip archive, or a damaged one: invalid Zip archive: Could not find EOCD");
        insta::assert_snapshot!(refusal("a.rar", b""), @"neither a folder nor a .zip or .tar.gz");
    }

    #[test]
    fn links_in_folders_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("labs/a/src")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("labs/a/src/x.rs")).unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("labs/root")).unwrap();
        let unpacked = Unpacked::read(dir.path()).unwrap();
        assert_eq!(unpacked.special, ["labs/a/src/x.rs"]);
        assert!(unpacked.files.is_empty());
    }
}
