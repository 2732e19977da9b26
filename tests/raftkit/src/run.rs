//! Leaders in runs: who is one, and when all agree on one.

use std::time::Duration;

use framework::{Address, Node, Outcome, Predicate, View};
use raft::{Inspect, Role};
use runner::Run;
use testkit::Failed;

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

/// Waits until one of `servers` leads the others in a term after `after`.
///
/// # Errors
///
/// When that takes longer than any election should, or something is violated on the way.
pub fn elect<N: Node + Inspect>(run: &mut Run, servers: &[Address], after: u64) -> Result<Elected, Failed> {
    electing::<N>(run, servers, after, ELECTION)
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
