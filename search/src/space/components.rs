//! The components of one node: packed records of bit sets, and for each the row of its known successors.
//!
//! A record is some 64-bit words: where its row begins; for every receiver the set of messages sent to it; the timers that
//! may fire; then, for every sender and for the timers, the events that are known to change nothing, and those whose
//! successor is known. The successors stand in the row in the order of the bits, so the place of one is the number of
//! known bits before its own.

use std::ops::Range;

use hashbrown::HashTable;

use super::{EventId, LocalId};

/// The number of a component among those of its node.
pub(crate) type ComponentId = u32;

/// Stands where a successor's number would if there is none.
pub(crate) const NO_SUCCESSOR: ComponentId = ComponentId::MAX;

/// From which word of a set the messages of one sender come (64 of them), and where their masks are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// The sender; the node itself for its timers.
    pub(crate) sender: usize,
    /// The event number of the first bit.
    pub(crate) first: EventId,
    /// Where the word of the set is in the sender's record.
    pub(crate) set: usize,
    /// Where the mask of no-ops is in the node's own record.
    pub(crate) no_op: usize,
    /// Where the mask of known events is there.
    pub(crate) known: usize,
    /// Which of the events need something of the budgets of faults.
    pub(crate) faults: FaultyEvents,
}

/// Which of 64 events are faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultyEvents {
    /// None.
    None,
    /// The first is a crash, the second a restart.
    CrashAndRestart,
    /// All: crashes in handlers. Where they begin with the two above, those are none.
    All,
}

/// Where the parts of a node's records are. Changes when there are more messages than words for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Words of the sets of messages to each receiver, the last for unknown addresses.
    out_words: Vec<usize>,
    /// Words of the masks of each group of events.
    in_words: Vec<usize>,
    out_start: Vec<usize>,
    no_op_start: Vec<usize>,
    known_start: Vec<usize>,
    pub(crate) stride: usize,
}

impl Layout {
    /// `out_words` has a number for each receiver, `in_words` one for each group of events; the group `own` is that of the
    /// timers.
    pub(super) fn new(out_words: Vec<usize>, in_words: Vec<usize>, own: usize) -> Self {
        let mut next = 1;
        let mut place = |words: &[usize]| -> Vec<usize> {
            words
                .iter()
                .map(|words| {
                    let start = next;
                    next += words;
                    start
                })
                .collect()
        };
        let out_start = place(&out_words);
        let timer_words = in_words[own];
        let timer_start = place(&[timer_words])[0];
        let no_op_start = place(&in_words);
        let known_start = place(&in_words);
        let mut layout = Self { out_words, in_words, out_start, no_op_start, known_start, stride: next };
        // The timers' set stands behind the sets for the receivers.
        layout.out_start.push(timer_start);
        layout.out_words.push(timer_words);
        layout
    }

    /// The words of a local's masks of no-ops.
    pub(super) fn masks(&self) -> usize {
        self.in_words.iter().sum()
    }

    /// The place of an event in a local's masks of no-ops: word and bit.
    pub(super) fn mask_bit(&self, event: EventId) -> (usize, u64) {
        let word = self.no_op(event.group()) - self.no_op_start[0] + event.bit() / 64;
        (word, 1 << (event.bit() % 64))
    }

    /// Copies a local's masks of no-ops from a narrower layout to this one.
    pub(super) fn widen_masks(&self, old: &Self, from: &[u64], to: &mut [u64]) {
        for group in 0..old.in_words.len() {
            let (source, target) =
                (old.no_op(group) - old.no_op_start[0], self.no_op(group) - self.no_op_start[0]);
            let words = old.words(group);
            to[target..target + words].copy_from_slice(&from[source..source + words]);
        }
    }

    /// The words of the set of messages to a receiver.
    pub(crate) fn out(&self, receiver: usize) -> Range<usize> {
        self.out_start[receiver]..self.out_start[receiver] + self.out_words[receiver]
    }

    /// The words of all sets of messages.
    fn all_out(&self) -> Range<usize> {
        1..self.timers().start
    }

    /// The words of the set of timers that may fire.
    pub(crate) fn timers(&self) -> Range<usize> {
        self.out(self.out_start.len() - 1)
    }

    pub(crate) fn no_op(&self, group: usize) -> usize {
        self.no_op_start[group]
    }

    pub(crate) fn known(&self, group: usize) -> usize {
        self.known_start[group]
    }

    pub(crate) fn words(&self, group: usize) -> usize {
        self.in_words[group]
    }

    /// The words of all masks of known events.
    pub(crate) fn all_known(&self) -> Range<usize> {
        self.known_start[0]..self.stride
    }

