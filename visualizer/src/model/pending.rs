//! What could happen after a step: the messages in the network and the timers that were set, each with what keeps it from
//! happening, if anything does.

use super::Model;
use super::label;
use crate::trace_file::{MessageId, Timer};

/// A message in the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingMessage {
    /// Which.
    pub id: MessageId,
    /// The step that sent it; 0 if it was there at the start.
    pub sent: usize,
    /// The steps so far in which it arrived. It may arrive again.
    pub arrived: Vec<usize>,
    /// The step of the trace in which it arrives next, if it does.
    pub arrives: Option<usize>,
    /// Why it cannot arrive now.
    pub blocked: Option<String>,
}

/// A timer that was set and has not fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingTimer<'a> {
    /// Which.
    pub timer: &'a Timer,
    /// The step that set it; 0 if it was pending at the start.
    pub set: usize,
    /// Why it cannot fire now.
    pub blocked: Option<String>,
}

/// The messages to a node that are in the network after a step, in the order in which they were sent.
pub fn messages(model: &Model, node: usize, step: usize) -> Vec<PendingMessage> {
    let ids = 0..MessageId::try_from(model.file().messages.len()).unwrap_or(MessageId::MAX);
    let mut pending: Vec<PendingMessage> = ids
        .filter(|id| model.ends(*id).1 == Some(node))
        .filter_map(|id| {
            let sent = model.first_sent(id).filter(|sent| *sent <= step)?;
            let arrivals = model.arrivals(id);
            let so_far = arrivals.partition_point(|s| *s <= step);
            Some(PendingMessage {
                id,
                sent,
                arrived: arrivals[..so_far].to_vec(),
                arrives: arrivals.get(so_far).copied(),
                blocked: blocked(model, id, node, step),
            })
        })
        .collect();
    pending.sort_by_key(|message| (message.sent, message.id));
    pending
}

fn blocked(model: &Model, id: MessageId, node: usize, step: usize) -> Option<String> {
    let message = model.message(id);
    let is_off = |(from, to): &(String, String)| *from == message.from && *to == message.to;
    if model.file().network.links_off.iter().any(is_off) {
        return Some(format!("the search let no message from {} to {} through", message.from, message.to));
    }
    is_down(model, node, step)
}

fn is_down(model: &Model, node: usize, step: usize) -> Option<String> {
    (!model.state(node, step).up).then(|| format!("{} is down", model.address(node)))
}

/// The pending timers of a node after a step, in the order in which they were set.
///
/// Which may fire is the rule of DSLabs' `TimerQueue`: not those that an earlier one is certain to fire before.
pub fn timers(model: &Model, node: usize, step: usize) -> Vec<PendingTimer<'_>> {
    let all = model.timers_with_steps(node, step);
    let off = model.file().network.timers_off.iter().any(|address| address == model.address(node));
    // The one of the earlier timers that is the first to fire for certain.
    let mut first: Option<&Timer> = None;
    let timers = all.iter().map(|(timer, set)| {
        let blocked = if off {
            Some(format!("the search let no timer of {} fire", model.address(node)))
        } else {
            first.filter(|first| timer.min_ns >= first.max_ns).map(|first| {
                format!("{} {} is certain to fire before it", first.kind, label::timer_length(first))
            })
        };
        if first.is_none_or(|first| timer.max_ns < first.max_ns) {
            first = Some(timer);
        }
        PendingTimer { timer, set: *set, blocked }
    });
    timers.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample;
    use crate::trace_file::Happening;

    fn timer(min_ns: u64, max_ns: u64) -> Timer {
        Timer { value: 0, kind: "Retry".to_owned(), min_ns, max_ns }
    }

    #[test]
    fn says_what_arrived_and_what_may_arrive() {
        let model = Model::new(sample::demo());
        let node = model.node_called("acceptor2").unwrap();
        let shown = |step| {
            let texts = messages(&model, node, step).into_iter().map(|m| {
                let text = model.full(model.message(m.id).value, 40);
                format!("{text} sent {} arrived {:?} next {:?}", m.sent, m.arrived, m.arrives)
            });
            texts.collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(shown(8), @r#"
        Prepare { number: 1 } sent 1 arrived [] next None
        Accept { number: 1, value: "A" } sent 5 arrived [] next Some(9)
        Prepare { number: 2 } sent 7 arrived [8] next None
        "#);
    }

    #[test]
    fn says_why_something_cannot_happen() {
        let mut file = sample::demo();
        file.network.links_off.push(("proposer1".to_owned(), "acceptor2".to_owned()));
        file.network.timers_off.push("proposer2".to_owned());
        let model = Model::new(file);
        let node = |name| model.node_called(name).unwrap();
        let reasons: Vec<_> = messages(&model, node("a2"), 8).into_iter().map(|m| m.blocked).collect();
        let off = Some("the search let no message from proposer1 to acceptor2 through".to_owned());
        assert_eq!(reasons, [off.clone(), off, None]);
        let off = Some("the search let no timer of proposer2 fire".to_owned());
        assert_eq!(timers(&model, node("p2"), 0)[0].blocked, off);
        assert_eq!(timers(&model, node("p1"), 0)[0].blocked, None);
    }

    #[test]
    fn a_node_that_is_down_gets_nothing() {
        let model = Model::new(sample::crashed());
        let server = model.node_called("server1").unwrap();
        let crash = (1..=model.len())
            .find(|step| matches!(model.step(*step).unwrap().event, Happening::Crash { .. }))
            .unwrap();
        let reasons =
            |step| messages(&model, server, step).into_iter().map(|m| m.blocked).collect::<Vec<_>>();
        assert!(reasons(crash - 1).iter().all(Option::is_none));
        assert!(reasons(crash).iter().all(|reason| reason.as_deref() == Some("server1 is down")));
        assert!(reasons(crash + 1).iter().all(Option::is_none));
        assert!(timers(&model, server, crash).is_empty());
    }

    proptest! {
        /// The rule as `framework::TimerQueue` documents it: blocked by any earlier timer whose maximum is at most its
        /// minimum.
        #[test]
        fn timers_wait_for_those_that_fire_first(
            lengths in proptest::collection::vec((0_u64..6, 0_u64..4), 0..7),
        ) {
            let mut file = sample::violated();
            let queue: Vec<Timer> = lengths.iter().map(|(min, more)| timer(*min, min + more)).collect();
            file.start.nodes[0].timers = queue.clone();
            let model = Model::new(file);
            let found: Vec<bool> = timers(&model, 0, 0).into_iter().map(|t| t.blocked.is_some()).collect();
            let expected: Vec<bool> = (0..queue.len())
                .map(|i| queue[..i].iter().any(|earlier| queue[i].min_ns >= earlier.max_ns))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
