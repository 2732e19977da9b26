//! Happens-before: which step caused which, the past and the future of a step, and the way back through causes.
//!
//! Two kinds of edges: a step comes after the step before it at the same node, and a delivery after the step that sent
//! the message.

use super::Model;
use crate::trace_file::{Happening, Timer};

/// What a step was caused by, as a column of a trace shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The step that sent the message; 0 for one that was there at the start.
    Sent(usize),
    /// A timer fired.
    Timer,
    /// The environment: a crash or a restart.
    Fault,
    /// Nothing: it is the start.
    Start,
}

/// By which edge one comes from a step to what caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The message was sent there.
    Message,
    /// The timer was set there.
    Timer,
    /// It is the step before, at the same node.
    Node,
}

/// One link of the chain of causes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The step.
    pub step: usize,
    /// By which edge one comes here from the effect; `None` for the effect itself.
    pub via: Option<Via>,
}

impl Model {
    /// What a step was caused by.
    pub fn cause(&self, step: usize) -> Cause {
        let Some(event) = self.step(step).map(|step| &step.event) else { return Cause::Start };
        match (event.message(), event) {
            (Some(_), _) => Cause::Sent(self.sending_step(step).unwrap_or_default()),
            (None, Happening::Crash { during: None, .. } | Happening::Restart { .. }) => Cause::Fault,
            _ => Cause::Timer,
        }
    }

    /// The step that sent the message that arrives in a step; 0 if it was there at the start. A message that was sent
    /// more than once could arrive from the first time on.
    pub fn sending_step(&self, step: usize) -> Option<usize> {
        let message = self.step(step)?.event.message()?;
        // A file could deliver what was not sent before.
        self.first_sent(message).filter(|sent| *sent < step)
    }

    /// The step before at the same node; `None` if there is none since the start.
    pub fn previous_of_node(&self, step: usize) -> Option<usize> {
        let steps = self.steps_of(self.acting(step)?);
        steps.partition_point(|s| *s < step).checked_sub(1).map(|i| steps[i])
    }

    /// The next step at the same node.
    pub fn next_of_node(&self, step: usize) -> Option<usize> {
        let steps = self.steps_of(self.acting(step)?);
        steps.get(steps.partition_point(|s| *s <= step)).copied()
    }

    /// The step in which the timer that fires in a step was set, by the queue's rule: of equal timers the first goes.
    /// 0 if it was pending at the start.
    pub fn setting_step(&self, step: usize) -> Option<usize> {
        let node = self.acting(step)?;
        let timer = self.step(step)?.event.timer()?;
        self.timers_with_steps(node, step - 1).into_iter().find(|(t, _)| *t == timer).map(|(_, set)| set)
    }

    /// The pending timers of a node after a step, with the step in which each was set.
    pub fn timers_with_steps(&self, node: usize, step: usize) -> Vec<(&Timer, usize)> {
        let mut timers: Vec<(&Timer, usize)> =
            self.file().start.nodes[node].timers.iter().map(|timer| (timer, 0)).collect();
        for s in self.steps_of(node).iter().take_while(|s| **s <= step) {
            let Some(happened) = self.step(*s) else { continue };
            let Some(after) = &happened.after else { continue };
            let mut old = std::mem::take(&mut timers);
            if let Happening::Timer { timer: fired, .. } = &happened.event
                && let Some(place) = old.iter().position(|(timer, _)| *timer == fired)
            {
                old.remove(place);
            }
            // What stays is in front and in its order; what is set comes after it.
            let mut old = old.into_iter().peekable();
            timers = after
                .timers
                .iter()
                .map(|timer| {
                    old.next_if(|(kept, _)| *kept == timer).map_or((timer, *s), |(_, set)| (timer, set))
                })
                .collect();
        }
        timers
    }

    /// The step that caused a step, by the edge that says most: the message, else the timer, else the step before at the
    /// same node.
    pub fn walk_back(&self, step: usize) -> Option<Link> {
        let link = |step, via| Some(Link { step, via: Some(via) });
        if let Some(sent) = self.sending_step(step).filter(|sent| *sent > 0) {
            return link(sent, Via::Message);
        }
        if let Some(set) = self.setting_step(step).filter(|set| *set > 0) {
            return link(set, Via::Timer);
        }
        link(self.previous_of_node(step)?, Via::Node)
    }

