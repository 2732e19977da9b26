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

    /// Whether an event is a crash in the handler of one whose outcome for a component is known, or of one that no crash
    /// can interrupt.
    pub(crate) fn interrupts_what_is_known(&self, node: usize, id: ComponentId, event: EventId) -> bool {
        let (layer, base) = self.layer_of(event);
        let layout = &self.layouts[node];
        let record = self.nodes[node].components.record(layout, id);
        let (word, bit) = (base.bit() / 64, 1_u64 << (base.bit() % 64));
        let (no_op, known) = (layout.no_op(base.group()), layout.known(base.group()));
        layer > 0 && (self.faults_of(base) != 0 || (record[no_op + word] | record[known + word]) & bit != 0)
    }
}
