// SOLUTION FILE
//! The log: entries with terms, at indexes that start at 1, and the snapshot that stands for the first of them.

use clientserver::{AmoApplication, AmoCommand, KvCommand, KvStore};
use serde::{Deserialize, Serialize};

use crate::server::membership::Membership;

/// What is in an entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Payload {
    /// A command of a client.
    Command(AmoCommand<KvCommand>),
    /// Nothing: a new leader has an entry of its term to commit. (Section 8)
    Noop,
    /// Who is in the group from here on. (Section 6)
    Membership(Membership),
}

/// A payload with the term in which a leader received it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The term.
    pub term: u64,
    /// What is in it.
    pub payload: Payload,
}

/// What the entries up to an index have come to. (Section 7)
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The index of the last entry that it replaces.
    pub last_included_index: u64,
    /// The term of that entry.
    pub last_included_term: u64,
    /// The newest membership up to there, if there was one.
    pub membership: Option<Membership>,
    /// The store and the clients' latest responses.
    pub application: AmoApplication<KvStore>,
}

/// The log of a server. The first entry has index 1; index 0 stands for "before the first", and has term 0.
///
/// The entries are in a vector that is cheap to copy: a search copies nodes all the time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Log {
    /// Stands for all entries up to its index, which are not in `entries`.
    snapshot: Option<Snapshot>,
    entries: im::Vector<Entry>,
}

