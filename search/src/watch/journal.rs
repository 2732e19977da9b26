//! The file in which the threads of a process note what they are about to run, for whoever finds the process dead.
//!
//! A slot a thread, one write to it for a handler call, never flushed: what was written outlives the process, and the
//! machine is not expected to die.

use std::cell::RefCell;
use std::fmt::{self, Display, Write as _};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Activity, Note};
use crate::progress::Progress;

/// The bytes of a slot.
const SLOT: usize = 256;

/// What stands before the texts of a slot: sequence, digest, activity, and the lengths of two texts.
const HEAD: usize = 8 + 8 + 1 + 1 + 1;

/// The bytes that the name of a node gets; the rest is for what runs.
const NODE_MAX: usize = 96;

/// The slot of the progress; threads have the ones after it.
const PROGRESS: u64 = 0;

/// Progress is written at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);

/// A journal that is being written or read.
#[derive(Debug)]
pub struct Journal {
    file: File,
    /// Numbers the notes of a process, so that a reader sees which is the latest, and whether one stays.
    sequence: AtomicU64,
    /// When progress was last written, in nanoseconds since its search began, and one more.
    progressed: AtomicU64,
}

/// A note as it stands in the file.
#[derive(Clone, Copy)]
struct Slot {
    bytes: [u8; SLOT],
    len: usize,
}

thread_local! {
    static PLACE: Place = Place::take();
    /// What this thread's slot says now, if anything.
    static CURRENT: RefCell<Option<Slot>> = const { RefCell::new(None) };
}

/// The place of a thread in the file; given back when the thread ends.
struct Place(u64);

/// The first place that no thread ever had, and those given back.
static PLACES: Mutex<(u64, Vec<u64>)> = Mutex::new((PROGRESS + 1, Vec::new()));

impl Place {
    fn take() -> Self {
        let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, free) = &mut *places;
        Self(free.pop().unwrap_or_else(|| {
            *next += 1;
            *next - 1
        }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        PLACES.lock().unwrap_or_else(PoisonError::into_inner).1.push(self.0);
    }
}

impl Journal {
    /// Makes an empty journal, over whatever was there.
    ///
    /// # Errors
    ///
    /// When the file cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::open(OpenOptions::new().read(true).write(true).create(true).truncate(true), path)
    }

    /// Opens the journal of another process to read it, or one that was made for this process to write it.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn join(path: &Path) -> io::Result<Self> {
        Self::open(OpenOptions::new().read(true).write(true), path)
    }

    fn open(options: &OpenOptions, path: &Path) -> io::Result<Self> {
        let file = options.open(path)?;
        Ok(Self { file, sequence: AtomicU64::new(1), progressed: AtomicU64::new(0) })
    }

    /// Notes what this thread is about to run. What it noted before comes back when the answer is dropped.
    pub(crate) fn begin(
        &self,
        activity: Activity,
        node: &dyn Display,
        text: &dyn Display,
        digest: u64,
    ) -> Noted<'_> {
        let outer = CURRENT.with_borrow(|current| *current);
        self.note(activity, node, text, digest);
        Noted { journal: self, outer }
    }

    fn note(&self, activity: Activity, node: &dyn Display, text: &dyn Display, digest: u64) {
        let mut slot = Slot { bytes: [0; SLOT], len: HEAD };
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        slot.bytes[..8].copy_from_slice(&sequence.to_le_bytes());
        slot.bytes[8..16].copy_from_slice(&digest.to_le_bytes());
        slot.bytes[16] = activity as u8;
        // A text that is too long is cut; nobody is left to tell.
        let _cut = Tail { slot: &mut slot, end: HEAD + NODE_MAX }.write_fmt(format_args!("{node}"));
        slot.bytes[17] = u8::try_from(slot.len - HEAD).unwrap_or(u8::MAX);
        let start = slot.len;
        let _cut = Tail { slot: &mut slot, end: SLOT }.write_fmt(format_args!("{text}"));
        slot.bytes[18] = u8::try_from(slot.len - start).unwrap_or(u8::MAX);
        self.write(&slot.bytes[..slot.len]);
        CURRENT.with_borrow_mut(|current| *current = Some(slot));
    }

    fn write(&self, bytes: &[u8]) {
        // Without a place (the thread is ending) or with a full disk the note is lost, and the search goes on.
        let _lost = PLACE.try_with(|place| self.file.write_all_at(bytes, place.0 * SLOT as u64));
    }

    /// Notes how far the search is.
    pub(super) fn progress(&self, progress: &Progress) {
        let now = nanos(progress.elapsed).saturating_add(1);
        let before = self.progressed.load(Ordering::Relaxed);
        // A new search begins at 0 again.
        if before != 0 && now >= before && now - before < nanos(PROGRESS_EVERY) {
            return;
        }
        self.progressed.store(now, Ordering::Relaxed);
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let numbers = [
            sequence,
            progress.states,
            progress.depth.into(),
            progress.frontier,
            progress.expanded,
            progress.probes,
            progress.bytes,
            nanos(progress.elapsed),
            progress.max_bytes,
        ];
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let _lost = self.file.write_all_at(&bytes, PROGRESS * SLOT as u64);
    }

    /// What was last noted of the progress, with the number of the note.
    pub(crate) fn last_progress(&self) -> Option<(u64, Progress)> {
        let mut bytes = [0; 72];
        self.file.read_exact_at(&mut bytes, PROGRESS * SLOT as u64).ok()?;
        let number = |i: usize| word(&bytes, i * 8);
        let progress = Progress {
            states: number(1),
            depth: u32::try_from(number(2)).ok()?,
            frontier: number(3),
            expanded: number(4),
            probes: number(5),
            bytes: number(6),
            max_bytes: number(8),
            elapsed: Duration::from_nanos(number(7)),
        };
        (number(0) > 0).then_some((number(0), progress))
    }

    /// What threads are at, the latest first.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn notes(&self) -> io::Result<Vec<Note>> {
        let mut notes = Vec::new();
        let len = self.file.metadata()?.len();
        let mut at = (PROGRESS + 1) * SLOT as u64;
        while at < len {
            let mut bytes = [0; SLOT];
            let mut read = 0;
            // The last slot is as long as what was written of it.
            while read < SLOT {
                match self.file.read_at(&mut bytes[read..], at + read as u64)? {
                    0 => break,
                    more => read += more,
                }
            }
            notes.extend(decode(&bytes));
            at += SLOT as u64;
        }
        notes.sort_by_key(|note| std::cmp::Reverse(note.sequence));
        Ok(notes)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were taken"))
}

