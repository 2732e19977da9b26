//! Predicates over states and over steps: ok or not, why, and which fields are to blame.

mod consistency;
mod part;
mod standard;

use std::fmt;
use std::sync::Arc;

use crate::address::Address;
use crate::context::Durable;
use crate::event::Event;
use crate::node::Data;
use crate::view::View;
use crate::workload::Worker;

pub use consistency::sequentially_consistent;
pub use part::Part;
pub use standard::{
    Quantifier, all_results_match, all_results_same, any_results_match, client_done, client_has_results,
    clients_done, contains_envelope_matching, contains_message_matching, none_decided, result_predicate,
    results_have_kind, results_ok, results_predicate,
};

/// A field of a node that a predicate points at: `server2.log[3]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blame {
    /// The node.
    pub node: Address,
    /// The path to the field, as [`Value::at`](crate::Value::at) reads it; empty for the whole node.
    pub field: String,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(f, "{}", self.node)
        } else {
            write!(f, "{}.{}", self.node, self.field)
        }
    }
}

/// What a predicate says of a state or a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    holds: bool,
    reason: String,
    blame: Vec<Blame>,
    /// Done, and of how much.
    progress: Option<(u32, u32)>,
}

/// What [`Outcome::progress`] is where something holds.
pub const PROGRESS_MAX: u32 = 1_000_000;

impl Outcome {
    /// It holds.
    pub fn holds() -> Self {
        Self { holds: true, ..Self::default() }
    }

    /// It does not hold, for this reason, in words a student understands: "server3 voted for server1 in term 2, then
    /// for server2 in the same term".
    pub fn fails(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }

    /// Points at a field of a node; give the fields that contradict each other.
    #[must_use]
    pub fn blaming(mut self, node: Address, field: impl Into<String>) -> Self {
        self.blame.push(Blame { node, field: field.into() });
        self
    }

    /// Adds the reason why it holds, which is what [`Predicate::not`] reports.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Says how near it is to holding: `done` of `total`, such as 1 of 2 results. A search that misses a goal shows the
    /// state that is nearest to it; without this, all failures are alike.
    #[must_use]
    pub fn so_far(mut self, done: usize, total: usize) -> Self {
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.progress = Some((small(done), small(total)));
        self
    }

    /// How near it is to holding, in millionths: [`PROGRESS_MAX`] if it holds, less if not, and 0 if nobody said.
    pub fn progress(&self) -> u32 {
        match (self.holds, self.progress) {
            (true, _) => PROGRESS_MAX,
            (false, Some((done, total))) if total > 0 => {
                let millionths = u64::from(done) * u64::from(PROGRESS_MAX) / u64::from(total);
                // What fails is never quite there.
                u32::try_from(millionths).unwrap_or(u32::MAX).min(PROGRESS_MAX - 1)
            }
            _ => 0,
        }
    }

    /// Whether it holds.
    pub fn is_ok(&self) -> bool {
        self.holds
    }

    /// Why it does not hold (or, if the predicate says so, why it does); may be empty.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The fields to blame.
    pub fn blame(&self) -> &[Blame] {
        &self.blame
    }
}

impl From<bool> for Outcome {
    fn from(holds: bool) -> Self {
        Self { holds, ..Self::default() }
    }
}

/// One step of a system: an event, with the states before and after it.
#[derive(Debug)]
pub struct Step<'a> {
    /// The state before.
    pub before: &'a View<'a>,
    /// What happened.
    pub event: &'a Event,
    /// The state after.
    pub after: &'a View<'a>,
}

/// A named function over something.
struct Named<F: ?Sized> {
    name: String,
    check: Box<F>,
    parts: Parts,
    /// The two of which it is the conjunction, if it is one.
    both: Option<(Predicate, Predicate)>,
}

type NodeCheck = dyn Fn(&View<'_>, Address) -> Option<Outcome> + Send + Sync;
type PairCheck = dyn Fn(&View<'_>, Address, Address) -> Option<Outcome> + Send + Sync;

/// How a predicate over states is put together. A search evaluates a part only where something that the part is about
/// has changed, and remembers the answer.
#[derive(Clone)]
pub enum Parts {
    /// It is one whole.
    Whole,
    /// It holds where this holds for every node; `None` says that the node is none of those that it is about, which may
    /// depend on the node's type, and on whether it is up, only.
    EachNode(Arc<NodeCheck>),
    /// It holds where this holds for every two nodes, the one that was added first first; `None` as above.
    EachPair(Arc<PairCheck>),
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "Whole",
            Self::EachNode(_) => "EachNode",
            Self::EachPair(_) => "EachPair",
        })
    }
}

