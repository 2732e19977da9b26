//! Stateright's `Model` over our nodes: the second engine that counts the same states.
//!
//! It visits states once by their 64-bit hash, on one thread, and evaluates the properties of a state when it expands it:
//! in a search with a depth limit not those of the last level, which is in its favor.

use stateright::{Checker, Model, Property};

use super::world::{Action, SharedNodes, World};

impl Model for SharedNodes {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![self.initial()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        self.push_actions(world, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        self.after(world, &action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // A property has a function without captures and a static name, so there is one for each place in the list.
        let all = [
            Property::always("first", |model: &Self, world| model.holds(0, world)),
            Property::always("second", |model: &Self, world| model.holds(1, world)),
            Property::always("third", |model: &Self, world| model.holds(2, world)),
            Property::always("fourth", |model: &Self, world| model.holds(3, world)),
        ];
        let count = self.invariant_count();
        // Without a property Stateright has nothing to look for and stops at once.
        assert!((1..=all.len()).contains(&count), "a model has 1 to {} invariants, not {count}", all.len());
        all.into_iter().take(count).collect()
    }
}

/// Counts the states up to a depth with Stateright's breadth-first search.
///
/// # Panics
///
/// Panics when an invariant fails.
pub(crate) fn count_states(model: SharedNodes, max_depth: Option<u32>) -> u64 {
    let mut builder = model.checker().threads(1);
    if let Some(depth) = max_depth {
        // The initial state has depth 1 there, and 0 here.
        builder = builder.target_max_depth(depth as usize + 1);
    }
    let checker = builder.spawn_bfs().join();
    assert!(checker.discoveries().is_empty(), "the invariants hold");
    checker.unique_state_count() as u64
}