fn decode(bytes: &[u8; SLOT]) -> Option<Note> {
    let sequence = word(bytes, 0);
    if sequence == 0 {
        return None;
    }
    let (node, text) = (usize::from(bytes[17]), usize::from(bytes[18]));
    let read = |from: usize, len: usize| {
        let end = (from + len).min(SLOT);
        String::from_utf8_lossy(&bytes[from.min(SLOT)..end]).into_owned()
    };
    Some(Note {
        activity: Activity::from_byte(bytes[16])?,
        node: read(HEAD, node),
        text: read(HEAD + node, text),
        digest: word(bytes, 8),
        sequence,
    })
}

/// Appends text to a slot, up to `end`, whole characters only.
struct Tail<'a> {
    slot: &'a mut Slot,
    end: usize,
}

impl fmt::Write for Tail<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.end - self.slot.len;
        let fits = text.floor_char_boundary(room);
        self.slot.bytes[self.slot.len..self.slot.len + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.slot.len += fits;
        if fits < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Something that is noted as long as this lives.
pub(crate) struct Noted<'j> {
    journal: &'j Journal,
    outer: Option<Slot>,
}

impl Noted<'_> {
    /// Notes the next thing in its place.
    pub(crate) fn next(&self, activity: Activity, node: &dyn Display, text: &dyn Display, digest: u64) {
        self.journal.note(activity, node, text, digest);
    }
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        match &self.outer {
            Some(outer) => self.journal.write(&outer.bytes[..outer.len]),
            None => self.journal.write(&[0; 8]),
        }
        CURRENT.with_borrow_mut(|current| *current = self.outer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(name: &str) -> (Journal, Journal) {
        let path = std::env::temp_dir().join(format!("journal-{name}-{}", std::process::id()));
        let writer = Journal::create(&path).unwrap();
        let reader = Journal::join(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        (writer, reader)
    }

    #[test]
    fn notes_are_nested_and_go_away() {
        let (writer, reader) = journal("nested");
        let texts = || -> Vec<String> {
            reader.notes().unwrap().iter().map(|note| format!("{}: {}", note.node, note.text)).collect()
        };
        assert!(texts().is_empty());
        let outer = writer.begin(Activity::Report, &"", &"the report", 1);
        let inner = writer.begin(Activity::Handler, &"server1", &"on_message(Go)", 2);
        assert_eq!(texts(), ["server1: on_message(Go)"]);
        inner.next(Activity::Handler, &"server2", &"on_timer(Tick)", 3);
        assert_eq!(texts(), ["server2: on_timer(Tick)"]);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _other = writer.begin(Activity::Init, &"server3", &"init", 4);
                assert_eq!(texts(), ["server3: init", "server2: on_timer(Tick)"]);
            });
        });
        drop(inner);
        assert_eq!(texts(), [": the report"]);
        drop(outer);
        assert!(texts().is_empty());
    }

    #[test]
    fn texts_that_are_too_long_are_cut_between_characters() {
        let (writer, reader) = journal("long");
        let _noted = writer.begin(Activity::Predicate, &"ä".repeat(100), &"€".repeat(100), u64::MAX);
        let note = &reader.notes().unwrap()[0];
        assert_eq!((note.activity, note.digest), (Activity::Predicate, u64::MAX));
        assert_eq!(note.node, "ä".repeat(NODE_MAX / 2));
        assert_eq!(note.text, "€".repeat((SLOT - HEAD - NODE_MAX) / 3));
    }

    #[test]
    fn progress_has_a_slot_of_its_own() {
        let (writer, reader) = journal("progress");
        let _noted = writer.begin(Activity::Handler, &"server1", &"on_message(Go)", 2);
        assert_eq!(reader.last_progress(), None);
        let progress = |millis, states| Progress {
            states,
            elapsed: Duration::from_millis(millis),
            ..Progress::default()
        };
        let seen = || reader.last_progress().map(|(_, progress)| progress.states);
        writer.progress(&progress(1, 7));
        writer.progress(&progress(2, 8));
        assert_eq!(seen(), Some(7), "not so often");
        writer.progress(&progress(1000, 9));
        assert_eq!(seen(), Some(9));
        writer.progress(&progress(1, 10));
        assert_eq!(seen(), Some(10), "another search began");
        assert_eq!(reader.notes().unwrap().len(), 1);
    }
}
