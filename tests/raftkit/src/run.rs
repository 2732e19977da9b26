//! Leaders in runs: who is one, and when all agree on one.

use std::time::Duration;

use clientserver::{KvCommand, KvResponse, KvStore};
use framework::linearizability::{ApplicationSpecification, Consistency, STEPS_MAX, Verdict, check, explain};
use framework::{Address, Node, Outcome, Predicate, View};
use raft::{Design, Inspect, Role};
use runner::{Interactive, Run};
use testkit::{Failed, check};

/// In simulated time: thousands of times what a command takes.
pub const LONG: Duration = Duration::from_secs(600);

/// In simulated time, what an election may take: dozens of timeouts, so that split votes do not matter.
const ELECTION: Duration = Duration::from_secs(20);

/// A leader, and its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elected {
    /// The server.
    pub leader: Address,
    /// Its term.
    pub term: u64,
}

/// All servers that are leader, in any term. A leader that is cut off does not know that there is another.
pub fn leaders<N: Node + Inspect>(view: &View<'_>) -> Vec<Elected> {
    let nodes = view.nodes::<N>().filter(|(_, node)| node.role() == Role::Leader);
    nodes.map(|(leader, node)| Elected { leader, term: node.current_term() }).collect()
}

/// Exactly one of `servers` is leader, in a term after `after`, and all others of them follow in its term.
pub fn agreed<N: Node + Inspect>(servers: &[Address], after: u64) -> Predicate {
    let servers = servers.to_vec();
    let name = format!("one of {} servers leads the others in a term after {after}", servers.len());
    Predicate::new(name, move |view| {
        let among: Vec<(Address, Role, u64)> = servers
            .iter()
            .filter_map(|server| view.node::<N>(*server).map(|node| (*server, node)))
            .map(|(server, node)| (server, node.role(), node.current_term()))
            .collect();
        let leaders: Vec<u64> =
            among.iter().filter(|(_, role, _)| *role == Role::Leader).map(|(_, _, term)| *term).collect();
        let together = among.iter().all(|(_, _, term)| leaders == [*term] && *term > after);
        let follow = among.iter().filter(|(_, role, _)| *role == Role::Follower).count() + 1 == servers.len();
        if together && follow {
            return Outcome::holds();
        }
        let state = among.iter().map(|(server, role, term)| format!("{server} is {role:?} in term {term}"));
        Outcome::fails(state.collect::<Vec<_>>().join(", "))
    })
}

/// All of `servers` but some.
pub fn without(servers: &[Address], some: &[Address]) -> Vec<Address> {
    servers.iter().copied().filter(|server| !some.contains(server)).collect()
}

/// All these servers are up, have the same log, and have applied it to its end.
pub fn logs_agree<N: Node + Inspect>(servers: &[Address]) -> Predicate {
    let servers = servers.to_vec();
    Predicate::new("all servers have applied the same log to its end", move |view| {
        let mut first: Option<(Address, &N)> = None;
        for server in &servers {
            let Some(node) = view.node::<N>(*server) else {
                return Outcome::fails(format!("{server} is down"));
            };
            let (applied, last) = (node.last_applied(), node.last_index());
            if applied != last {
                return Outcome::fails(format!("{server} has applied {applied} of {last} entries"));
            }
            let (other, compared) = *first.get_or_insert((*server, node));
            if last != compared.last_index() {
                let reason = format!(
                    "the log of {other} ends at {}, that of {server} at {last}",
                    compared.last_index()
                );
                return Outcome::fails(reason);
            }
            if !ends_like(node, compared) {
                return Outcome::fails(format!("the logs of {other} and {server} differ at their end"));
            }
        }
        Outcome::holds()
    })
}

/// Whether two logs end alike; then they are the same, for log matching is an invariant. Either server may have discarded the
/// last entry, and know only its term.
pub(crate) fn ends_like<N: Inspect>(a: &N, b: &N) -> bool {
    let term = |node: &N| {
        let last = node.last_index();
        let snapshot = node.snapshot().filter(|snapshot| snapshot.last_included_index == last);
        node.entry(last).map(|entry| entry.term).or(snapshot.map(|snapshot| snapshot.last_included_term))
    };
    let last = a.last_index();
    last == b.last_index()
        && match (a.entry(last), b.entry(last)) {
            (Some(one), Some(other)) => one == other,
            _ => term(a) == term(b),
        }
}

