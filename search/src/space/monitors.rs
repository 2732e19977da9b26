//! What the monitors of a search know at a state, interned, and what each step of a client makes of it.

use std::sync::Arc;

use ahash::AHashMap;
use framework::linearizability::{Monitor, MonitorStep};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{ComponentId, EventId, LocalId, Space};
use crate::observe;

/// The number of a residual among those of its monitor.
pub(super) type ResidualId = u32;

/// Stands for all residuals in which the results cannot be explained any more.
const VIOLATED: ResidualId = ResidualId::MAX;

/// Why a monitor cannot judge a step: its name, and the reason.
pub(crate) type MonitorFault = (String, String);

/// A step of a client, as far as a monitor can tell it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Observation {
    node: usize,
    before: LocalId,
    after: LocalId,
    /// The event, if it is a crash in a handler: what the handler would have done matters.
    interrupted: Option<EventId>,
}

/// One monitor with what it knows in any state, and with the steps it was shown.
pub(super) struct MonitorTable {
    monitor: Monitor,
    residuals: Vec<Arc<[u8]>>,
    hashes: Vec<u64>,
    by_bytes: AHashMap<Arc<[u8]>, ResidualId>,
    steps: AHashMap<(ResidualId, Observation), ResidualId>,
    bytes: usize,
}

impl MonitorTable {
    pub(super) fn new(monitor: &Monitor) -> Self {
        Self {
            monitor: monitor.clone(),
            residuals: Vec::new(),
            hashes: Vec::new(),
            by_bytes: AHashMap::new(),
            steps: AHashMap::new(),
            bytes: 0,
        }
    }

    fn intern(&mut self, residual: Vec<u8>) -> ResidualId {
        if let Some(id) = self.by_bytes.get(&residual[..]) {
            return *id;
        }
        let id = ResidualId::try_from(self.residuals.len()).expect("fewer than 2^32 residuals");
        let residual: Arc<[u8]> = residual.into();
        self.bytes += residual.len() + 120;
        self.hashes.push(xxh3_64_with_seed(&residual, 2));
        self.residuals.push(Arc::clone(&residual));
        self.by_bytes.insert(residual, id);
        id
    }

    fn hash(&self, id: ResidualId) -> u64 {
        self.hashes.get(id as usize).copied().unwrap_or(u64::from(VIOLATED))
    }

    fn after(&self, residual: ResidualId, seen: Observation) -> Option<ResidualId> {
        if residual == VIOLATED { Some(VIOLATED) } else { self.steps.get(&(residual, seen)).copied() }
    }
}

impl Space {
    /// Where the words of the monitors begin in a state.
    fn monitors_start(&self) -> usize {
        self.len() + usize::from(self.faults.is_some())
    }

    /// Notes what the monitors know at a state from which a search starts.
    pub(crate) fn begin_monitors(
        &mut self,
        ids: &mut [ComponentId],
        start: &crate::State,
    ) -> Result<(), MonitorFault> {
        let first = self.monitors_start();
        for (table, word) in self.monitors.iter_mut().zip(&mut ids[first..]) {
            let watch = observe::Follower::at(&table.monitor, start);
            let watch = watch.map_err(|reason| (table.monitor.name().to_owned(), reason))?;
            *word = if watch.outcome.is_ok() { table.intern(watch.residual.clone()) } else { VIOLATED };
        }
        Ok(())
    }

    /// Whether a monitor looks at the steps of a node.
    pub(crate) fn is_observed(&self, node: usize) -> bool {
        self.observed.get(node) == Some(&true)
    }

    /// The number of the first monitor that cannot explain the results in a state any more.
    pub(crate) fn violated_monitor(&self, ids: &[ComponentId]) -> Option<usize> {
        ids.get(self.monitors_start()..)?.iter().position(|residual| *residual == VIOLATED)
    }

    fn observation(
        &self,
        node: usize,
        (before, after): (ComponentId, ComponentId),
        event: EventId,
    ) -> Option<Observation> {
        if !self.is_observed(node) {
            return None;
        }
        let (before, after) = (self.local_of(node, before), self.local_of(node, after));
        let mark = |local: LocalId| self.nodes[node].locals[local as usize].mark;
        if mark(before) == mark(after) {
            return None;
        }
        let interrupted = (self.layer_of(event).0 > 0).then_some(event);
        Some(Observation { node, before, after, interrupted })
    }

    /// Takes the monitors along on a step; `false` if one of them has to be shown the step first.
    pub(super) fn advance_monitors(
        &self,
        ids: &mut [ComponentId],
        node: usize,
        event: EventId,
        successor: ComponentId,
    ) -> bool {
        let Some(seen) = self.observation(node, (ids[node], successor), event) else { return true };
        let first = self.monitors_start();
        self.monitors.iter().zip(&mut ids[first..]).all(|(table, word)| match table.after(*word, seen) {
            Some(next) => {
                *word = next;
                true
            }
            None => false,
        })
    }

    /// Shows a step to the monitors that do not know it.
    pub(crate) fn show_monitors(
        &mut self,
        ids: &[ComponentId],
        node: usize,
        event: EventId,
        successor: ComponentId,
    ) -> Result<(), MonitorFault> {
        let Some(seen) = self.observation(node, (ids[node], successor), event) else { return Ok(()) };
        let happened = self.event(node, event);
        let first = self.monitors_start();
        let Self { monitors, nodes, addresses, .. } = self;
        let locals = &nodes[node].locals;
        let (before, after) = (&locals[seen.before as usize].local, &locals[seen.after as usize].local);
        for (table, word) in monitors.iter_mut().zip(&ids[first..]) {
            if table.after(*word, seen).is_some() {
                continue;
            }
            let residual = &table.residuals[*word as usize];
            let judged = observe::step(&table.monitor, residual, addresses[node], (before, &happened, after));
            let next = match judged {
                Err(reason) => return Err((table.monitor.name().to_owned(), reason)),
                Ok(None) => *word,
                Ok(Some(MonitorStep { residual, outcome })) if outcome.is_ok() => table.intern(residual),
                Ok(Some(_)) => VIOLATED,
            };
            table.steps.insert((*word, seen), next);
        }
        Ok(())
    }

    /// The part of a state's hash that comes from its monitors.
    pub(super) fn monitors_hash(&self, ids: &[ComponentId]) -> u64 {
        let residuals = self.monitors.iter().zip(&ids[self.monitors_start()..]);
        residuals.fold(0, |sum, (table, residual)| {
            sum.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(table.hash(*residual))
        })
    }

    /// The bytes that monitors take, about.
    pub(super) fn monitor_bytes(&self) -> usize {
        self.monitors.iter().map(|table| table.bytes + table.steps.capacity() * 40).sum()
    }
}
