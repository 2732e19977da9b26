//! The simulated mode: one event after the other, in virtual time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use framework::guard::Panic;

use crate::watch::Watch;
use crate::world::{Parcel, World};

/// Why time stopped passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// What was waited for holds.
    Held,
    /// The time is up.
    TimeUp {
        /// Nothing was left that could happen.
        idle: bool,
    },
    /// The run is over.
    Failed,
}

/// A running system in virtual time.
#[derive(Debug)]
pub(crate) struct Simulation {
    pub(crate) world: World,
    queue: BinaryHeap<Reverse<Entry>>,
    /// How many entries there have been: what is due at the same time happens in the order in which it was planned.
    planned: u64,
    /// For each node the entry of its next timer: when, and the number of the entry.
    wakes: Vec<Option<(u64, u64)>>,
}

/// Something that is planned.
#[derive(Debug)]
struct Entry {
    at: u64,
    number: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Arrive(Parcel),
    /// A timer of a node is due, if this is still the node's entry.
    Wake(usize),
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl Simulation {
    pub(crate) fn new(world: World) -> Self {
        Self { world, queue: BinaryHeap::new(), planned: 0, wakes: Vec::new() }
    }

    fn plan(&mut self, at: u64, what: What) -> u64 {
        self.planned += 1;
        self.queue.push(Reverse(Entry { at, number: self.planned, what }));
        self.planned
    }

    /// Puts messages on their way.
    pub(crate) fn dispatch(&mut self, parcels: Vec<Parcel>) {
        for parcel in parcels {
            self.plan(parcel.at, What::Arrive(parcel));
        }
    }

    /// Plans the next timer of a node.
    fn refresh(&mut self, node: usize) {
        let next = self.world.next_timer(node);
        if self.wakes[node].map(|(at, _)| at) != next {
            self.wakes[node] = next.map(|at| (at, self.plan(at, What::Wake(node))));
        }
    }

    /// Plans the next timers of all nodes, after a change of the network or of nodes.
    pub(crate) fn refresh_all(&mut self) {
        self.wakes.resize(self.world.nodes.len(), None);
        for node in 0..self.wakes.len() {
            self.refresh(node);
        }
    }

    /// When the next event happens.
    fn next_event(&mut self) -> Option<u64> {
        loop {
            let Reverse(entry) = self.queue.peek()?;
            if let What::Wake(node) = entry.what
                && self.wakes[node] != Some((entry.at, entry.number))
            {
                self.queue.pop();
                continue;
            }
            return Some(entry.at);
        }
    }

    /// Lets time pass until some time, or until what is waited for holds.
    pub(crate) fn advance(&mut self, until: u64, mut goal: Option<&mut Watch>) -> Result<Ended, Panic> {
        loop {
            if self.world.failure.is_some() {
                return Ok(Ended::Failed);
            }
            if let Some(goal) = &mut goal
                && goal.holds(&self.world)?
            {
                return Ok(Ended::Held);
            }
            let (event, action) = (self.next_event(), self.world.next_action());
            let next = match (event, action) {
                (Some(event), Some(action)) => Some(event.min(action)),
                (event, action) => event.or(action),
            };
            let Some(next) = next.filter(|next| *next <= until) else {
                self.world.now = self.world.now.max(until);
                return Ok(Ended::TimeUp { idle: next.is_none() });
            };
            self.world.now = self.world.now.max(next);
            if action == Some(next) {
                let parcels = self.world.take_action();
                self.dispatch(parcels);
                self.refresh_all();
            } else {
                self.step();
            }
        }
    }

    /// Takes what is planned next.
    fn step(&mut self) {
        let Some(Reverse(entry)) = self.queue.pop() else { return };
        let job = match entry.what {
            What::Arrive(parcel) => self.world.receive(parcel),
            What::Wake(node) => {
                self.wakes[node] = None;
                self.world.fire(node)
            }
        };
        let Some(job) = job else { return };
        let node = job.node;
        let done = job.run(&self.world.running);
        let parcels = self.world.finish(done);
        self.dispatch(parcels);
        self.refresh(node);
    }
}
