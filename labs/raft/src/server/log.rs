// SOLUTION FILE
//! The log: entries with terms, at indexes that start at 1.

use clientserver::{AmoCommand, KvCommand};
use serde::{Deserialize, Serialize};

/// A command with the term in which a leader received it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The term.
    pub term: u64,
    /// The command.
    pub command: AmoCommand<KvCommand>,
}

/// The log of a server. The first entry has index 1; index 0 stands for "before the first", and has term 0.
///
/// The entries are in a vector that is cheap to copy: a search copies nodes all the time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Log {
    entries: im::Vector<Entry>,
}

impl Log {
    /// The index of the last entry; 0 if there is none.
    pub(crate) fn last_index(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The term of the last entry; 0 if there is none.
    pub(crate) fn last_term(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.term)
    }

    /// The entry at an index, if there is one.
    pub(crate) fn get(&self, index: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(index.checked_sub(1)?).ok()?)
    }

    /// The term of the entry at an index; 0 at index 0, `None` behind the end.
    pub(crate) fn term_at(&self, index: u64) -> Option<u64> {
        if index == 0 { Some(0) } else { self.get(index).map(|entry| entry.term) }
    }

    /// The entries from `index` on.
    pub(crate) fn from(&self, index: u64) -> impl Iterator<Item = &Entry> {
        (index..=self.last_index()).map_while(|index| self.get(index))
    }

    /// The index of the first entry that has the same term as the one at `index`.
    pub(crate) fn first_index_of_term_at(&self, index: u64) -> u64 {
        let term = self.term_at(index);
        (1..=index).rev().take_while(|earlier| self.term_at(*earlier) == term).last().unwrap_or(index)
    }

    /// Adds an entry at the end. Only a leader does this to its own log (Figure 3, Leader Append-Only).
    pub(crate) fn append(&mut self, entry: Entry) {
        self.entries.push_back(entry);
    }

    /// Stores entries that follow the entry at `prev_log_index`, which is there; says whether anything changed.
    ///
    /// What the log has already stays, also what comes after the new entries: the message may be an old one, which
    /// holds fewer entries than the log by now. Only an entry that conflicts with a new one goes, and all after it.
    /// (Figure 2, AppendEntries RPC, receiver 3 and 4)
    pub(crate) fn store(&mut self, prev_log_index: u64, entries: Vec<Entry>) -> bool {
        debug_assert!(prev_log_index <= self.last_index(), "there must be no gap in a log");
        let mut changed = false;
        for (index, entry) in (prev_log_index + 1..).zip(entries) {
            if self.term_at(index) == Some(entry.term) {
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
        let keep = usize::try_from(last_index).expect("an index of an entry in memory fits");
        if keep < self.entries.len() {
            self.entries.truncate(keep);
        }
    }
}

#[cfg(test)]
mod tests {
    use framework::Address;

    use super::*;

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::default();
        for entry in entries(terms) {
            log.append(entry);
        }
        log
    }

    fn entries(terms: &[u64]) -> Vec<Entry> {
        let command = KvCommand::Get { key: "k".to_owned() };
        let entry = |term: &u64| Entry {
            term: *term,
            command: AmoCommand { client: Address::client(1), sequence: 1, command: command.clone() },
        };
        terms.iter().map(entry).collect()
    }

    fn terms(log: &Log) -> Vec<u64> {
        log.from(1).map(|entry| entry.term).collect()
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
}
