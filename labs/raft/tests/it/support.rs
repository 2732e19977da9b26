// INSTRUCTOR ONLY
//! Systems and searches that the tests share.

use clientserver::{KvParser, KvWorkload};
use framework::{Address, System, Workload};
use raft::predicates::{Group, durable_state_is_current, term_above};
use raft::{Design, system};
use search::{Results, Settings, State};

pub(crate) fn server(number: u16) -> Address {
    Address::server(number)
}

pub(crate) fn client(number: u16) -> Address {
    Address::client(number)
}

pub(crate) fn workload(texts: &[&str]) -> KvWorkload {
    Workload::parse(KvParser, texts.to_vec()).unwrap()
}

/// `clients` clients with the same commands.
pub(crate) fn clients(count: u16, texts: &[&str]) -> Vec<(Address, KvWorkload)> {
    (1..=count).map(|number| (client(number), workload(texts))).collect()
}

/// A system of a design with the predicates for it.
pub(crate) struct Lab<D: Design> {
    pub(crate) system: System,
    pub(crate) group: Group<D::Server>,
}

impl<D: Design> Lab<D> {
    pub(crate) fn new(design: &D, servers: u16, clients: Vec<(Address, KvWorkload)>) -> Self {
        let system = system(design, servers, clients).unwrap();
        let group = Group::of(&system);
        Self { system, group }
    }

    pub(crate) fn start(&self) -> State {
        State::initial(&self.system).unwrap()
    }

    /// All properties of states, and of persistence.
    pub(crate) fn safety(&self) -> Settings {
        let mut settings = Settings { invariants: self.group.invariants(), ..Settings::default() };
        settings.invariants.push(durable_state_is_current(&self.group));
        settings
    }

    /// All properties of states and of steps.
    pub(crate) fn all_safety(&self) -> Settings {
        Settings { step_invariants: self.group.step_invariants(), ..self.safety() }
    }

    /// A prune: some server is in a later term.
    pub(crate) fn terms_up_to(&self, settings: Settings, term: u64) -> Settings {
        settings.prune(term_above::<D::Server>(term))
    }
}

/// Fails with the verdict and the events that lead there, unless nothing is wrong within the budgets.
#[track_caller]
pub(crate) fn assert_nothing_wrong(results: &Results) {
    use search::{Budget, Verdict};
    let fine = matches!(
        results.verdict,
        Verdict::Exhausted | Verdict::BudgetSpent(Budget::Depth | Budget::Probes | Budget::States)
    );
    assert!(fine, "{}", story(results));
}

/// Fails unless every state up to a depth was visited.
#[track_caller]
pub(crate) fn assert_covered(results: &Results, depth: u32) {
    let coverage = &results.coverage;
    assert!(coverage.exhausted || coverage.complete_depth == Some(depth), "{coverage}");
}

/// The verdict and the events that lead there.
pub(crate) fn story(results: &Results) -> String {
    let events = results.trace.iter().flat_map(|trace| &trace.events).map(|event| format!("\n  {event}"));
    format!("{}{}", results.verdict, events.collect::<String>())
}

/// Fails unless the goal was found; returns the depth at which it was.
#[track_caller]
pub(crate) fn assert_goal(results: &Results) -> u32 {
    assert!(matches!(results.verdict, search::Verdict::GoalFound { .. }), "{}", story(results));
    results.goal_states[0].depth()
}
