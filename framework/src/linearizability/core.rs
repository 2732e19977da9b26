//! Finds the operations that conflict: as few as possible of those that cannot be explained.

use crate::encoding::EncodeError;
use crate::linearizability::object::Object;
use crate::linearizability::search::{Found, Op, Task};
use crate::linearizability::specification::Specification;

/// How many steps one question may take while a core is looked for. A question that takes more counts as not answered,
/// and the operation in question stays.
const STEPS_PER_QUESTION: u64 = 20_000;

/// Operations that no order explains, some of which are to be found needless.
///
/// What is taken away from an operation is its response, if it has one, and its place: it becomes **free**, may take effect
/// at any time or not at all, and may have had any response. Whoever explains the operations explains them with some of them free, so
/// what has no explanation with free operations has none without. That is why operations are not simply removed: without
/// a write, a read that saw it would be a conflict that is none.
pub(crate) struct Core<'o, 's, S: Specification> {
    object: &'o mut Object<'s, S>,
    /// As they were.
    ops: Vec<Op>,
    real_time: bool,
    fixed: Vec<bool>,
    steps: u64,
    minimal: bool,
}

impl<'o, 's, S: Specification> Core<'o, 's, S> {
    /// These have no explanation; `steps` is how long to look for a small core.
    pub(crate) fn new(object: &'o mut Object<'s, S>, ops: Vec<Op>, real_time: bool, steps: u64) -> Self {
        let fixed = vec![true; ops.len()];
        Self { object, ops, real_time, fixed, steps, minimal: true }
    }

    /// Whether making any one operation of the core free would give an explanation. If not, time was short.
    pub(crate) fn is_minimal(&self) -> bool {
        self.minimal
    }

    /// The operations of the core, in the order of their returns; those that never returned last.
    pub(crate) fn operations(&self) -> Vec<usize> {
        let mut fixed: Vec<usize> = (0..self.ops.len()).filter(|i| self.fixed[*i]).collect();
        fixed.sort_by_key(|i| (self.ops[*i].returned, *i));
        fixed
    }

    /// Makes as many operations free as possible, large groups first, the oldest first.
    pub(crate) fn reduce(&mut self) -> Result<(), EncodeError> {
        let mut size = self.operations().len().div_ceil(2).max(1);
        loop {
            for group in self.operations().chunks(size) {
                self.free(group)?;
            }
            if size == 1 {
                return Ok(());
            }
            size = size.div_ceil(2);
        }
    }

    fn free(&mut self, group: &[usize]) -> Result<(), EncodeError> {
        for i in group {
            self.fixed[*i] = false;
        }
        let ops = self.weakened();
        match self.has_explanation(ops)? {
            Some(false) => return Ok(()),
            Some(true) => {}
            None if group.len() == 1 => self.minimal = false,
            None => {}
        }
        for i in group {
            self.fixed[*i] = true;
        }
        Ok(())
    }

    /// The operations, those that are not fixed free.
    fn weakened(&self) -> Vec<Op> {
        let weaken = |(op, fixed): (&Op, &bool)| match fixed {
            true => op.clone(),
            false => Op { response: None, invoked: 0, returned: u64::MAX, free: true, ..op.clone() },
        };
        self.ops.iter().zip(&self.fixed).map(weaken).collect()
    }

    fn has_explanation(&mut self, ops: Vec<Op>) -> Result<Option<bool>, EncodeError> {
        let mut steps = STEPS_PER_QUESTION.min(self.steps);
        self.steps -= steps;
        let found = Task::new(self.object, ops, self.real_time).search(self.object, &mut steps)?;
        self.steps += steps;
        Ok(match found {
            Found::Order(_) => Some(true),
            Found::Nothing => Some(false),
            Found::OutOfSteps => None,
        })
    }

    /// Two operations of the core of which the first precedes the second, and without that order there would be an
    /// explanation. Looks at late operations first, and at late ones before them.
    pub(crate) fn decisive_order(&mut self) -> Result<Option<(usize, usize)>, EncodeError> {
        let core = self.operations();
        let apart = self.ops.iter().map(|op| op.client + 1).max().unwrap_or(0);
        for second in core.iter().rev() {
            let precedes = |first: &&usize| {
                let (a, b) = (&self.ops[**first], &self.ops[*second]);
                let within_client = a.client == b.client && *first < second;
                a.response.is_some() && (within_client || (self.real_time && a.returned < b.invoked))
            };
            let earlier: Vec<usize> = core.iter().filter(precedes).copied().collect();
            for first in earlier.into_iter().rev() {
                let same_client = self.ops[first].client == self.ops[*second].client;
                let is_last = |op: &usize| self.ops[*op].client != self.ops[*second].client || op <= second;
                if same_client && !core.iter().all(is_last) {
                    // It could not be taken out of its client's order without losing what comes after it.
                    continue;
                }
                let mut ops = self.weakened();
                // As if the second had been invoked when the first returned, by someone else.
                ops[*second].invoked = ops[*second].invoked.min(ops[first].returned);
                if same_client {
                    ops[*second].client = apart;
                }
                if self.has_explanation(ops)? == Some(true) {
                    return Ok(Some((first, *second)));
                }
            }
        }
        Ok(None)
    }
}
