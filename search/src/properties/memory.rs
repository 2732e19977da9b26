//! Remembered answers of predicates: for whole states by the locals they look at, for parts by one local or two.

use ahash::{AHashMap, AHashSet};
use framework::ReadSet;

use crate::space::{ComponentId, LocalId, Space};

/// Remembered answers of one predicate over whole states.
pub(crate) struct WholeMemory<A = bool> {
    /// Everything the predicate was ever seen to look at, by this evaluator, if it evaluated it at all.
    pub(super) read: Option<ReadSet>,
    answers: AHashMap<Box<[LocalId]>, A>,
    lookups: u64,
    hits: u64,
}

impl<A> Default for WholeMemory<A> {
    fn default() -> Self {
        Self { read: None, answers: AHashMap::new(), lookups: 0, hits: 0 }
    }
}

/// After so many lookups a memory has to have been of use.
const TRIAL_LOOKUPS: u64 = 1 << 14;

/// A memory with more answers than this no longer fits the cache, and is begun anew.
const ANSWERS_MAX: usize = 1 << 16;

impl<A: Copy> WholeMemory<A> {
    /// The answer for a state: remembered if it can be, else what `evaluate` says, which also tells what it looked at.
    pub(crate) fn answer_or(
        &mut self,
        key: &mut Vec<LocalId>,
        space: &Space,
        ids: &[ComponentId],
        evaluate: impl FnOnce() -> (A, ReadSet),
    ) -> A {
        let useful = self.is_useful();
        if useful {
            key_of(key, space, ids, self.read.unwrap_or_default());
            if let Some(answer) = self.answer(key) {
                return answer;
            }
        }
        let (answer, read) = evaluate();
        self.note_read(read);
        if useful && self.is_useful() {
            key_of(key, space, ids, self.read.unwrap_or_default());
            self.remember(key, answer);
        }
        answer
    }

    /// Whether answers are worth remembering: not if the network is read, which hardly repeats, and not if the nodes it
    /// reads do not repeat.
    pub(super) fn is_useful(&self) -> bool {
        !self.read.is_some_and(ReadSet::network)
            && (self.lookups < TRIAL_LOOKUPS || self.hits * 2 >= self.lookups)
    }

    /// The answer for a key made of the locals in `read`.
    pub(super) fn answer(&mut self, key: &[LocalId]) -> Option<A> {
        self.lookups += 1;
        let answer = self.answers.get(key).copied();
        self.hits += u64::from(answer.is_some());
        answer
    }

    /// Notes what an evaluation looked at.
    pub(super) fn note_read(&mut self, read: ReadSet) {
        let read = Some(self.read.unwrap_or_default().union(read));
        if read != self.read {
            // Older answers stand under keys that have fewer locals.
            self.answers.clear();
            self.read = read;
        }
        if !self.is_useful() {
            self.answers = AHashMap::new();
        }
    }

    pub(super) fn remember(&mut self, key: &[LocalId], answer: A) {
        if self.answers.len() >= ANSWERS_MAX {
            self.answers.clear();
        }
        self.answers.insert(key.into(), answer);
    }
}

/// Steps of one node of which all properties that look at nothing else hold, by their key.
#[derive(Default)]
pub(super) struct StepMemory(AHashSet<[u32; 4]>);

impl StepMemory {
    pub(super) fn holds(&self, key: &[u32; 4]) -> bool {
        self.0.contains(key)
    }

    pub(super) fn remember(&mut self, key: [u32; 4]) {
        if self.0.len() >= ANSWERS_MAX {
            self.0.clear();
        }
        self.0.insert(key);
    }
}

/// What is known of a part: the node it is about, or the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Nothing,
    Holds,
    Fails,
}

/// Answers about one node, by its local.
#[derive(Default)]
pub(super) struct NodeMemory(Vec<u8>);

impl NodeMemory {
    pub(super) fn get(&self, local: LocalId) -> Known {
        match self.0.get(local as usize) {
            Some(1) => Known::Holds,
            Some(2) => Known::Fails,
            _ => Known::Nothing,
        }
    }

    pub(super) fn set(&mut self, local: LocalId, holds: bool) {
        let place = local as usize;
        if self.0.len() <= place {
            self.0.resize((place + 1).next_power_of_two(), 0);
        }
        self.0[place] = if holds { 1 } else { 2 };
    }
}

/// The slots of a [`PairMemory`] at first, and at most: it should stay in the cache.
const SLOTS_MIN: usize = 1 << 8;
const SLOTS_MAX: usize = 1 << 17;

/// Answers about two nodes, by their locals: a table in which a new answer may take the place of an older one.
pub(super) struct PairMemory {
    /// Both locals and the answer (0 for a free slot).
    slots: Vec<(LocalId, LocalId, u8)>,
    replaced: usize,
}

impl Default for PairMemory {
    fn default() -> Self {
        Self { slots: vec![(0, 0, 0); SLOTS_MIN], replaced: 0 }
    }
}

impl PairMemory {
    fn place(&self, a: LocalId, b: LocalId) -> usize {
        let mixed = (u64::from(a) << 32 | u64::from(b)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 40) as usize & (self.slots.len() - 1)
    }

    pub(super) fn get(&self, a: LocalId, b: LocalId) -> Known {
        match self.slots[self.place(a, b)] {
            (x, y, 1) if (x, y) == (a, b) => Known::Holds,
            (x, y, 2) if (x, y) == (a, b) => Known::Fails,
            _ => Known::Nothing,
        }
    }

    pub(super) fn set(&mut self, a: LocalId, b: LocalId, holds: bool) {
        let place = self.place(a, b);
        self.replaced += usize::from(self.slots[place].2 != 0);
        self.slots[place] = (a, b, if holds { 1 } else { 2 });
        if self.replaced > self.slots.len() / 2 && self.slots.len() < SLOTS_MAX {
            let grown = vec![(0, 0, 0); self.slots.len() * 4];
            for (a, b, answer) in std::mem::replace(&mut self.slots, grown) {
                let place = self.place(a, b);
                self.slots[place] = (a, b, answer);
            }
            self.replaced = 0;
        }
    }
}

/// The locals of the nodes in `read`.
pub(super) fn key_of(key: &mut Vec<LocalId>, space: &Space, ids: &[ComponentId], read: ReadSet) {
    key.clear();
    let mut nodes = read.nodes();
    while nodes != 0 {
        let i = nodes.trailing_zeros() as usize;
        nodes &= nodes - 1;
        key.push(space.local_of(i, ids[i]));
    }
}