impl Log {
    /// The snapshot, if entries were replaced by one.
    pub(crate) fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// The index of the last entry that the snapshot replaces; 0 if there is none.
    pub(crate) fn last_included_index(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.last_included_index)
    }

    /// The index of the last entry; 0 if there was never one.
    pub(crate) fn last_index(&self) -> u64 {
        self.last_included_index() + self.entries.len() as u64
    }

    /// The term of the last entry; 0 if there was never one.
    pub(crate) fn last_term(&self) -> u64 {
        match self.entries.last() {
            Some(entry) => entry.term,
            None => self.snapshot.as_ref().map_or(0, |snapshot| snapshot.last_included_term),
        }
    }

    /// The entry at an index, if it is there.
    pub(crate) fn get(&self, index: u64) -> Option<&Entry> {
        self.entries.get(self.position(index)?)
    }

    /// Where in `entries` the entry with this index is, or would be.
    fn position(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.last_included_index() + 1)?).ok()
    }

    /// The term of the entry at an index; 0 at index 0, `None` behind the end and inside the snapshot.
    pub(crate) fn term_at(&self, index: u64) -> Option<u64> {
        if index == self.last_included_index() {
            return Some(self.snapshot.as_ref().map_or(0, |snapshot| snapshot.last_included_term));
        }
        self.get(index).map(|entry| entry.term)
    }

    /// The entries from `index` on, which is not inside the snapshot.
    pub(crate) fn from(&self, index: u64) -> impl Iterator<Item = &Entry> {
        (index..=self.last_index()).map_while(|index| self.get(index))
    }

    /// The index of the first entry that has the same term as the one at `index`, as far as entries are there.
    pub(crate) fn first_index_of_term_at(&self, index: u64) -> u64 {
        let term = self.term_at(index);
        let first = self.last_included_index() + 1;
        (first..=index).rev().take_while(|earlier| self.term_at(*earlier) == term).last().unwrap_or(index)
    }

    /// Adds an entry at the end. Only a leader does this to its own log (Figure 3, Leader Append-Only).
    pub(crate) fn append(&mut self, entry: Entry) {
        self.entries.push_back(entry);
    }

    /// Stores entries that follow the entry at `prev_log_index`, which is there or inside the snapshot; says whether
    /// anything changed.
    ///
    /// What the log has already stays, also what comes after the new entries: the message may be an old one, which
    /// holds fewer entries than the log by now. Only an entry that conflicts with a new one goes, and all after it.
    /// (Figure 2, AppendEntries RPC, receiver 3 and 4)
    pub(crate) fn store(&mut self, prev_log_index: u64, entries: Vec<Entry>) -> bool {
        debug_assert!(prev_log_index <= self.last_index(), "there must be no gap in a log");
        let mut changed = false;
        for (index, entry) in (prev_log_index + 1..).zip(entries) {
            // What the snapshot replaces was committed, so it is the same.
            if index <= self.last_included_index() || self.term_at(index) == Some(entry.term) {
                continue;
            }
            self.truncate(index - 1);
            self.entries.push_back(entry);
            changed = true;
        }
        changed
    }

    /// Removes all entries after `last_index`.
    fn truncate(&mut self, last_index: u64) {
        let keep = self.position(last_index + 1).expect("committed entries are never removed");
        if keep < self.entries.len() {
            self.entries.truncate(keep);
        }
    }

    /// Replaces the entries up to `index`, which have been applied, by what they have come to.
    pub(crate) fn compact(&mut self, index: u64, application: AmoApplication<KvStore>) {
        let snapshot = Snapshot {
            last_included_index: index,
            last_included_term: self.term_at(index).expect("what is applied is in the log"),
            membership: self.membership_at(index).cloned(),
            application,
        };
        self.install(snapshot);
    }

    /// Puts a snapshot in place of the entries that it covers. What follows stays if the entry that the snapshot ends
    /// with is there; otherwise it follows something else, and goes. (Figure 13, receiver 6 and 7)
    pub(crate) fn install(&mut self, snapshot: Snapshot) {
        let index = snapshot.last_included_index;
        if self.term_at(index) == Some(snapshot.last_included_term) {
            let covered = self.position(index + 1).expect("an older snapshot is not installed");
            self.entries = self.entries.skip(covered);
        } else {
            self.entries.clear();
        }
        self.snapshot = Some(snapshot);
    }

    /// The newest membership up to an index, if there is one.
    fn membership_at(&self, index: u64) -> Option<&Membership> {
        self.memberships().find(|(at, _)| *at <= index).map(|(_, membership)| membership)
    }

    /// All memberships with their indexes, from the newest back; that of the snapshot is the last, with the index of the
    /// snapshot.
    ///
    /// Nobody remembers the newest one: when it is cut off, the one before is in force again, and whatever was
    /// remembered would be wrong.
    pub(crate) fn memberships(&self) -> impl Iterator<Item = (u64, &Membership)> {
        let first = self.last_included_index() + 1;
        let entries = self.entries.iter().enumerate().rev().filter_map(move |(position, entry)| {
            let Payload::Membership(membership) = &entry.payload else { return None };
            Some((first + position as u64, membership))
        });
        let snapshot = self.snapshot.as_ref();
        entries.chain(
            snapshot.and_then(|snapshot| Some((snapshot.last_included_index, snapshot.membership.as_ref()?))),
        )
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::default();
        for entry in entries(terms) {
            log.append(entry);
        }
        log
    }

    fn entries(terms: &[u64]) -> Vec<Entry> {
        terms.iter().map(|term| Entry { term: *term, payload: Payload::Noop }).collect()
    }

    fn terms(log: &Log) -> Vec<u64> {
        log.from(log.last_included_index() + 1).map(|entry| entry.term).collect()
    }

    #[test]
    fn indexes_start_at_one() {
        let log = log(&[3, 4]);
        assert_eq!([0, 1, 2, 3].map(|index| log.term_at(index)), [Some(0), Some(3), Some(4), None]);
        assert!(log.get(0).is_none());
        assert_eq!((log.last_index(), log.last_term()), (2, 4));
        assert_eq!((Log::default().last_index(), Log::default().last_term()), (0, 0));
        assert_eq!(log.from(2).count(), 1);
        assert_eq!(log.from(3).count(), 0);
    }

    #[test]
    fn stores_what_is_new_and_keeps_what_it_has() {
        type Case<'a> = (&'a [u64], u64, &'a [u64], &'a [u64], bool);
        let cases: [Case<'_>; 7] = [
            (&[], 0, &[1, 1], &[1, 1], true),
            (&[1, 1], 2, &[], &[1, 1], false),
            // An old message with fewer entries shortens nothing.
            (&[1, 1, 1], 0, &[1, 1], &[1, 1, 1], false),
            (&[1, 1, 1], 1, &[], &[1, 1, 1], false),
            (&[1, 1, 1], 1, &[2], &[1, 2], true),
            (&[1, 1], 1, &[1, 2], &[1, 1, 2], true),
            (&[1, 2, 2], 0, &[1, 3], &[1, 3], true),
        ];
        for (before, prev, new, after, changed) in cases {
            let mut log = log(before);
            assert_eq!(log.store(prev, entries(new)), changed, "{before:?} {prev} {new:?}");
            assert_eq!(terms(&log), after, "{before:?} {prev} {new:?}");
        }
    }

    #[test]
    fn finds_where_a_term_begins() {
        let log = log(&[1, 1, 2, 2, 4]);
        let first: Vec<u64> = (1..=5).map(|index| log.first_index_of_term_at(index)).collect();
        assert_eq!(first, [1, 1, 3, 3, 5]);
    }

    #[test]
    fn a_snapshot_stands_for_what_it_replaces() {
        let mut log = log(&[1, 1, 2, 2]);
        log.compact(3, AmoApplication::new(KvStore::default()));
        assert_eq!((log.last_included_index(), log.last_index(), log.last_term()), (3, 4, 2));
        assert_eq!([0, 2, 3, 4, 5].map(|index| log.term_at(index)), [None, None, Some(2), Some(2), None]);
        assert_eq!(log.first_index_of_term_at(4), 4);
        // An old message repeats what the snapshot replaces, and brings one more.
        assert!(!log.store(0, entries(&[1, 1, 2, 2])));
        assert!(log.store(1, entries(&[1, 2, 2, 3])));
        assert_eq!((terms(&log), log.last_index()), (vec![2, 3], 5));
        log.compact(5, AmoApplication::new(KvStore::default()));
        assert_eq!((log.last_index(), log.last_term(), log.from(6).count()), (5, 3, 0));
        log.append(Entry { term: 4, payload: Payload::Noop });
        assert_eq!((log.last_index(), log.last_term()), (6, 4));
    }

    #[test]
    fn a_snapshot_keeps_only_what_follows_it() {
        let snapshot = |index, term| Snapshot {
            last_included_index: index,
            last_included_term: term,
            membership: None,
            application: AmoApplication::new(KvStore::default()),
        };
        let cases: [(u64, u64, &[u64], u64); 3] = [(2, 1, &[2], 3), (2, 2, &[], 2), (7, 3, &[], 7)];
        for (index, term, left, last) in cases {
            let mut log = log(&[1, 1, 2]);
            log.install(snapshot(index, term));
            let found: Vec<u64> = log.from(index + 1).map(|entry| entry.term).collect();
            assert_eq!((found.as_slice(), log.last_index()), (left, last), "snapshot {index} of term {term}");
        }
    }
}
