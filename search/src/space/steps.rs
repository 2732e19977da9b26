//! The steps of one state, one after the other: what the analyses of a finished search walk along.
//!
//! The search itself expands states word by word (`bfs`) and may leave events out that commute; here every event counts.

use crate::faults::Used;

use super::{ComponentId, EventId, Space};

impl Space {
    /// Calls `visit` with every event that may happen in a state and is not known to change nothing: the node, the
    /// event, and the node's component afterwards, `None` if that was never worked out. Ends when `visit` returns false,
    /// and says whether it did not.
    pub(crate) fn for_each_step(
        &self,
        ids: &[ComponentId],
        mut visit: impl FnMut(usize, EventId, Option<ComponentId>) -> bool,
    ) -> bool {
        let record = |i: usize| self.nodes[i].components.record(&self.layouts[i], ids[i]);
        for (i, sources) in self.sources.iter().enumerate() {
            let own = record(i);
            for source in sources {
                let mut enabled = record(source.sender)[source.set] & !own[source.no_op];
                enabled &= self.within_budget(source.faults, ids);
                while enabled != 0 {
                    let event = source.first.plus(enabled.trailing_zeros() as usize);
                    enabled &= enabled - 1;
                    let successor = self.nodes[i].components.successor(&self.layouts[i], ids[i], event);
                    if !visit(i, event, successor) {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Whether a state can get anywhere: something may happen that is not known to change nothing, and that is no crash.
    pub(crate) fn goes_on(&self, ids: &[ComponentId]) -> bool {
        !self.for_each_step(ids, |_, event, _| self.faults_of(event) == Used::CRASH)
    }
}