    /// Which words of a record in a narrower layout go where in this one.
    fn moves_from(&self, old: &Self) -> Vec<(Range<usize>, usize)> {
        let mut moves = vec![(0..1, 0)];
        let parts = [
            (&old.out_start, &old.out_words, &self.out_start),
            (&old.no_op_start, &old.in_words, &self.no_op_start),
            (&old.known_start, &old.in_words, &self.known_start),
        ];
        // There may be more groups of events now; what they know, nothing yet, needs no move.
        for (from, words, to) in parts {
            let places = from.iter().zip(words).zip(to);
            moves.extend(places.map(|((from, words), to)| (*from..from + words, *to)));
        }
        moves
    }
}

/// What a component takes over from its local.
#[derive(Clone, Copy)]
pub(super) struct LocalPart<'a> {
    pub(super) id: LocalId,
    /// The bits of the timers that may fire.
    pub(super) timers: &'a [u32],
    pub(super) no_ops: &'a [u64],
}

/// The components of one node.
#[derive(Default)]
pub(crate) struct Components {
    records: Vec<u64>,
    locals: Vec<LocalId>,
    /// Of content: the sum of a state's is the state's hash.
    hashes: Vec<u64>,
    /// The sum of the hashes of the messages sent.
    sent_sums: Vec<u64>,
    by_content: HashTable<ComponentId>,
    scratch: Vec<u64>,
    rows: Vec<ComponentId>,
    /// Places in `rows` that are free, by the logarithm of their length.
    free_rows: [Vec<u32>; 32],
}

impl Components {
    pub(crate) fn len(&self) -> usize {
        self.locals.len()
    }

    pub(crate) fn local(&self, id: ComponentId) -> LocalId {
        self.locals[id as usize]
    }

    pub(crate) fn hash(&self, id: ComponentId) -> u64 {
        self.hashes[id as usize]
    }

    pub(crate) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    pub(crate) fn record(&self, layout: &Layout, id: ComponentId) -> &[u64] {
        let start = id as usize * layout.stride;
        &self.records[start..start + layout.stride]
    }

    pub(crate) fn records(&self) -> &[u64] {
        &self.records
    }

    pub(crate) fn rows(&self) -> &[ComponentId] {
        &self.rows
    }

    pub(super) fn bytes(&self) -> usize {
        self.records.capacity() * 8
            + self.locals.capacity() * 4
            + (self.hashes.capacity() + self.sent_sums.capacity()) * 8
            + self.by_content.capacity() * 5
            + self.rows.capacity() * 4
    }

    /// Interns the component with a local and the sent set of `base` (nothing if there is none) with `sent` added.
    /// `None` if that is `base` itself.
    pub(super) fn intern(
        &mut self,
        layout: &Layout,
        local: LocalPart<'_>,
        base: Option<ComponentId>,
        sent: &[(u16, u32)],
        content_hash: impl Fn(u64) -> u64,
        message_hash: impl Fn(usize, usize) -> u64,
    ) -> Option<ComponentId> {
        let scratch = &mut self.scratch;
        scratch.clear();
        scratch.resize(layout.stride, 0);
        let mut sum = 0_u64;
        if let Some(base) = base {
            let start = base as usize * layout.stride;
            let out = layout.all_out();
            scratch[out.clone()].copy_from_slice(&self.records[start + out.start..start + out.end]);
            sum = self.sent_sums[base as usize];
        }
        let mut new = false;
        for (receiver, bit) in sent {
            let (receiver, bit) = (usize::from(*receiver), *bit as usize);
            let set = &mut scratch[layout.out(receiver)];
            if set[bit / 64] & (1 << (bit % 64)) == 0 {
                set_bit(set, bit);
                sum = sum.wrapping_add(message_hash(receiver, bit));
                new = true;
            }
        }
        if !new && base.is_some_and(|base| self.locals[base as usize] == local.id) {
            return None;
        }
        let hash = content_hash(sum);
        let (locals, records) = (&self.locals, &self.records);
        let found = self.by_content.find(hash, |id| {
            let start = *id as usize * layout.stride;
            let out = layout.all_out();
            locals[*id as usize] == local.id && records[start + out.start..start + out.end] == scratch[out]
        });
        if let Some(id) = found {
            return Some(*id);
        }
        for bit in local.timers {
            set_bit(&mut scratch[layout.timers()], *bit as usize);
        }
        let masks = layout.no_op_start[0];
        scratch[masks..masks + local.no_ops.len()].copy_from_slice(local.no_ops);
        let id = ComponentId::try_from(self.locals.len()).expect("fewer than 2^32 components");
        assert!(id != NO_SUCCESSOR, "fewer than 2^32 components");
        self.records.extend_from_slice(scratch);
        self.locals.push(local.id);
        self.hashes.push(hash);
        self.sent_sums.push(sum);
        let hashes = &self.hashes;
        self.by_content.insert_unique(hash, id, |id| hashes[*id as usize]);
        Some(id)
    }

