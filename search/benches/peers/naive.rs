//! The obvious engine: clone the state, run the handler, look the result up in a set of whole states.
//!
//! It is exact and checks the invariants of every state, but nothing about handlers.

use std::collections::VecDeque;

use ahash::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::world::{SharedNodes, World};

/// Counts the states up to a depth.
///
/// # Panics
///
/// Panics when an invariant fails.
pub(crate) fn count_states(model: &SharedNodes, max_depth: Option<u32>) -> u64 {
    let hasher = RandomState::new();
    let initial = model.initial();
    check(model, &initial);
    let mut visited: HashTable<(u64, World)> = HashTable::new();
    let hash = hasher.hash_one(&initial);
    visited.insert_unique(hash, (hash, initial.clone()), |(hash, _)| *hash);
    let mut frontier = VecDeque::from([(initial, 0)]);
    let mut actions = Vec::new();
    while let Some((world, depth)) = frontier.pop_front() {
        if max_depth.is_some_and(|max| depth >= max) {
            continue;
        }
        model.push_actions(&world, &mut actions);
        for action in actions.drain(..) {
            let Some(next) = model.after(&world, &action) else { continue };
            let hash = hasher.hash_one(&next);
            let same = |(other_hash, other): &(u64, World)| *other_hash == hash && *other == next;
            if let Entry::Vacant(place) = visited.entry(hash, same, |(hash, _)| *hash) {
                check(model, &next);
                place.insert((hash, next.clone()));
                frontier.push_back((next, depth + 1));
            }
        }
    }
    visited.len() as u64
}

fn check(model: &SharedNodes, world: &World) {
    for i in 0..model.invariant_count() {
        assert!(model.holds(i, world), "invariant {i} holds");
    }
}
