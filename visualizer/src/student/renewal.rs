//! Brings a copy of the handout to another version: what happens to each file, and the doing of it. `cargo lab update` and the
//! instructors' `cargo handout update` are both built from this file, so they do the same; it needs neither of the two.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

/// What describes a handout, at its root.
const DESCRIPTION: &str = "HANDOUT.json";

/// Where the sources of dependencies lie, if a handout has them.
const VENDOR: &str = "vendor";

/// Where cargo is told of them.
const SETTINGS: &str = ".cargo/config.toml";

/// What begins the settings that vendoring adds to cargo's.
pub(crate) const VENDORED: &str = "\n# The dependencies are in `vendor`: nothing is downloaded.\n";

/// What says what is new in which version: a section each, the newest first.
pub(crate) const CHANGES: &str = "CHANGES.md";

/// How much of it an update shows, in lines.
const MOST_NEWS: usize = 40;

/// Where files go that were changed and are replaced, and new skeletons of files that students have changed.
const ASIDE: &str = "target/handout-update";

/// Why a copy stays as it is. What it says is for the person at the keyboard.
#[derive(Debug)]
pub(crate) struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// Adds to an error what was being done to which file.
fn at<'a>(what: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> Refused + 'a {
    move |error| Refused(format!("cannot {what} `{}`: {error}", path.display()))
}

/// A file of the new version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewFile {
    pub(crate) bytes: Vec<u8>,
    pub(crate) executable: bool,
}

/// Files by their path, with `/` between folders.
pub(crate) type Files = BTreeMap<String, NewFile>;

/// What a version's `HANDOUT.json` says, as far as it matters here.
#[derive(Clone, Debug)]
pub(crate) struct Edition<'a> {
    pub(crate) grading_hash: &'a str,
    pub(crate) labs: &'a [String],
    pub(crate) student_files: &'a BTreeMap<String, String>,
    pub(crate) course_files: &'a BTreeMap<String, String>,
}

/// Where the dependencies come from after the update.
#[derive(Debug)]
pub(crate) enum Dependencies {
    /// From where they came before: the registry, or the folder `vendor`, which has them all.
    AsBefore,
    /// From this folder, which takes the place of `vendor`. It lies in a [`Beside`].
    Vendored { folder: PathBuf, settings: String },
}

/// What happens to one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// It is the course's, and new or changed.
    Write(String),
    /// It is a skeleton in which nothing was written.
    Renew(String),
    /// It is the course's and was changed here; that version is kept aside.
    Replace(String),
    /// It is not in the handout any more.
    Remove(String),
    /// It is the student's and stays; the new skeleton lies aside, to compare.
    Stays(String),
}

/// What an update would do.
#[derive(Debug)]
pub(crate) struct Renewal {
    steps: Vec<Step>,
    /// Files that decide on points and differ between the versions; empty if grading stays the same.
    grading: Vec<String>,
    grading_changes: bool,
    /// Labs that the new version does not have.
    without: Vec<String>,
    /// What the course says of the versions that this copy did not have, in lines.
    news: Vec<String>,
}

/// Whether a file of the course decides on points.
pub(crate) fn grades(path: &str) -> bool {
    let ignored = ["visualizer/", ".vscode/", ".github/", ".cargo/"];
    !path.ends_with(".md")
        && !ignored.iter().any(|start| path.starts_with(start))
        && !matches!(path, ".gitignore" | "LICENSE" | "rustfmt.toml")
}

/// The sections of [`CHANGES`]: the version in the heading, and what stands below it.
pub(crate) fn sections(changes: &str) -> Vec<(&str, &str)> {
    let begin = changes.strip_prefix("## ").or_else(|| Some(changes.split_once("\n## ")?.1));
    let pieces = begin.into_iter().flat_map(|rest| rest.split("\n## "));
    let heading = |piece: &str| piece.find('\n').unwrap_or(piece.len());
    pieces
        .map(|piece| piece.split_at(heading(piece)))
        .map(|(version, text)| (version.trim(), text.trim()))
        .collect()
}

