//! Works out the steps that an expansion met and that are not known yet: runs handlers, interns what comes out.

use std::time::Duration;

use super::components::Source;
use super::{ComponentId, EventId, Layout, LocalId, Space, Transition};
use crate::handler::{Effect, Subject};
use crate::pool::{Pool, Trial};

/// A step that is not known yet: an event at a component of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Miss {
    pub(crate) node: u32,
    pub(crate) component: ComponentId,
    pub(crate) event: EventId,
}

/// What is wrong with a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FaultKind {
    /// It did not return.
    Hung,
    /// It fails a check.
    Unsound,
    /// It panicked.
    Panicked,
}

/// A step that fails.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) miss: Miss,
    pub(crate) kind: FaultKind,
    pub(crate) problem: String,
}

/// The outcome of [`Space::resolve`].
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// Steps that fail, by miss. From now on they count as steps that change nothing.
    pub(crate) faults: Vec<Fault>,
}

impl Space {
    /// Works out the given steps. Afterwards each is known: as a no-op or with its successor. `misses` must be sorted
    /// and without repetitions.
    pub(crate) fn resolve(&mut self, misses: &[Miss], pool: &Pool, handler_time: Duration) -> Resolved {
        debug_assert!(misses.is_sorted_by(|a, b| a < b));
        self.memo_misses += misses.len() as u64;
        if let Some(hung) = self.run_handlers(misses, pool, handler_time) {
            return Resolved { faults: vec![hung] };
        }
        self.widen();
        let mut faults = Vec::new();
        let mut learned: Vec<(EventId, Option<ComponentId>)> = Vec::new();
        for of_component in misses.chunk_by(|a, b| (a.node, a.component) == (b.node, b.component)) {
            let Miss { node, component, .. } = of_component[0];
            let i = node as usize;
            let local = self.local_of(i, component);
            learned.clear();
            for miss in of_component {
                // Taken out and put back: interning needs the tables, and most sent lists are short.
                let transition = self.nodes[i].transitions.get(&(local, miss.event)).cloned();
                let successor = match transition.expect("every missing transition was worked out") {
                    Transition::NoOp => None,
                    Transition::Change { local, sent } => {
                        self.intern_component(i, local, Some(component), &sent)
                    }
                    Transition::Fault => {
                        let (kind, problem) = self.faults[&(i, local, miss.event)].clone();
                        faults.push(Fault { miss: *miss, kind, problem });
                        None
                    }
                };
                learned.push((miss.event, successor));
            }
            let layout = &self.layouts[i];
            self.nodes[i].components.learn(layout, component, learned.iter().copied());
        }
        Resolved { faults }
    }

    /// Runs the handlers whose outcome is not known for the local of any component; the one that does not return, if
    /// there is one.
    fn run_handlers(&mut self, misses: &[Miss], pool: &Pool, handler_time: Duration) -> Option<Fault> {
        let mut wanted: Vec<(u32, LocalId, EventId)> = misses
            .iter()
            .filter_map(|miss| {
                let i = miss.node as usize;
                let local = self.local_of(i, miss.component);
                (!self.nodes[i].transitions.contains_key(&(local, miss.event)))
                    .then_some((miss.node, local, miss.event))
            })
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return None;
        }
        self.handler_calls += wanted.len() as u64;
        let groups: Vec<&[(u32, LocalId, EventId)]> =
            wanted.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).collect();
        let trials = groups
            .iter()
            .map(|group| {
                let (node, local, _) = group[0];
                let i = node as usize;
                let entry = &self.nodes[i].locals[local as usize];
                let subject = Subject {
                    address: self.addresses[i],
                    local: entry.local.clone(),
                    bytes: entry.bytes.clone(),
                };
                Trial { subject, inputs: group.iter().map(|(_, _, event)| self.input(i, *event)).collect() }
            })
            .collect();
        let effects = match pool.try_all(trials, handler_time) {
            Ok(effects) => effects,
            Err(hung) => {
                let (node, local, event) = groups[hung.trial][hung.input];
                let same = |miss: &&Miss| {
                    miss.node == node
                        && miss.event == event
                        && self.local_of(node as usize, miss.component) == local
                };
                let miss = *misses.iter().find(same).expect("handlers run for misses only");
                let problem = format!(
                    "it has not returned for {handler_time:?}; look for a loop that does not end, or a wait for something that only another handler can do"
                );
                return Some(Fault { miss, kind: FaultKind::Hung, problem });
            }
        };
        for (group, effects) in groups.iter().zip(effects) {
            let (node, local, _) = group[0];
            let i = node as usize;
            for ((_, _, event), effect) in group.iter().zip(effects) {
                let transition = match effect {
                    Effect::None => {
                        self.nodes[i].locals[local as usize].no_ops.push(*event);
                        Transition::NoOp
                    }
                    Effect::Change { local: changed, sent } => {
                        let local =
                            changed.map_or(local, |(local, bytes)| self.intern_local(i, &local, &bytes));
                        let sent =
                            sent.iter().map(|(to, message)| self.intern_message(i, *to, message)).collect();
                        Transition::Change { local, sent }
                    }
                    Effect::Panicked(problem) => {
                        self.faults.insert((i, local, *event), (FaultKind::Panicked, problem));
                        Transition::Fault
                    }
                    Effect::Unsound(problem) => {
                        self.faults.insert((i, local, *event), (FaultKind::Unsound, problem));
                        Transition::Fault
                    }
                };
                self.nodes[i].transitions.insert((local, *event), transition);
            }
        }
        None
    }

    /// Gives the records room for the messages and timers that there are now.
    pub(super) fn widen(&mut self) {
        let layouts = self.make_layouts();
        if layouts == self.layouts {
            return;
        }
        for ((node, old), new) in self.nodes.iter_mut().zip(&self.layouts).zip(&layouts) {
            if old != new {
                node.components.relayout(old, new);
            }
        }
        self.layouts = layouts;
        self.sources = self.make_sources();
    }

    pub(super) fn make_layouts(&self) -> Vec<Layout> {
        // Powers of two, so that records are not moved for every 64 messages; no words where nothing is sent.
        let words = |count: usize| if count == 0 { 0 } else { count.div_ceil(64).next_power_of_two() };
        (0..self.len())
            .map(|i| {
                let out = (0..=self.len()).map(|to| words(self.messages.count(i, to))).collect();
                let mut incoming: Vec<usize> =
                    (0..self.len()).map(|from| words(self.messages.count(from, i))).collect();
                incoming.push(words(self.nodes[i].timers.len()));
                Layout::new(out, incoming)
            })
            .collect()
    }

    pub(super) fn make_sources(&self) -> Vec<Vec<Source>> {
        (0..self.len())
            .map(|i| {
                let own = &self.layouts[i];
                let mut sources = Vec::new();
                for group in 0..=self.len() {
                    let timers = group == self.timer_group();
                    let allowed =
                        timers || self.delivery.may_deliver(self.addresses[group], self.addresses[i]);
                    if own.words(group) == 0 || !allowed {
                        continue;
                    }
                    let (sender, set) = if timers {
                        (i, own.timers().start)
                    } else {
                        (group, self.layouts[group].out(i).start)
                    };
                    sources.push(Source {
                        sender,
                        group,
                        set,
                        no_op: own.no_op(group),
                        known: own.known(group),
                        words: own.words(group),
                    });
                }
                sources
            })
            .collect()
    }
}
