//! Walks over the states that a breadth-first search has visited, for the analyses that come after it.

use std::sync::{Mutex, PoisonError};

use framework::Event;
use rayon::prelude::*;

use crate::bfs::Bfs;
use crate::results::Trace;
use crate::space::ComponentId;
use crate::state::State;
use crate::visited::{SHARDS, StateIndex, state_index};

/// A visited state.
#[derive(Clone, Copy)]
pub(crate) struct Visit<'a> {
    pub(crate) state: StateIndex,
    pub(crate) depth: u32,
    /// Of every node, and what else a state has.
    pub(crate) ids: &'a [ComponentId],
}

impl Bfs<'_> {
    /// Calls `visit` with every state of a shard, in the order in which they were found.
    pub(crate) fn for_each_state_of(&self, shard: usize, mut visit: impl FnMut(Visit<'_>)) {
        let states = &self.shards[shard];
        // Those of the level that was not finished, if there is one, come last.
        let filling =
            states.len() - u32::try_from(states.moved.len()).expect("a shard's records fit 26 bits");
        let last_depth = u32::try_from(self.levels.len().saturating_sub(1)).expect("a depth fits 32 bits");
        let mut depths = self.first_of_depth[shard].iter().peekable();
        let mut depth = 0;
        for record in 0..states.len() {
            while let Some((_, of)) = depths.next_if(|(first, _)| *first <= record) {
                depth = *of;
            }
            let depth = if record >= filling { last_depth } else { depth };
            let state = state_index(shard, record);
            if self.cut_off.binary_search(&state).is_err() {
                visit(Visit { state, depth, ids: states.components(record) });
            }
        }
    }

    /// The way to a state by which the search found it, and the state whole.
    pub(crate) fn way_to(&self, state: StateIndex, starts: &[State]) -> (Trace, State) {
        let path = self.path(state);
        let events: Vec<Event> =
            path.1.iter().map(|(node, event)| self.engine.space.event(*node, *event)).collect();
        let whole = self.engine.walk(&path, starts, &events);
        (Trace { start: starts[path.0].clone(), found_len: events.len(), events }, whole)
    }

    /// Calls `work` for every shard, on all threads, each with a `T` of its own; all `T` that were made.
    pub(crate) fn for_each_shard<T: Send>(
        &self,
        make: impl Fn() -> T + Sync,
        work: impl Fn(&mut T, usize) + Sync,
    ) -> Vec<T> {
        let idle: Mutex<Vec<T>> = Mutex::new(Vec::new());
        let lock = || idle.lock().unwrap_or_else(PoisonError::into_inner);
        self.engine.pool.run(|| {
            (0..SHARDS).into_par_iter().for_each(|shard| {
                let lent = lock().pop();
                let mut own = lent.unwrap_or_else(&make);
                work(&mut own, shard);
                lock().push(own);
            });
        });
        idle.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