/// What is new for a copy, in lines: the sections that its own file does not have. Of a course that said nothing until now, the
/// newest.
fn news(old: Option<&str>, new: &str) -> Vec<String> {
    let known: Vec<&str> = old.map(sections).unwrap_or_default().into_iter().map(|(name, _)| name).collect();
    let most = if old.is_none() { 1 } else { usize::MAX };
    let mut lines = Vec::new();
    let is_new = |(version, _): &(&str, &str)| !known.contains(version);
    for (version, text) in sections(new).into_iter().filter(is_new).take(most) {
        lines.push(format!("new in {version}:"));
        lines.extend(text.lines().map(|line| format!("  {line}").trim_end().to_owned()));
    }
    if lines.len() > MOST_NEWS {
        lines.truncate(MOST_NEWS);
        lines.push(format!("  … the rest is in {CHANGES}"));
    }
    lines
}

/// The SHA-256 of some bytes, in hexadecimal.
pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file as it was before dependencies were vendored: cargo's settings are longer then, and that is nobody's change.
fn without_vendored<'a>(path: &str, bytes: &'a [u8]) -> &'a [u8] {
    let text = std::str::from_utf8(bytes).ok().filter(|_| path == SETTINGS);
    text.and_then(|text| text.split_once(VENDORED)).map_or(bytes, |(before, _)| before.as_bytes())
}

/// What vendoring has added to cargo's settings in a folder.
fn vendored_settings(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join(SETTINGS)).ok()?;
    text.split_once(VENDORED).map(|(_, settings)| settings.to_owned())
}

/// The sources of dependencies that a handout brings along: the folder, and what to tell cargo.
pub(crate) fn brings_along(handout: &Path) -> Option<(PathBuf, String)> {
    let folder = handout.join(VENDOR);
    let settings = vendored_settings(handout)?;
    folder.is_dir().then_some((folder, settings))
}

/// Whether a copy has its dependencies in it.
pub(crate) fn is_vendored(copy: &Path) -> bool {
    copy.join(VENDOR).is_dir()
}

/// Whether the folder `vendor` of a copy has everything that a lock file names.
pub(crate) fn vendor_serves(copy: &Path, lock: &str) -> bool {
    let word = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
        line.map(|line| line.trim_end_matches('"').to_owned())
    };
    lock.split("[[package]]").skip(1).filter(|block| word(block, "source").is_some()).all(|block| {
        let (Some(name), Some(version)) = (word(block, "name"), word(block, "version")) else { return false };
        let sums = copy.join(VENDOR).join(format!("{name}-{version}")).join(".cargo-checksum.json");
        let known = fs::read_to_string(sums).ok().and_then(|sums| serde_json::from_str(&sums).ok());
        let known: Option<serde_json::Value> = known;
        known.is_some_and(|known| known["package"].as_str() == word(block, "checksum").as_deref())
    })
}

/// The files of a handout that was written to a folder: those that its description names, as they were made.
pub(crate) fn read_files(handout: &Path, edition: &Edition<'_>) -> Result<Files, Refused> {
    let mut files = Files::new();
    let named = edition.student_files.iter().chain(edition.course_files);
    for (path, expected) in named.map(|(path, hash)| (path.as_str(), Some(hash))).chain([(DESCRIPTION, None)])
    {
        let place = handout.join(path);
        let not_as_made = || {
            Refused(format!(
                "`{}` is not as the course made it; get the new handout again, and do not work in it before",
                place.display()
            ))
        };
        // What a description names lies in the handout.
        if !Path::new(path).components().all(|piece| matches!(piece, Component::Normal(_))) {
            return Err(not_as_made());
        }
        let data = fs::symlink_metadata(&place).map_err(at("read", &place))?;
        if !data.is_file() {
            return Err(not_as_made());
        }
        let bytes = fs::read(&place).map_err(at("read", &place))?;
        let bytes = without_vendored(path, &bytes).to_vec();
        if expected.is_some_and(|expected| *expected != hash(&bytes)) {
            return Err(not_as_made());
        }
        files.insert(path.to_owned(), NewFile { bytes, executable: is_executable(&data) });
    }
    Ok(files)
}

#[cfg(unix)]
fn is_executable(data: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    data.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}

/// Writes a file below a folder.
pub(crate) fn write(root: &Path, path: &str, file: &NewFile) -> Result<(), Refused> {
    let place = root.join(path);
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).map_err(at("make", folder))?;
    }
    fs::write(&place, &file.bytes).map_err(at("write", &place))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if file.executable { 0o755 } else { 0o644 };
        fs::set_permissions(&place, fs::Permissions::from_mode(mode)).map_err(at("write", &place))?;
    }
    Ok(())
}

/// A folder in the copy for what is being made; it vanishes with the value. What is made there is put in its place by a
/// renaming, so either all of it is there or nothing.
#[derive(Debug)]
pub(crate) struct Beside(PathBuf);

