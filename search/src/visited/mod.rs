//! The set of visited states, exact: every state is there as its components and the state it was reached from.
//!
//! The set is split by hash into shards that are filled independently. A shard is a table of 4-byte slots (some bits of
//! the hash, and the number of a record) and the records. A slot whose bits agree is compared with the record itself, so
//! no two states are ever taken for one.

mod records;

use records::Records;

use crate::space::ComponentId;

/// The number of shards. Part of the order in which states are numbered, so it does not depend on the threads.
pub(crate) const SHARDS: usize = 64;

/// The bits of a state's number that say which record of its shard it is.
const INDEX_BITS: u32 = 26;

/// The number of a state: its shard and its record.
pub(crate) type StateIndex = u32;

/// Stands where the number of a predecessor would for a state from which the search started.
pub(crate) const NO_PREDECESSOR: StateIndex = u32::MAX;

/// With so many states a shard is full: a round may still add some before that is noticed.
const SHARD_MAX: u32 = (1 << INDEX_BITS) - (1 << 23);

pub(crate) fn shard_of_hash(hash: u64) -> usize {
    usize::try_from(hash >> 58).expect("six bits")
}

pub(crate) fn state_index(shard: usize, record: u32) -> StateIndex {
    u32::try_from(shard).expect("64 shards") << INDEX_BITS | record
}

pub(crate) fn shard_of(state: StateIndex) -> usize {
    (state >> INDEX_BITS) as usize
}

pub(crate) fn record_of(state: StateIndex) -> u32 {
    state & ((1 << INDEX_BITS) - 1)
}

/// A state that was reached, in words: hash (low, high), predecessor, the node that moved, its component before, then
/// the components of all nodes.
pub(crate) mod candidate {
    /// The words before the components.
    pub(crate) const HEAD: usize = 5;
    pub(crate) const HASH_LOW: usize = 0;
    pub(crate) const HASH_HIGH: usize = 1;
    pub(crate) const PREDECESSOR: usize = 2;
    pub(crate) const MOVED: usize = 3;
    pub(crate) const COMPONENT_BEFORE: usize = 4;
}

fn hash_of(candidate: &[u32]) -> u64 {
    u64::from(candidate[candidate::HASH_HIGH]) << 32 | u64::from(candidate[candidate::HASH_LOW])
}

/// How a state of the frontier was reached: the node that moved and its component before. Says which events need not
/// be tried there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) node: u32,
    pub(crate) before: ComponentId,
}

impl Moved {
    /// A state from which the search started: every event is tried.
    pub(crate) const START: Self = Self { node: 0, before: 0 };
    /// A state that is not expanded.
    pub(crate) const SKIP: u32 = u32::MAX;
}

/// One part of the visited set.
pub(crate) struct Shard {
    slots: Vec<u32>,
    records: Records,
    /// For the states of the level that is being filled; the frontier's are with the search.
    pub(crate) moved: Vec<Moved>,
    /// The sum of the scrambled hashes of those states.
    pub(crate) digest: u64,
}

