//! Works out the steps that an expansion met and that are not known yet: runs handlers, interns what comes out.

use std::time::Duration;

use super::components::{FaultyEvents, Source};
use super::{ComponentId, EventId, GROUPS_MAX, Layout, LocalId, RESTART_BIT, Space, Transition};
use crate::handler::{Effect, Subject};
use crate::pool::{Pool, Trial};
use crate::watch;

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
    /// It is known to end the process.
    Died,
    /// It fails a check.
    Unsound,
    /// It panicked.
    Panicked,
}

impl FaultKind {
    /// Whether nothing is known of the steps that were to be worked out together with the one that fails.
    pub(crate) fn ends_at_once(self) -> bool {
        matches!(self, Self::Hung | Self::Died)
    }
}

/// A step that fails.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) miss: Miss,
    pub(crate) kind: FaultKind,
    pub(crate) problem: String,
}

/// What an event does to a local of a node: `None` if nothing.
type WorkedOut = (u32, LocalId, EventId, Option<Transition>);

impl Space {
    /// Works out the given steps. Afterwards each is known: as a no-op or with its successor. `misses` must be sorted
    /// and without repetitions. Returns the steps that fail, in order; from now on they count as steps that change
    /// nothing. If a handler does not return or is known to end the process, nothing is known of the others.
    pub(crate) fn resolve(&mut self, misses: &[Miss], pool: &mut Pool, handler_time: Duration) -> Vec<Fault> {
        debug_assert!(misses.is_sorted_by(|a, b| a < b));
        self.memo_misses += misses.len() as u64;
        let worked_out = match self.run_handlers(misses, pool, handler_time) {
            Ok(worked_out) => worked_out,
            Err(fault) => return vec![fault],
        };
        self.widen();
        let mut faults = Vec::new();
        let mut learned: Vec<(EventId, Option<ComponentId>)> = Vec::new();
        for of_component in misses.chunk_by(|a, b| (a.node, a.component) == (b.node, b.component)) {
            let Miss { node, component, .. } = of_component[0];
            let i = node as usize;
            let local = self.local_of(i, component);
            let begin = worked_out.partition_point(|(n, l, ..)| (*n, *l) < (node, local));
            let len = worked_out[begin..].partition_point(|(n, l, ..)| (*n, *l) == (node, local));
            let of_local = &worked_out[begin..begin + len];
            learned.clear();
            for miss in of_component {
                if self.is_no_op(i, local, miss.event) {
                    learned.push((miss.event, None));
                    continue;
                }
                let transition = match of_local.binary_search_by_key(&miss.event, |(_, _, event, _)| *event) {
                    Ok(found) => of_local[found].3.clone(),
                    Err(_) => self.nodes[i].transitions.get(&(local, miss.event)).cloned(),
                };
                let successor = match transition.expect("every missing transition was worked out") {
                    Transition::Change { local, sent } => {
                        self.intern_component(i, local, Some(component), &sent)
                    }
                    Transition::Fault => {
                        let (kind, problem) = self.problems[&(i, local, miss.event)].clone();
                        faults.push(Fault { miss: *miss, kind, problem });
                        None
                    }
                };
                learned.push((miss.event, successor));
            }
            let layout = &self.layouts[i];
            self.nodes[i].components.learn(layout, component, learned.iter().copied());
        }
        self.remember(worked_out);
        faults
    }

    /// Whether an event is known to change nothing at a local, whatever was sent before.
    fn is_no_op(&self, i: usize, local: LocalId, event: EventId) -> bool {
        // Only a restart does anything to a node that is down.
        if !self.nodes[i].locals[local as usize].local.up {
            return event != EventId::new(self.own_group(), RESTART_BIT);
        }
        let layout = &self.layouts[i];
        let (word, bit) = layout.mask_bit(event);
        self.nodes[i].no_ops[local as usize * layout.masks() + word] & bit != 0
    }

    /// Keeps what events do to locals that several components have. A local that only one has will not be asked for
    /// again, and where locals never repeat, remembering all of them would take most of the time and the memory.
    fn remember(&mut self, worked_out: Vec<WorkedOut>) {
        for (node, local, event, transition) in worked_out {
            let node = &mut self.nodes[node as usize];
            if let Some(transition) = transition
                && node.locals[local as usize].components > 1
            {
                node.transitions.insert((local, event), transition);
            }
        }
    }

