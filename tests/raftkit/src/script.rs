//! Staged searches as scripts: who becomes leader with whose help, what happens next, and what is looked at then.

use std::marker::PhantomData;

use clientserver::{KvCommand, KvWorkload};
use framework::{Address, Event, Node, Outcome, Predicate, View, Workload};
use raft::predicates::{committed, leads, leads_after, term_above};
use raft::{Inspect, Role, server_addresses};
use search::{Delivery, Settings, State};
use testkit::{Aimless, Failed, Reached, SearchTest, Stage, Starts};

/// A client that appends these values to one key, `k`.
pub fn appends(values: &[&str]) -> KvWorkload {
    let append = |value: &&str| KvCommand::Append { key: "k".to_owned(), value: (*value).to_owned() };
    Workload::commands(values.iter().map(append).collect::<Vec<_>>())
}

/// The latest term of all servers, those that are cut off included.
pub fn latest_term<N: Node + Inspect>(view: &View<'_>) -> u64 {
    view.nodes::<N>().map(|(_, node)| node.current_term()).max().unwrap_or(0)
}

/// After how many states it is given up to find out whether something is always possible.
pub const UNDECIDED: u64 = 300_000;

/// The stages of a search whose servers are of type `N`. What must hold is set on the [`SearchTest`] before.
///
/// No stage raises terms further than it has to, so the spaces are small; and a stage names links and nodes, never a kind
/// of message or timer, so that it is right for every design.
#[derive(Debug)]
pub struct Script<'t, N> {
    search: &'t mut SearchTest,
    servers: PhantomData<N>,
}

impl<'t, N: Node + Inspect> Script<'t, N> {
    /// A script of this test.
    pub fn new(search: &'t mut SearchTest) -> Self {
        Self { search, servers: PhantomData }
    }

    /// A stage in which no server goes beyond term `latest`.
    pub fn stage(
        &mut self,
        name: &str,
        delivery: impl FnOnce(&mut Delivery),
        latest: u64,
    ) -> Stage<'_, Aimless> {
        self.search.stage(name).delivery(delivery).prune(term_above::<N>(latest))
    }

    /// `server` becomes leader in the term after all that there were, while only `among` talk to each other and nobody
    /// else's timers fire.
    ///
    /// # Errors
    ///
    /// When it cannot, or anything is violated on the way.
    pub fn elect<S: Starts + ?Sized>(
        &mut self,
        name: &str,
        server: Address,
        among: &[Address],
        from: &S,
    ) -> Result<Reached, Failed> {
        let latest = latest_of::<N, S>(from);
        self.one_more_term(name, server, among, leads_after::<N>(server, latest), from)
    }

    /// `server` is leader, as it may be already, or after one more election in which only `among` talk to each other: for
    /// places at which the leader before may have handed over to it.
    ///
    /// # Errors
    ///
    /// As [`elect`](Self::elect).
    pub fn lead<S: Starts + ?Sized>(
        &mut self,
        name: &str,
        server: Address,
        among: &[Address],
        from: &S,
    ) -> Result<Reached, Failed> {
        self.one_more_term(name, server, among, leads::<N>(server), from)
    }

    /// What `among` can come to by the timers of `server`, in at most one more term.
    fn one_more_term<S: Starts + ?Sized>(
        &mut self,
        name: &str,
        server: Address,
        among: &[Address],
        goal: Predicate,
        from: &S,
    ) -> Result<Reached, Failed> {
        let latest = latest_of::<N, S>(from) + 1;
        self.stage(name, crate::only(among, &[server]), latest).goal(goal).from(from)
    }

    /// Something happens without another election.
    ///
    /// # Errors
    ///
    /// When it cannot, or anything is violated on the way.
    pub fn reach<S: Starts + ?Sized>(
        &mut self,
        name: &str,
        delivery: impl FnOnce(&mut Delivery),
        goal: Predicate,
        from: &S,
    ) -> Result<Reached, Failed> {
        let latest = latest_of::<N, S>(from);
        self.stage(name, delivery, latest).goal(goal).from(from)
    }

    /// Every state that can be reached without another election.
    ///
    /// # Errors
    ///
    /// When anything is violated, or there are more states than the test may visit.
    pub fn all<S: Starts + ?Sized>(
        &mut self,
        name: &str,
        delivery: impl FnOnce(&mut Delivery),
        from: &S,
    ) -> Result<(), Failed> {
        let latest = latest_of::<N, S>(from);
        self.stage(name, delivery, latest).exhaust().from(from).map(drop)
    }

    /// From every state that can be reached on the way to `goal`, it can still be reached; and there is an end to them,
    /// because nobody whose timers fire raises the term. In a design that has more than [`UNDECIDED`] of them, nothing is said.
    ///
    /// # Errors
    ///
    /// When there is a way after which the goal is out of reach, anything is violated, or there are more states than the
    /// test may visit.
    pub fn can_always<S: Starts + ?Sized>(
        &mut self,
        name: &str,
        delivery: impl FnOnce(&mut Delivery),
        goal: Predicate,
        from: &S,
    ) -> Result<(), Failed> {
        let stage = self.search.stage(name).delivery(delivery).prune(goal.clone());
        stage.always_possible(goal).or_states(UNDECIDED).from(from).map(drop)
    }

    /// The first `states` states that can be reached without another election, or all if there are fewer.
    ///
    /// # Errors
    ///
    /// When anything is violated.
    pub fn some<S: Starts + ?Sized>(
        &mut self,
        name: &str,
        delivery: impl FnOnce(&mut Delivery),
        states: u64,
        from: &S,
    ) -> Result<(), Failed> {
        let latest = latest_of::<N, S>(from);
        self.stage(name, delivery, latest).bounded(states).from(from).map(drop)
    }
}