/// Scrambles a state's hash for the digest of its level: without it, exchanging components between two states would not
/// show.
pub(crate) fn mix(hash: u64) -> u64 {
    let mut mixed = hash;
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

/// How many candidates are looked up together: enough that their cache misses overlap.
const BATCH: usize = 256;

impl Shard {
    pub(crate) fn new(nodes: usize) -> Self {
        Self { slots: vec![0; 32], records: Records::new(nodes), moved: Vec::new(), digest: 0 }
    }

    /// The number of states.
    pub(crate) fn len(&self) -> u32 {
        self.records.len()
    }

    /// Whether no more states can be numbered.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= SHARD_MAX
    }

    /// The components of a state.
    pub(crate) fn components(&self, record: u32) -> &[ComponentId] {
        self.records.components(record)
    }

    /// The state from which a state was reached.
    pub(crate) fn predecessor(&self, record: u32) -> StateIndex {
        self.records.predecessor(record)
    }

    /// The bytes in use.
    pub(crate) fn bytes(&self) -> u64 {
        self.slots.capacity() as u64 * 4 + self.records.bytes() + self.moved.capacity() as u64 * 8
    }

    /// Adds the candidates that are not there yet, in order. `hash_of_state` is for growing.
    pub(crate) fn insert(&mut self, candidates: &[u32], hash_of_state: &impl Fn(&[ComponentId]) -> u64) {
        let stride = candidate::HEAD + self.records.nodes();
        for batch in candidates.chunks(BATCH * stride) {
            self.reserve(batch.len() / stride, hash_of_state);
            let places = Places::of(self.slots.len());
            self.warm(places, batch, stride);
            for candidate in batch.chunks_exact(stride) {
                self.insert_one(places, candidate);
            }
        }
    }

    /// The record of a state, if it is there.
    pub(crate) fn find(&self, hash: u64, components: &[ComponentId]) -> Option<u32> {
        let places = Places::of(self.slots.len());
        let tag = places.tag(hash);
        let mut at = places.home(hash);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return None;
            }
            if let Some(record) = places.record(slot, tag)
                && self.records.is(record, components)
            {
                return Some(record);
            }
            at = places.next(at);
        }
    }

    /// Touches what `insert_one` is going to need. The loads do not depend on each other, so they overlap.
    fn warm(&self, places: Places, batch: &[u32], stride: usize) {
        let mut slots = [0_u32; BATCH];
        for (slot, candidate) in slots.iter_mut().zip(batch.chunks_exact(stride)) {
            *slot = self.slots[places.home(hash_of(candidate))];
        }
        let mut touched = 0;
        for (slot, candidate) in slots.iter().zip(batch.chunks_exact(stride)) {
            if let Some(record) = places.record(*slot, places.tag(hash_of(candidate))) {
                touched ^= self.records.touch(record);
            }
        }
        std::hint::black_box(touched);
    }

    #[inline]
    fn insert_one(&mut self, places: Places, candidate: &[u32]) {
        let hash = hash_of(candidate);
        let components = &candidate[candidate::HEAD..];
        let tag = places.tag(hash);
        let mut at = places.home(hash);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                break;
            }
            if let Some(record) = places.record(slot, tag)
                && self.records.is(record, components)
            {
                return;
            }
            at = places.next(at);
        }
        let record = self.records.push(components, candidate[candidate::PREDECESSOR]);
        self.slots[at] = places.slot(record, tag);
        self.digest = self.digest.wrapping_add(mix(hash));
        self.moved.push(Moved {
            node: candidate[candidate::MOVED],
            before: candidate[candidate::COMPONENT_BEFORE],
        });
    }

    /// Makes room for `more` states: the table stays at most four fifths full.
    fn reserve(&mut self, more: usize, hash_of_state: &impl Fn(&[ComponentId]) -> u64) {
        let needed = self.len() as usize + more;
        if needed * 5 <= self.slots.len() * 4 {
            return;
        }
        let mut len = self.slots.len() * 2;
        while needed * 5 > len * 4 {
            len *= 2;
        }
        self.slots = Vec::new();
        self.slots = vec![0; len];
        let places = Places::of(len);
        for record in 0..self.len() {
            let hash = hash_of_state(self.records.components(record));
            let mut at = places.home(hash);
            while self.slots[at] != 0 {
                at = places.next(at);
            }
            self.slots[at] = places.slot(record, places.tag(hash));
        }
    }
}

/// Where things are in a table of a power of two of slots, and in a slot: above the record's number (plus one, so that 0
/// is a free slot) there is room for some bits of the hash.
#[derive(Clone, Copy)]
struct Places {
    bits: u32,
    number_mask: u32,
}

impl Places {
    fn of(slots: usize) -> Self {
        let bits = slots.trailing_zeros();
        Self { bits, number_mask: (1 << bits) - 1 }
    }

    #[inline]
    fn home(self, hash: u64) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
        let low = hash as u32;
        (low & self.number_mask) as usize
    }

    #[inline]
    fn next(self, at: usize) -> usize {
        (at + 1) & self.number_mask as usize
    }

    #[inline]
    fn tag(self, hash: u64) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "the middle bits are what is wanted")]
        let middle = (hash >> INDEX_BITS) as u32;
        middle << self.bits
    }

    /// The record of a slot, if its tag is this one.
    #[inline]
    fn record(self, slot: u32, tag: u32) -> Option<u32> {
        if (slot ^ tag) & !self.number_mask == 0 { (slot & self.number_mask).checked_sub(1) } else { None }
    }

    /// The table is never full, so the number of a record and one fits.
    #[inline]
    fn slot(self, record: u32, tag: u32) -> u32 {
        tag | (record + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Also with a hash so bad that most states share their slot and their tag.
        #[test]
        fn keeps_each_state_once_in_order(
            states in proptest::collection::vec((0_u32..40, 0_u32..40), 0..3000),
            hash_bits in 0_u32..64,
        ) {
            let hash = |components: &[u32]| {
                let mixed = (u64::from(components[0]) << 32 | u64::from(components[1])).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                mixed >> (63 - hash_bits)
            };
            let mut shard = Shard::new(2);
            let mut candidates = Vec::new();
            for (a, b) in &states {
                let hash = hash(&[*a, *b]);
                candidates.extend([hash as u32, (hash >> 32) as u32, 7, 1, 9, *a, *b]);
            }
            shard.insert(&candidates, &hash);
            let mut seen = BTreeSet::new();
            let expected: Vec<(u32, u32)> = states.into_iter().filter(|state| seen.insert(*state)).collect();
            prop_assert_eq!(shard.len() as usize, expected.len());
            for (record, (a, b)) in (0..).zip(expected) {
                prop_assert_eq!(shard.components(record), &[a, b]);
                prop_assert_eq!(shard.predecessor(record), 7);
                prop_assert_eq!(shard.moved[record as usize].before, 9);
            }
        }
    }
}
