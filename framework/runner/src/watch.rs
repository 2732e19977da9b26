//! Evaluates a predicate after every event at little cost: only the parts that something changed for.

use framework::guard::{self, Panic};
use framework::{Outcome, Parts, Predicate, ReadSet, Source, View};

/// When which part of a run changed last, as the number of an event.
pub(crate) trait Versions: Source {
    /// When node `i` changed.
    fn node_version(&self, i: usize) -> u64;
    /// When a node was added.
    fn shape_version(&self) -> u64;
    /// When anything changed.
    fn version(&self) -> u64;
}

/// A predicate with what is known of it.
#[derive(Debug)]
pub(crate) struct Watch {
    predicate: Predicate,
    /// Up to which version the memory is right.
    at: u64,
    shape: u64,
    memory: Memory,
}

#[derive(Debug)]
enum Memory {
    /// Nothing is known.
    Empty,
    /// It was asked as a whole.
    Whole { read: ReadSet, holds: bool },
    /// For each node, or for each pair in rows, whether it fails.
    Parts { fails: Vec<bool>, failures: usize },
}

impl Watch {
    pub(crate) fn new(predicate: Predicate) -> Self {
        Self { predicate, at: 0, shape: 0, memory: Memory::Empty }
    }

    pub(crate) fn predicate(&self) -> &Predicate {
        &self.predicate
    }

    /// Whether it holds now.
    pub(crate) fn holds(&mut self, run: &impl Versions) -> Result<bool, Panic> {
        if self.shape != run.shape_version() {
            (self.memory, self.shape) = (Memory::Empty, run.shape_version());
        }
        if matches!(self.memory, Memory::Empty) || self.at < run.version() {
            guard::catch(|| self.update(run))?;
            self.at = run.version();
        }
        Ok(match &self.memory {
            Memory::Empty => unreachable!("it was just filled"),
            Memory::Whole { holds, .. } => *holds,
            Memory::Parts { failures, .. } => *failures == 0,
        })
    }

    /// What it says now, with a reason.
    pub(crate) fn explain(&self, run: &impl Versions) -> Result<Outcome, Panic> {
        guard::catch(|| self.predicate.explained(&View::new(run)))
    }

    fn update(&mut self, run: &impl Versions) {
        let (count, since) = (run.len(), self.at);
        let changed = |i: usize| run.node_version(i) > since;
        let empty = matches!(self.memory, Memory::Empty);
        match self.predicate.parts().clone() {
            Parts::Whole => {
                let is_known = match &self.memory {
                    Memory::Whole { read, .. } => {
                        // A predicate that read the network may have read anything.
                        let nodes = (0..count.min(64)).any(|i| read.nodes() >> i & 1 == 1 && changed(i));
                        !nodes && !read.network()
                    }
                    _ => false,
                };
                if !is_known {
                    let view = View::new(run);
                    let holds = self.predicate.check(&view).is_ok();
                    self.memory = Memory::Whole { read: view.read_set(), holds };
                }
            }
            Parts::EachNode(check) => {
                let view = View::new(run);
                for i in (0..count).filter(|i| empty || changed(*i)) {
                    let fails = check(&view, run.address(i)).is_some_and(|outcome| !outcome.is_ok());
                    self.memory.set(i, count, fails);
                }
                self.memory.set_up(count);
            }
            Parts::EachPair(check) => {
                let view = View::new(run);
                for i in 0..count {
                    for j in i + 1..count {
                        if empty || changed(i) || changed(j) {
                            let outcome = check(&view, run.address(i), run.address(j));
                            let fails = outcome.is_some_and(|outcome| !outcome.is_ok());
                            self.memory.set(i * count + j, count * count, fails);
                        }
                    }
                }
                self.memory.set_up(count * count);
            }
        }
    }
}

impl Memory {
    /// Makes sure that something is known, also of no parts at all.
    fn set_up(&mut self, count: usize) {
        if !matches!(self, Self::Parts { .. }) {
            *self = Self::Parts { fails: vec![false; count], failures: 0 };
        }
    }

    fn set(&mut self, part: usize, count: usize, now_fails: bool) {
        self.set_up(count);
        let Self::Parts { fails, failures } = self else { return };
        match (fails[part], now_fails) {
            (false, true) => *failures += 1,
            (true, false) => *failures -= 1,
            _ => {}
        }
        fails[part] = now_fails;
    }
}