/// Waits until all these servers are up, have the same log, and have applied it to its end. Now and then `client`, which
/// must wait for nothing, gets a key: a leader commits entries of earlier terms only together with one of its own
/// (§5.4.2), and whether it appends a no-op for that is the student's choice.
///
/// # Errors
///
/// When that takes too long, or something is violated.
pub fn agree<D: Design>(
    run: &mut Run,
    servers: &[Address],
    client: &Interactive<D::Client>,
) -> Result<(), Failed> {
    let agree = logs_agree::<D::Server>(servers);
    let until = run.now() + LONG;
    while run.now() < until {
        for _ in 0..20 {
            if run.check(&agree)?.is_ok() {
                return Ok(());
            }
            run.run_for(Duration::from_millis(100))?;
        }
        run.ask(client, KvCommand::Get { key: "agree".to_owned() }, LONG)?;
    }
    Ok(run.wait_for(&agree, Duration::from_millis(100)).map(|_| ())?)
}

/// What the clients of a run asked and got can be explained by one store that executes one command after the other.
///
/// # Errors
///
/// When it cannot, or the check cannot tell.
pub fn linearizable(run: &Run) -> Result<(), Failed> {
    let store = ApplicationSpecification::new(KvStore::default());
    let store = store.partitioned_by(|command: &KvCommand| command.key().to_owned());
    let store = store.reading(|command| matches!(command, KvCommand::Get { .. }));
    let history = run.history::<KvCommand, KvResponse>()?;
    let verdict = check(&store, &history, Consistency::Linearizable, 10 * STEPS_MAX);
    match verdict.map_err(|error| Failed::because(format!("the store has no canonical bytes: {error}")))? {
        Verdict::Consistent { .. } => Ok(()),
        Verdict::Inconsistent { part } => {
            let why = explain(&store, &history, Consistency::Linearizable, STEPS_MAX);
            let why = why.ok().flatten().map(|why| format!(": {}", why.sentence())).unwrap_or_default();
            Err(Failed::because(format!(
                "no order of the commands to key `{part}` explains what the clients got, so the results are not \
                 linearizable{why}"
            )))
        }
        Verdict::Undecided { steps } => Err(Failed::because(format!(
            "it is not known whether the results of {} commands are linearizable: {steps} steps were not enough",
            history.len()
        ))),
    }
}

/// Waits until one of `servers` leads the others in a term after `after`.
///
/// # Errors
///
/// When that takes longer than any election should, or something is violated on the way.
pub fn elect<N: Node + Inspect>(run: &mut Run, servers: &[Address], after: u64) -> Result<Elected, Failed> {
    electing::<N>(run, servers, after, ELECTION)
}

/// Waits until one of `servers` leads the others in a term after `after`, and is not disturbed. A leader that was elected a
/// moment ago may be: by who was leader before it, say, and learnt that it is no more just before its timer fired. That is
/// right, and over soon.
///
/// # Errors
///
/// When that takes longer than any election should, or something is violated on the way.
pub fn undisturbed<N: Node + Inspect>(
    run: &mut Run,
    servers: &[Address],
    after: u64,
) -> Result<Elected, Failed> {
    // Every timer that was set before is gone by then, and who waits has heard of the leader.
    let longer_than_any_timer = Duration::from_secs(1);
    let until = run.now() + ELECTION;
    loop {
        let elected = elect::<N>(run, servers, after)?;
        run.run_for(longer_than_any_timer)?;
        let mut now = run.inspect(leaders::<N>);
        now.retain(|leader| servers.contains(&leader.leader));
        if now == [elected] {
            return Ok(elected);
        }
        check!(
            run.now() < until,
            "in {ELECTION:?} none of {} servers was leader for one second, though nothing disturbed it",
            servers.len()
        );
    }
}

/// As [`elect`], with as much simulated time as is given.
///
/// # Errors
///
/// When that takes longer, or something is violated on the way.
pub fn electing<N: Node + Inspect>(
    run: &mut Run,
    servers: &[Address],
    after: u64,
    limit: Duration,
) -> Result<Elected, Failed> {
    run.wait_for(&agreed::<N>(servers, after), limit)?;
    let all = run.inspect(leaders::<N>);
    let elected = all.into_iter().find(|elected| servers.contains(&elected.leader));
    elected.ok_or_else(|| Failed::because("there was a leader a moment ago, and now there is none"))
}
