//! The search for an order of operations that explains their responses.
//!
//! Source: Wing and Gong, "Testing and verifying concurrent objects" (JPDC 1993); Lowe, "Testing for linearizability"
//! (CCPE 2017), for remembering configurations.

use crate::encoding::EncodeError;
use crate::linearizability::object::{Numbers, Object};
use crate::linearizability::specification::Specification;

/// An operation, as the search sees it.
#[derive(Clone, Debug)]
pub(crate) struct Op {
    pub(crate) command: usize,
    /// `None` if it may have taken effect, with any response, or not.
    pub(crate) response: Option<usize>,
    /// The client, or another number if its order within the client is not to count.
    pub(crate) client: usize,
    /// From when on it may take effect.
    pub(crate) invoked: u64,
    /// Until when it has taken effect, if it has a response.
    pub(crate) returned: u64,
    /// Whether it may take effect before earlier operations of its client.
    pub(crate) free: bool,
}

/// The operations to explain, each client's in its order.
#[derive(Debug)]
pub(crate) struct Task {
    ops: Vec<Op>,
    /// The operations with a response, for each client.
    chains: Vec<Vec<usize>>,
    /// The operations without, and how many of its client's chain come before each.
    optional: Vec<(usize, usize)>,
    real_time: bool,
}

/// What a search found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// An order that explains all responses.
    Order(Vec<usize>),
    /// There is none.
    Nothing,
    /// It was not to be known in so many steps.
    OutOfSteps,
}

impl Task {
    /// Without a real-time order, only the order of each client counts.
    pub(crate) fn new<S: Specification>(object: &Object<'_, S>, ops: Vec<Op>, real_time: bool) -> Self {
        let clients = ops.iter().map(|op| op.client + 1).max().unwrap_or(0);
        let mut chains = vec![Vec::new(); clients];
        let mut optional = Vec::new();
        for (i, op) in ops.iter().enumerate() {
            match op.response {
                Some(_) => chains[op.client].push(i),
                // A read that never returned explains nothing.
                None if object.only_reads(op.command) => {}
                None => optional.push((i, if op.free { 0 } else { chains[op.client].len() })),
            }
        }
        Self { ops, chains, optional, real_time }
    }

    /// A read that may be next and gives its response. Nothing else has to be tried: wherever it stands in an order that
    /// explains the rest, it may as well stand here.
    fn read<S: Specification>(
        &self,
        object: &mut Object<'_, S>,
        state: usize,
        candidates: &[usize],
    ) -> Result<Option<usize>, EncodeError> {
        for op in candidates.iter().rev() {
            let its = &self.ops[*op];
            if object.only_reads(its.command)
                && its.response.is_some()
                && its.response == Some(object.apply(state, its.command)?.1)
            {
                return Ok(Some(*op));
            }
        }
        Ok(None)
    }

    /// What to try in a configuration, the best last.
    fn frame<S: Specification>(
        &self,
        object: &mut Object<'_, S>,
        configuration: &Configuration,
        state: usize,
    ) -> Result<Frame, EncodeError> {
        let mut candidates = configuration.candidates(self);
        if let Some(read) = self.read(object, state, &candidates)? {
            candidates = vec![read];
        }
        Ok(Frame { state, candidates })
    }

    /// Searches depth first. `steps` is how many commands may still be executed; it is counted down.
    pub(crate) fn search<S: Specification>(
        &self,
        object: &mut Object<'_, S>,
        steps: &mut u64,
    ) -> Result<Found, EncodeError> {
        let mut left = self.chains.iter().map(Vec::len).sum::<usize>();
        if left == 0 {
            return Ok(Found::Order(Vec::new()));
        }
        let mut configuration = Configuration::new(self);
        let mut visited = Visited::default();
        let mut order: Vec<usize> = Vec::new();
        let first = Object::<S>::INITIAL;
        visited.insert(&configuration, first);
        let mut frames = vec![self.frame(object, &configuration, first)?];
        while let Some(frame) = frames.last_mut() {
            let Some(op) = frame.candidates.pop() else {
                frames.pop();
                if let Some(op) = order.pop() {
                    left += usize::from(self.ops[op].response.is_some());
                    configuration.put_back(self, op);
                }
                continue;
            };
            if *steps == 0 {
                return Ok(Found::OutOfSteps);
            }
            *steps -= 1;
            let (state, response) = object.apply(frame.state, self.ops[op].command)?;
            let wanted = self.ops[op].response;
            if wanted.is_some_and(|wanted| wanted != response) {
                continue;
            }
            configuration.take(self, op);
            order.push(op);
            left -= usize::from(wanted.is_some());
            if left == 0 {
                return Ok(Found::Order(order));
            }
            if visited.insert(&configuration, state) {
                frames.push(self.frame(object, &configuration, state)?);
            } else {
                configuration.put_back(self, op);
                order.pop();
                left += usize::from(wanted.is_some());
            }
        }
        Ok(Found::Nothing)
    }
}

