//! A whole course that compiles in a second, to test with: one lab, one suite, two seeded bugs.

use std::path::Path;

use crate::tree::Tree;

/// A copy of it that vanishes with the value.
pub(crate) fn course() -> Course {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixture/course");
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let tree = Tree::read(&folder, &|path| path.split('/').any(|piece| piece == "target"));
    tree.and_then(|tree| tree.write(dir.path())).expect("the fixture is complete");
    Course(dir)
}

/// See [`course`].
pub(crate) struct Course(tempfile::TempDir);

impl Course {
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}