    /// Notes what is known now of some events at a component: `None` for those that change nothing.
    pub(super) fn learn(
        &mut self,
        layout: &Layout,
        id: ComponentId,
        learned: impl Iterator<Item = (EventId, Option<ComponentId>)>,
    ) {
        let start = id as usize * layout.stride;
        let mut successors: Vec<(EventId, ComponentId)> = Vec::new();
        for (event, successor) in learned {
            match successor {
                Some(successor) => successors.push((event, successor)),
                None => {
                    let mask = start + layout.no_op(event.group());
                    set_bit(&mut self.records[mask..mask + layout.words(event.group())], event.bit());
                }
            }
        }
        if successors.is_empty() {
            return;
        }
        // The old row and the new successors are merged by the place of their bits.
        let known = start + layout.all_known().start..start + layout.all_known().end;
        let place =
            |event: EventId| (layout.known(event.group()) - layout.all_known().start) * 64 + event.bit();
        successors.sort_unstable_by_key(|(event, _)| place(*event));
        let old_len = count_ones(&self.records[known.clone()]);
        let new_len = old_len + successors.len();
        let old_start = self.records[start];
        let old: Vec<ComponentId> = self.rows[as_index(old_start)..as_index(old_start) + old_len].to_vec();
        let mut row = Vec::with_capacity(new_len);
        let mut added = successors.iter().map(|(event, successor)| (place(*event), *successor)).peekable();
        let mut old_successors = old.into_iter();
        for_each_bit(&self.records[known.clone()], |bit| {
            while let Some((_, successor)) = added.next_if(|(place, _)| *place < bit) {
                row.push(successor);
            }
            row.extend(old_successors.next());
        });
        row.extend(added.map(|(_, successor)| successor));
        for (event, _) in &successors {
            let mask = start + layout.known(event.group());
            set_bit(&mut self.records[mask..mask + layout.words(event.group())], event.bit());
        }
        debug_assert_eq!(row.len(), new_len);
        let place = self.row_place(old_start, old_len, new_len);
        self.rows[place..place + new_len].copy_from_slice(&row);
        self.records[start] = place as u64;
    }

    /// Where a row that grows from `old_len` to `new_len` goes: lengths are rounded up to powers of two.
    fn row_place(&mut self, old_start: u64, old_len: usize, new_len: usize) -> usize {
        let class = |len: usize| len.next_power_of_two().trailing_zeros() as usize;
        if old_len > 0 {
            if class(old_len) == class(new_len) {
                return as_index(old_start);
            }
            self.free_rows[class(old_len)]
                .push(u32::try_from(old_start).expect("fewer than 2^32 successors"));
        }
        if let Some(place) = self.free_rows[class(new_len)].pop() {
            return place as usize;
        }
        let place = self.rows.len();
        self.rows.resize(place + (1 << class(new_len)), NO_SUCCESSOR);
        place
    }

    /// The known successor of a component, if there is one.
    pub(crate) fn successor(&self, layout: &Layout, id: ComponentId, event: EventId) -> Option<ComponentId> {
        let record = self.record(layout, id);
        let word = layout.known(event.group()) + event.bit() / 64;
        let bit = 1_u64 << (event.bit() % 64);
        if record[word] & bit == 0 {
            return None;
        }
        let before = count_ones(&record[layout.all_known().start..word])
            + (record[word] & (bit - 1)).count_ones() as usize;
        Some(self.rows[as_index(record[0]) + before])
    }

    /// Calls `visit` with every event whose successor is known, and the successor.
    pub(crate) fn for_each_successor(
        &self,
        layout: &Layout,
        id: ComponentId,
        mut visit: impl FnMut(EventId, ComponentId),
    ) {
        let record = self.record(layout, id);
        let mut row = as_index(record[0]);
        for group in 0..layout.in_words.len() {
            let start = layout.known(group);
            for_each_bit(&record[start..start + layout.words(group)], |bit| {
                visit(EventId::new(group, bit), self.rows[row]);
                row += 1;
            });
        }
    }

    /// Moves every record to a wider layout.
    pub(super) fn relayout(&mut self, old: &Layout, new: &Layout) {
        let mut records = vec![0; self.len() * new.stride];
        let moves = new.moves_from(old);
        for (from, to) in self.records.chunks_exact(old.stride).zip(records.chunks_exact_mut(new.stride)) {
            for (range, start) in &moves {
                to[*start..*start + range.len()].copy_from_slice(&from[range.clone()]);
            }
        }
        self.records = records;
    }
}

fn as_index(word: u64) -> usize {
    usize::try_from(word).expect("row places are 32 bits")
}

pub(crate) fn set_bit(words: &mut [u64], bit: usize) {
    words[bit / 64] |= 1 << (bit % 64);
}

pub(crate) fn count_ones(words: &[u64]) -> usize {
    words.iter().map(|word| word.count_ones() as usize).sum()
}

pub(crate) fn for_each_bit(words: &[u64], mut visit: impl FnMut(usize)) {
    for (w, word) in words.iter().enumerate() {
        let mut bits = *word;
        while bits != 0 {
            visit(w * 64 + bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
    }
}