impl Beside {
    pub(crate) fn new(copy: &Path) -> Result<Self, Refused> {
        let folder = copy.join(format!(".handout-update-{}", std::process::id()));
        // Of a program of the same number that was killed.
        let _not_there = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).map_err(at("make", &folder))?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Copies a vendored folder into it, to be put in the place of another.
    pub(crate) fn take(&self, vendor: &Path, settings: String) -> Result<Dependencies, Refused> {
        let folder = self.0.join(VENDOR);
        copy_folder(vendor, &folder)?;
        Ok(Dependencies::Vendored { folder, settings })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Refused> {
    fs::create_dir_all(to).map_err(at("make", to))?;
    for entry in fs::read_dir(from).map_err(at("read", from))? {
        let entry = entry.map_err(at("read", from))?;
        let (place, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            copy_folder(&place, &to)?;
        } else {
            fs::copy(&place, &to).map_err(at("copy", &place))?;
        }
    }
    Ok(())
}

impl Renewal {
    /// What an update of a copy would do.
    pub(crate) fn plan(copy: &Path, old: &Edition<'_>, new: &Edition<'_>, files: &Files) -> Self {
        let here = |path: &str| {
            let bytes = fs::read(copy.join(path)).ok()?;
            Some(hash(without_vendored(path, &bytes)))
        };
        let mut steps = Vec::new();
        for (path, file) in files.iter().filter(|(path, _)| *path != DESCRIPTION) {
            let new_hash = hash(&file.bytes);
            let before = old.course_files.get(path).or_else(|| old.student_files.get(path));
            let here = here(path);
            let untouched = here.is_none() || here.as_ref() == before;
            let step = if here.as_ref() == Some(&new_hash) {
                continue;
            } else if new.student_files.contains_key(path) {
                match before {
                    // Deleted on purpose, or the skeleton is the same as before: nothing to say.
                    Some(before) if here.is_none() || *before == new_hash => continue,
                    None if here.is_none() => Step::Write,
                    _ if untouched => Step::Renew,
                    _ => Step::Stays,
                }
            } else if untouched {
                Step::Write
            } else {
                Step::Replace
            };
            steps.push(step(path.clone()));
        }
        for (path, before) in old.course_files.iter().filter(|(path, _)| !files.contains_key(*path)) {
            if let Some(here) = here(path) {
                let step = if here == *before { Step::Remove } else { Step::Replace };
                steps.push(step(path.clone()));
            }
        }
        steps.sort();
        let both = old.course_files.keys().chain(new.course_files.keys());
        let differs = |path: &&String| old.course_files.get(*path) != new.course_files.get(*path);
        let grading_changes = old.grading_hash != new.grading_hash;
        let mut grading: Vec<String> =
            both.filter(|path| grading_changes && grades(path)).filter(differs).cloned().collect();
        grading.sort();
        grading.dedup();
        let without = old.labs.iter().filter(|lab| !new.labs.contains(lab)).cloned().collect();
        let old_changes = fs::read_to_string(copy.join(CHANGES)).ok();
        let news = files
            .get(CHANGES)
            .map(|file| news(old_changes.as_deref(), &String::from_utf8_lossy(&file.bytes)));
        Self { steps, grading, grading_changes, without, news: news.unwrap_or_default() }
    }

    /// Does it. `HANDOUT.json` comes last: an update that was interrupted is done again by running it again.
    pub(crate) fn carry_out(
        &self,
        copy: &Path,
        files: &Files,
        dependencies: &Dependencies,
    ) -> Result<(), Refused> {
        let settings = match dependencies {
            Dependencies::AsBefore => vendored_settings(copy).filter(|_| is_vendored(copy)),
            Dependencies::Vendored { folder, settings } => {
                swap(&copy.join(VENDOR), folder)?;
                Some(settings.clone())
            }
        };
        let aside = copy.join(ASIDE);
        // Those of an earlier update: now there are newer ones.
        let _not_there = fs::remove_dir_all(aside.join("skeletons"));
        let new = |root: &Path, path: &String| files.get(path).map_or(Ok(()), |file| write(root, path, file));
        for step in &self.steps {
            match step {
                Step::Write(path) | Step::Renew(path) => new(copy, path)?,
                Step::Stays(path) => new(&aside.join("skeletons"), path)?,
                Step::Remove(path) => {
                    let place = copy.join(path);
                    fs::remove_file(&place).map_err(at("remove", &place))?;
                }
                Step::Replace(path) => {
                    let place = copy.join(path);
                    keep(&place, &aside.join("yours").join(path))?;
                    fs::remove_file(&place).map_err(at("remove", &place))?;
                    new(copy, path)?;
                }
            }
        }
        if let (Some(settings), Some(file)) = (settings, files.get(SETTINGS)) {
            let bytes = [&file.bytes, VENDORED.as_bytes(), settings.as_bytes()].concat();
            write(copy, SETTINGS, &NewFile { bytes, executable: false })?;
        }
        new(copy, &DESCRIPTION.to_owned())
    }

    /// What was done, or would be.
    pub(crate) fn report(&self, dry_run: bool) -> Vec<String> {
        let paths = |kind: fn(&Step) -> Option<&String>| self.steps.iter().filter_map(kind);
        let (would, will) = if dry_run { ("would be ", "would go to") } else { ("", "are in") };
        let is_written = |step: &&Step| matches!(step, Step::Write(_) | Step::Renew(_));
        let written = self.steps.iter().filter(is_written).count();
        let many = if written == 1 { "" } else { "s" };
        let removed = self.steps.iter().filter(|step| matches!(step, Step::Remove(_))).count();
        let mut lines = vec![format!("{written} file{many} {would}written, {removed} {would}removed")];
        lines.extend(
            paths(|step| if let Step::Renew(path) = step { Some(path) } else { None })
                .map(|path| format!("still as it was handed out, so {would}renewed: {path}")),
        );
        lines.extend(paths(|step| if let Step::Replace(path) = step { Some(path) } else { None }).map(
            |path| format!("replaced although you changed it: {path} (your versions {will} {ASIDE}/yours)"),
        ));
        lines.extend(paths(|step| if let Step::Stays(path) = step { Some(path) } else { None }).map(
            |path| {
                let place = if dry_run { "would lie in" } else { "is" };
                format!(
                    "yours, and it stays: {path}; the course changed its skeleton, the new one {place} \
                 {ASIDE}/skeletons/{path}"
                )
            },
        ));
        lines.extend(self.without.iter().map(|lab| {
            format!("the new version has no lab `{lab}`; what you wrote stays in labs/{lab}/src")
        }));
        lines.extend(self.news.iter().cloned());
        lines.push(if self.grading_changes {
            format!("GRADING CHANGES: {}", self.grading.join(", "))
        } else {
            "grading does not change".to_owned()
        });
        lines
    }
}

/// Copies a file, and does not overwrite what an earlier update has kept there.
fn keep(place: &Path, kept: &Path) -> Result<(), Refused> {
    if let Some(folder) = kept.parent() {
        fs::create_dir_all(folder).map_err(at("make", folder))?;
    }
    let mut free = kept.to_owned();
    let mut number = 1;
    while free.exists() {
        number += 1;
        free = PathBuf::from(format!("{}.{number}", kept.display()));
    }
    fs::copy(place, &free).map(drop).map_err(at("keep aside", place))
}

/// Puts a folder in the place of another, which may not be there; the other lies in the first one's place then.
fn swap(place: &Path, made: &Path) -> Result<(), Refused> {
    let old = made.with_extension("old");
    let there = place.exists();
    if there {
        fs::rename(place, &old).map_err(at("move", place))?;
    }
    fs::rename(made, place).map_err(|error| {
        if there {
            let _back = fs::rename(&old, place);
        }
        at("move", made)(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_the_sections_that_the_copy_does_not_have() {
        let first = "# What changed\n\n## 1\n\nThe first version.\n";
        let third = first.replace("## 1", "## 3\n\n- One.\n\n- Two.\n\n## 2\n\nA word.\n\n## 1");
        assert_eq!(sections(first), [("1", "The first version.")]);
        assert_eq!(sections("## 1"), [("1", "")]);
        assert!(sections("nothing yet").is_empty());
        let all = ["new in 3:", "  - One.", "", "  - Two.", "new in 2:", "  A word."];
        assert_eq!(news(Some(first), &third), all);
        assert_eq!(news(None, &third), all[..4]);
        assert!(news(Some(&third), &third).is_empty());
        let long = format!("## 4\n{}", "- A line.\n".repeat(100));
        assert_eq!(news(Some(first), &long).len(), MOST_NEWS + 1);
        assert_eq!(news(Some(first), &long).last().unwrap(), "  … the rest is in CHANGES.md");
    }
}
