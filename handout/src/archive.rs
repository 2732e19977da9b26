//! Writes archives that are the same bytes for the same files.

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::tree::Tree;

/// A `.tar.gz` of the files, below the folder `root`: sorted, without dates and owners.
pub(crate) fn tar_gz(tree: &Tree, root: &str) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for (path, file) in &tree.0 {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.bytes.len() as u64);
        header.set_mode(if file.executable { 0o755 } else { 0o644 });
        header.set_mtime(0);
        archive.append_data(&mut header, format!("{root}/{path}"), file.bytes.as_slice())?;
    }
    Ok(archive.into_inner()?.finish()?)
}