/// Which operations have taken effect.
struct Configuration {
    /// How many of each chain.
    taken: Vec<usize>,
    /// Which of the optional ones, a bit each.
    optional: Vec<u64>,
}

impl Configuration {
    fn new(task: &Task) -> Self {
        Self { taken: vec![0; task.chains.len()], optional: vec![0; task.optional.len().div_ceil(64)] }
    }

    fn has_optional(&self, place: usize) -> bool {
        self.optional[place / 64] & (1 << (place % 64)) != 0
    }

    fn flip(&mut self, task: &Task, op: usize) {
        let place = task.optional.partition_point(|(optional, _)| *optional < op);
        self.optional[place / 64] ^= 1 << (place % 64);
    }

    fn take(&mut self, task: &Task, op: usize) {
        match task.ops[op].response {
            Some(_) => self.taken[task.ops[op].client] += 1,
            None => self.flip(task, op),
        }
    }

    fn put_back(&mut self, task: &Task, op: usize) {
        match task.ops[op].response {
            Some(_) => self.taken[task.ops[op].client] -= 1,
            None => self.flip(task, op),
        }
    }

    /// The operations that may take effect next, the best guess last.
    ///
    /// An operation may be next if no other that has yet to take effect precedes it, which is so if it was invoked by the
    /// time of the first return among them. The one that returns first is the best guess: it has to come soon.
    fn candidates(&self, task: &Task) -> Vec<usize> {
        let heads = || {
            let next = task.chains.iter().zip(&self.taken).filter_map(|(chain, taken)| chain.get(*taken));
            next.copied()
        };
        let due = if task.real_time {
            heads().map(|op| task.ops[op].returned).min().unwrap_or(u64::MAX)
        } else {
            u64::MAX
        };
        let in_time = |op: &usize| task.ops[*op].invoked <= due;
        let mut candidates: Vec<usize> = Vec::new();
        for (place, (op, after)) in task.optional.iter().enumerate() {
            let its = &task.ops[*op];
            // Of two with the same command either will do, now and later.
            let same = |other: &usize| task.ops[*other].command == its.command;
            if !self.has_optional(place)
                && self.taken[its.client] >= *after
                && in_time(op)
                && !candidates.iter().any(same)
            {
                candidates.push(*op);
            }
        }
        let optional = candidates.len();
        candidates.extend(heads().filter(in_time));
        candidates[optional..].sort_by_key(|op| std::cmp::Reverse((task.ops[*op].returned, *op)));
        candidates
    }
}

/// A configuration on the way to the present one.
struct Frame {
    state: usize,
    /// What is still to be tried.
    candidates: Vec<usize>,
}

/// The configurations that need not be looked at again.
///
/// An operation without a response may take effect or not, so a configuration in which fewer of them have is at least as
/// good: everything that explains the rest from the other explains it from this one. Only the least sets are kept.
#[derive(Default)]
struct Visited {
    numbers: Numbers,
    least: Vec<Vec<Box<[u64]>>>,
}

impl Visited {
    /// Whether the configuration has to be looked at.
    fn insert(&mut self, configuration: &Configuration, state: usize) -> bool {
        let mut bytes = Vec::with_capacity(4 * configuration.taken.len() + 8);
        for count in configuration.taken.iter().chain([&state]) {
            // Seven bits a byte, the last with the eighth clear, so that no two lists of numbers have equal bytes.
            let mut rest = *count;
            while rest >= 0x80 {
                bytes.push((rest & 0x7f) as u8 | 0x80);
                rest >>= 7;
            }
            bytes.push(rest as u8);
        }
        let (number, new) = self.numbers.number(bytes);
        if new {
            self.least.push(vec![configuration.optional.clone().into_boxed_slice()]);
            return true;
        }
        let least = &mut self.least[number];
        let within = |few: &[u64], many: &[u64]| few.iter().zip(many).all(|(few, many)| few & !many == 0);
        if least.iter().any(|known| within(known, &configuration.optional)) {
            return false;
        }
        least.retain(|known| !within(&configuration.optional, known));
        least.push(configuration.optional.clone().into_boxed_slice());
        true
    }
}