type StateCheck = dyn Fn(&View<'_>) -> Outcome + Send + Sync;
type StepCheck = dyn Fn(&Step<'_>) -> Outcome + Send + Sync;

/// A named property of a state: used as invariant, goal or prune of a search, and checked in runs.
///
/// It must be a pure function of the view: the search may skip a call when nothing that the predicate looked at has
/// changed.
///
/// ```
/// use framework::{Outcome, Predicate};
/// let few_nodes = Predicate::new("few nodes", |view| {
///     let count = view.addresses().count();
///     if count < 10 { Outcome::holds() } else { Outcome::fails(format!("there are {count} nodes")) }
/// });
/// assert_eq!(few_nodes.not().name(), "¬(few nodes)");
/// ```
///
/// Source: DSLabs `StatePredicate`.
#[derive(Clone)]
pub struct Predicate(Arc<Named<StateCheck>>);

impl Predicate {
    /// A predicate that says why it fails.
    pub fn new(
        name: impl Into<String>,
        check: impl Fn(&View<'_>) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Named { name: name.into(), check: Box::new(check), parts: Parts::Whole, both: None }))
    }

    /// A property of every `N` by itself. A search checks it much faster than the same property of whole states.
    pub fn for_each<N: Data>(
        name: impl Into<String>,
        check: impl Fn(Address, &N) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        Self::from_nodes(name, move |view, address| Some(check(address, view.node::<N>(address)?)))
    }

    /// A property of every `N` by itself and of what it last persisted; see [`for_each`](Self::for_each).
    pub fn for_each_with_durable<N: Data>(
        name: impl Into<String>,
        check: impl Fn(Address, &N, Option<&Durable>) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        Self::from_nodes(name, move |view, address| {
            Some(check(address, view.node::<N>(address)?, view.durable(address)))
        })
    }

    /// A property of every client worker by itself; see [`for_each`](Self::for_each).
    pub fn for_each_worker(
        name: impl Into<String>,
        check: impl Fn(Worker<'_>) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        Self::from_nodes(name, move |view, address| Some(check(view.worker(address)?)))
    }

    /// A property of every two `N`s, each two once. Most invariants of protocols are of this form: logs that agree, one
    /// leader a term. A search checks it much faster than the same property of whole states.
    pub fn for_each_pair<N: Data>(
        name: impl Into<String>,
        check: impl Fn((Address, &N), (Address, &N)) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        let pair: Arc<PairCheck> =
            Arc::new(move |view, a, b| Some(check((a, view.node::<N>(a)?), (b, view.node::<N>(b)?))));
        let parts = Arc::clone(&pair);
        let whole = move |view: &View<'_>| {
            let addresses: Vec<Address> = view.addresses().collect();
            let pairs = (0..addresses.len()).flat_map(|i| (i + 1..addresses.len()).map(move |j| (i, j)));
            pairs
                .filter_map(|(i, j)| pair(view, addresses[i], addresses[j]))
                .find(|outcome| !outcome.is_ok())
                .unwrap_or_else(Outcome::holds)
        };
        Self(Arc::new(Named {
            name: name.into(),
            check: Box::new(whole),
            parts: Parts::EachPair(parts),
            both: None,
        }))
    }

    fn from_nodes(
        name: impl Into<String>,
        check: impl Fn(&View<'_>, Address) -> Option<Outcome> + Send + Sync + 'static,
    ) -> Self {
        let node: Arc<NodeCheck> = Arc::new(check);
        let parts = Arc::clone(&node);
        let whole = move |view: &View<'_>| {
            view.addresses()
                .filter_map(|address| node(view, address))
                .find(|outcome| !outcome.is_ok())
                .unwrap_or_else(Outcome::holds)
        };
        Self(Arc::new(Named {
            name: name.into(),
            check: Box::new(whole),
            parts: Parts::EachNode(parts),
            both: None,
        }))
    }

    /// How it is put together.
    pub fn parts(&self) -> &Parts {
        &self.0.parts
    }

    /// A predicate that only says whether it holds.
    pub fn holds(name: impl Into<String>, check: impl Fn(&View<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self::new(name, move |view| check(view).into())
    }

    /// The predicate that always holds.
    pub fn always() -> Self {
        Self::holds("true", |_| true)
    }

    /// The predicate that never holds.
    pub fn never() -> Self {
        Self::holds("false", |_| false)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The same predicate under another name.
    #[must_use]
    pub fn named(&self, name: impl Into<String>) -> Self {
        let inner = self.clone();
        let check = Box::new(move |view: &View<'_>| inner.check(view));
        let (parts, both) = (self.0.parts.clone(), self.0.both.clone());
        Self(Arc::new(Named { name: name.into(), check, parts, both }))
    }

    /// Evaluates it.
    pub fn check(&self, view: &View<'_>) -> Outcome {
        (self.0.check)(view)
    }

    /// Holds where this one does not.
    #[must_use]
    pub fn not(&self) -> Self {
        let inner = self.clone();
        Self::new(format!("¬({})", self.name()), move |view| {
            let outcome = inner.check(view);
            let reason = match (outcome.holds, outcome.reason.is_empty()) {
                (true, true) => format!("`{}` holds", inner.name()),
                _ => outcome.reason,
            };
            Outcome { holds: !outcome.holds, reason, blame: outcome.blame, progress: None }
        })
    }

    /// Holds where both do. The other is not asked where this one fails.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let both = Some((self.clone(), other.clone()));
        let (a, b) = (self.clone(), other.clone());
        let name = format!("({} ∧ {})", a.name(), b.name());
        let check = move |view: &View<'_>| {
            let first = a.explained(view);
            if first.holds { b.explained(view) } else { first }
        };
        Self(Arc::new(Named { name, check: Box::new(check), parts: Parts::Whole, both }))
    }

    /// The two of which it is the conjunction.
    fn parts_of_and(&self) -> Option<&(Self, Self)> {
        self.0.both.as_ref()
    }

    /// Holds where at least one does. The other is not asked where this one holds.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let (a, b) = (self.clone(), other.clone());
        Self::new(format!("({} ∨ {})", a.name(), b.name()), move |view| {
            let mut first = a.explained(view);
            if first.holds {
                return first;
            }
            let second = b.explained(view);
            if second.holds {
                return second;
            }
            first.reason = format!("{}; {}", first.reason, second.reason);
            // One of them is enough, so the one that is nearer counts.
            if second.progress() > first.progress() {
                first.progress = second.progress;
            }
            first.blame.extend(second.blame);
            first
        })
    }

    /// Holds where this one fails or the other holds.
    #[must_use]
    pub fn implies(&self, other: &Self) -> Self {
        self.not().or(other).named(format!("({} → {})", self.name(), other.name()))
    }

    /// As [`check`](Self::check), with the predicate's name as the reason where a failure gives none.
    pub fn explained(&self, view: &View<'_>) -> Outcome {
        let mut outcome = self.check(view);
        if !outcome.holds && outcome.reason.is_empty() {
            outcome.reason = format!("`{}` does not hold", self.name());
        }
        outcome
    }
}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Predicate({})", self.name())
    }
}

/// A named property of a step: what an event may not do, such as a leader that shortens its log.
///
/// Steps that change nothing are not checked.
#[derive(Clone)]
pub struct StepPredicate {
    named: Arc<Named<StepCheck>>,
    of_node: bool,
}

impl StepPredicate {
    /// A predicate that says why it fails.
    pub fn new(
        name: impl Into<String>,
        check: impl Fn(&Step<'_>) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        let (name, check) = (name.into(), Box::new(check));
        Self { named: Arc::new(Named { name, check, parts: Parts::Whole, both: None }), of_node: false }
    }

    /// A property of what an event does to the `N` at which it happens: the node before, the node after, and the event.
    /// Where that node is no `N`, or is not up before and after, it holds. A search checks it much faster than the same
    /// property of whole states.
    pub fn for_each<N: Data>(
        name: impl Into<String>,
        check: impl Fn(Address, &N, &N, &Event) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        let check = move |step: &Step<'_>| {
            let address = step.event.node();
            match (step.before.node::<N>(address), step.after.node::<N>(address)) {
                (Some(before), Some(after)) => check(address, before, after, step.event),
                _ => Outcome::holds(),
            }
        };
        Self { of_node: true, ..Self::new(name, check) }
    }

    /// Whether it looks at nothing but the event and the node at which it happens.
    pub fn is_of_node(&self) -> bool {
        self.of_node
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.named.name
    }

    /// Evaluates it.
    pub fn check(&self, step: &Step<'_>) -> Outcome {
        (self.named.check)(step)
    }

    /// As [`check`](Self::check), with the predicate's name as the reason where a failure gives none.
    pub fn explained(&self, step: &Step<'_>) -> Outcome {
        let mut outcome = self.check(step);
        if !outcome.holds && outcome.reason.is_empty() {
            outcome.reason = format!("`{}` does not hold", self.name());
        }
        outcome
    }
}

impl fmt::Debug for StepPredicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StepPredicate({})", self.name())
    }
}