    /// The chain of causes of a step, from the step itself back to where it has none.
    pub fn chain(&self, step: usize) -> Vec<Link> {
        let mut chain = vec![Link { step, via: None }];
        let mut here = step;
        // Every edge leads to an earlier step, so this ends.
        while let Some(link) = self.walk_back(here) {
            here = link.step;
            chain.push(link);
        }
        chain
    }

    /// The causal past of some steps, with the steps themselves: entry `i` is of step `i`.
    pub fn past(&self, of: &[usize]) -> Vec<bool> {
        let mut past = vec![false; self.len() + 1];
        for step in of {
            past[(*step).min(self.len())] = true;
        }
        // Every edge leads to an earlier step, so one sweep is enough.
        for step in (1..=self.len()).rev() {
            if past[step] {
                for cause in [self.sending_step(step), self.previous_of_node(step)].into_iter().flatten() {
                    past[cause] = true;
                }
            }
        }
        past
    }

    /// The causal future of a step, with the step itself: entry `i` is of step `i`.
    pub fn future(&self, of: usize) -> Vec<bool> {
        let mut future = vec![false; self.len() + 1];
        future[of.min(self.len())] = true;
        for step in of + 1..=self.len() {
            let mut causes = [self.sending_step(step), self.previous_of_node(step)].into_iter().flatten();
            // Everything comes after the start.
            future[step] = of == 0 || causes.any(|cause| future[cause]);
        }
        future
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::sample;

    fn walked(model: &Model, step: usize) -> Vec<usize> {
        model.chain(step).into_iter().map(|link| link.step).collect()
    }

    #[test]
    fn a_delivery_is_caused_by_its_sending() {
        let model = Model::new(sample::violated());
        let causes: Vec<Cause> = (0..=5).map(|step| model.cause(step)).collect();
        let expected =
            [Cause::Start, Cause::Timer, Cause::Timer, Cause::Sent(1), Cause::Sent(2), Cause::Sent(3)];
        assert_eq!(causes, expected);
        assert_eq!(walked(&model, 5), [5, 3, 1]);
        assert_eq!(model.past(&[5]), [false, true, false, true, false, true]);
        assert_eq!(model.past(&[5, 4]), [false, true, true, true, true, true]);
        assert_eq!(model.future(3), [false, false, false, true, true, true]);
    }

    #[test]
    fn timers_know_the_step_that_set_them() {
        let model = Model::new(sample::demo());
        let node = model.node_called("proposer1").unwrap();
        let set =
            |step| model.timers_with_steps(node, step).into_iter().map(|(_, set)| set).collect::<Vec<_>>();
        assert_eq!((set(0), set(1)), (vec![0], vec![1]));
        assert_eq!(model.setting_step(1), Some(0));
    }

    proptest! {
        /// Past and future are each other's mirror, and the past is the closure that the slow way finds.
        #[test]
        fn the_past_is_the_transitive_closure(seed in any::<u64>()) {
            let model = Model::new(sample::random(seed, 30));
            let steps = model.len() + 1;
            let mut before = BTreeSet::new();
            for effect in 1..steps {
                let causes = [model.sending_step(effect), model.previous_of_node(effect)];
                before.extend(causes.into_iter().flatten().map(|cause| (cause, effect)));
            }
            for middle in 0..steps {
                for (a, b) in (0..steps).flat_map(|a| (0..steps).map(move |b| (a, b))) {
                    if before.contains(&(a, middle)) && before.contains(&(middle, b)) {
                        before.insert((a, b));
                    }
                }
            }
            for step in 1..steps {
                let past = model.past(&[step]);
                let future = model.future(step);
                for other in 1..steps {
                    prop_assert_eq!(past[other], other == step || before.contains(&(other, step)));
                    prop_assert_eq!(future[other], other == step || before.contains(&(step, other)));
                }
            }
        }
    }
}