fn latest_of<N: Node + Inspect, S: Starts + ?Sized>(from: &S) -> u64 {
    from.states().iter().map(|state| latest_term::<N>(&state.view())).max().unwrap_or(0)
}

/// Some server knows command `sequence` (from 1) of `client` to be committed.
pub fn committed_somewhere<N: Node + Inspect>(client: Address, sequence: u64) -> Predicate {
    Predicate::new(format!("a server has committed command {sequence} of {client}"), move |view| {
        for (server, _) in view.nodes::<N>() {
            let outcome = committed::<N>(server, client, sequence).check(view);
            if outcome.is_ok() {
                let reason = format!("{server} takes command {sequence} of {client} for committed");
                return outcome.because(reason).blaming(server, "commit_index");
            }
        }
        Outcome::fails(format!("no server takes command {sequence} of {client} for committed"))
    })
}

/// The last entry of `server` is of a term after `term`; so it is if any is, for terms never decrease along a log.
pub fn last_entry_after<N: Node + Inspect>(server: Address, term: u64) -> Predicate {
    Predicate::holds(format!("the last entry of {server} has a term after {term}"), move |view| {
        let node = view.node::<N>(server);
        node.and_then(|node| node.entry(node.last_index())).is_some_and(|entry| entry.term > term)
    })
}

/// Delivers what `from` has sent to `to`, each message once, in a fixed order. Nothing is said of what is in the messages:
/// replies that no question of a test can see arrive in this way.
///
/// # Errors
///
/// When a handler panics.
pub fn deliver_all(state: &State, from: Address, to: Address) -> Result<State, Failed> {
    let mut delivery = Delivery::default();
    delivery.network(false).link(from, to, true).timers(false);
    let mut state = state.clone();
    for event in state.events(&delivery) {
        if matches!(&event, Event::Deliver(envelope) if (envelope.from, envelope.to) == (from, to)) {
            state = state.step(&event, &delivery)?;
        }
    }
    Ok(state)
}

/// `server` is in a term, or in a later one.
pub fn in_term<N: Node + Inspect>(server: Address, term: u64) -> Predicate {
    Predicate::holds(format!("{server} is in term {term} or later"), move |view| {
        view.node::<N>(server).is_some_and(|node| node.current_term() >= term)
    })
}

/// `server` stands for election.
pub fn stands<N: Node + Inspect>(server: Address) -> Predicate {
    Predicate::holds(format!("{server} is candidate"), move |view| {
        view.node::<N>(server).is_some_and(|node| node.role() == Role::Candidate)
    })
}

/// A server crashes, and starts again at once.
///
/// # Errors
///
/// When its `recover` panics.
pub fn crash_and_restart(state: &State, server: Address) -> Result<State, Failed> {
    let delivery = Delivery::default();
    let down = state.step(&Event::Crash { node: server, during: None }, &delivery)?;
    Ok(down.step(&Event::Restart { node: server }, &delivery)?)
}

/// Lets these servers crash and restart, `count` times in all, at any moment and in the middle of a handler: for
/// [`Stage::settings`].
pub fn crashes(servers: &[Address], count: u16) -> impl FnOnce(&mut Settings) + use<'_> {
    move |settings| {
        settings.faults.crashes(count).restarts(count);
        for server in server_addresses(9) {
            settings.faults.node(server, servers.contains(&server));
        }
    }
}

/// The state without the messages that are on their way: they are lost.
pub fn without_pending(state: &State) -> State {
    let mut state = state.clone();
    state.drop_pending_messages();
    state
}