    /// Runs the handlers whose outcome is not known for the local of any component. What they do, sorted; `Err` with the
    /// one that does not return, or the first that is known to end the process, if there is one.
    fn run_handlers(
        &mut self,
        misses: &[Miss],
        pool: &mut Pool,
        handler_time: Duration,
    ) -> Result<Vec<WorkedOut>, Fault> {
        let mut wanted: Vec<(u32, LocalId, EventId)> = misses
            .iter()
            .filter_map(|miss| {
                let i = miss.node as usize;
                let local = self.local_of(i, miss.component);
                let known = self.is_no_op(i, local, miss.event)
                    || self.nodes[i].transitions.contains_key(&(local, miss.event));
                (!known).then_some((miss.node, local, miss.event))
            })
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut worked_out = self.avoid_fatal(&mut wanted, misses, pool.watch())?;
        if wanted.is_empty() {
            return Ok(worked_out);
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
                return Err(Fault { miss, kind: FaultKind::Hung, problem });
            }
        };
        worked_out.reserve(wanted.len());
        for (group, effects) in groups.iter().zip(effects) {
            let (node, local, _) = group[0];
            let i = node as usize;
            for ((_, _, event), effect) in group.iter().zip(effects) {
                if self.layer_of(*event).0 == 0 {
                    self.nodes[i].note_run(*event, !matches!(effect, Effect::None));
                }
                let transition = match effect {
                    Effect::None => {
                        let layout = &self.layouts[i];
                        let (word, bit) = layout.mask_bit(*event);
                        self.nodes[i].no_ops[local as usize * layout.masks() + word] |= bit;
                        None
                    }
                    Effect::Change { local: changed, sent, interruptions } => {
                        if self.may_crash(i) {
                            self.add_layers(interruptions);
                        }
                        let local =
                            changed.map_or(local, |(local, bytes)| self.intern_local(i, &local, &bytes));
                        let sent =
                            sent.iter().map(|(to, message)| self.intern_message(i, *to, message)).collect();
                        Some(Transition::Change { local, sent })
                    }
                    Effect::Panicked(problem) => {
                        self.problems.insert((i, local, *event), (FaultKind::Panicked, problem));
                        Some(Transition::Fault)
                    }
                    Effect::Unsound(problem) => {
                        self.problems.insert((i, local, *event), (FaultKind::Unsound, problem));
                        Some(Transition::Fault)
                    }
                };
                worked_out.push((node, local, *event, transition));
            }
        }
        // Those that were passed over stand before the others.
        worked_out.sort_by_key(|(node, local, event, _)| (*node, *local, *event));
        Ok(worked_out)
    }

    /// Makes layers for crashes before so many calls of persist. A handler that makes so many that there are no numbers
    /// left is not interrupted before the last ones.
    fn add_layers(&mut self, interruptions: usize) {
        self.layers = self.layers.max((1 + interruptions).min(GROUPS_MAX / self.groups()));
    }

    /// The events at a node that interrupt one of the first layer, of the layers from `from` on.
    pub(crate) fn interruptions_of(&self, event: EventId, from: usize) -> impl Iterator<Item = EventId> {
        let (layer, base) = self.layer_of(event);
        let groups = self.groups();
        let layers = if layer == 0 { from..self.layers } else { 0..0 };
        layers.map(move |layer| EventId::new(layer * groups + base.group(), base.bit()))
    }

    /// Takes what must not run out of `wanted`: `Err` with the first, or, if the watch says so, all of them as events that
    /// change nothing.
    fn avoid_fatal(
        &mut self,
        wanted: &mut Vec<(u32, LocalId, EventId)>,
        misses: &[Miss],
        watch: &watch::Watch,
    ) -> Result<Vec<WorkedOut>, Fault> {
        if watch.fatal.is_empty() {
            return Ok(Vec::new());
        }
        let mut passed_over = Vec::new();
        let mut left = Vec::with_capacity(wanted.len());
        for &(node, local, event) in wanted.iter() {
            let i = node as usize;
            let of_local =
                watch::digest_of_local(self.addresses[i], &self.nodes[i].locals[local as usize].bytes);
            let input = self.input(i, event);
            let Some(fatal) =
                input.with_stimulus(|stimulus| watch.fate(watch::digest_of_input(of_local, stimulus)))
            else {
                left.push((node, local, event));
                continue;
            };
            if !watch.pass_over_fatal {
                let same = |miss: &&Miss| {
                    (miss.node, miss.event) == (node, event) && self.local_of(i, miss.component) == local
                };
                let miss = *misses.iter().find(same).expect("handlers run for misses only");
                let kind = if fatal.hangs { FaultKind::Hung } else { FaultKind::Died };
                return Err(Fault { miss, kind, problem: fatal.problem.clone() });
            }
            let (layout, words) = (&self.layouts[i], &mut self.nodes[i].no_ops);
            let (word, bit) = layout.mask_bit(event);
            words[local as usize * layout.masks() + word] |= bit;
            self.passed_over.insert((i, input.handler(), fatal.problem.clone()));
            passed_over.push((node, local, event, None));
        }
        *wanted = left;
        Ok(passed_over)
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
                let mut no_ops = vec![0; node.locals.len() * new.masks()];
                if old.masks() > 0 {
                    let masks = node.no_ops.chunks_exact(old.masks());
                    for (from, to) in masks.zip(no_ops.chunks_exact_mut(new.masks())) {
                        new.widen_masks(old, from, to);
                    }
                }
                node.no_ops = no_ops;
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
                incoming.push(words(self.nodes[i].own_events.len()));
                let layer = incoming.len();
                incoming = incoming.repeat(self.layers);
                Layout::new(out, incoming, layer - 1)
            })
            .collect()
    }

    pub(super) fn make_sources(&self) -> Vec<Vec<Source>> {
        (0..self.len())
            .map(|i| {
                let own = &self.layouts[i];
                let mut sources = Vec::new();
                for group in 0..self.groups() * self.layers {
                    let (layer, base) = (group / self.groups(), group % self.groups());
                    let own_events = base == self.own_group();
                    let allowed =
                        own_events || self.delivery.may_deliver(self.addresses[base], self.addresses[i]);
                    let may_crash = self.may_crash(i);
                    if own.words(group) == 0 || !allowed || (layer > 0 && !may_crash) {
                        continue;
                    }
                    let (sender, set) = if own_events {
                        (i, own.timers().start)
                    } else {
                        (base, self.layouts[base].out(i).start)
                    };
                    sources.extend((0..own.words(group)).map(|w| Source {
                        sender,
                        first: EventId::new(group, w * 64),
                        set: set + w,
                        no_op: own.no_op(group) + w,
                        known: own.known(group) + w,
                        faults: match layer {
                            0 if own_events && w == 0 && self.faults.is_some() => {
                                FaultyEvents::CrashAndRestart
                            }
                            0 => FaultyEvents::None,
                            _ => FaultyEvents::All,
                        },
                    }));
                }
                sources
            })
            .collect()
    }
}
