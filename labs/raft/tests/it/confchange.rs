// INSTRUCTOR ONLY
//! The scenarios of the interaction tests of etcd's raft library (`testdata/confchange_v2_*.txt`), with the outcomes that
//! those files document: another implementation says which configurations a change goes through.
//!
//! There a change may take effect when it is applied, and new servers need not be learners first; what is compared is the
//! sequence of configurations that are not about learners only, `voters=(1 2)&&(1)` there, who leads, and who must not.

use std::time::Duration;

use framework::{Address, Workload};
use raft::predicates::leads;
use raft::{AdminParser, Configuration, EntryKind, Handout, Inspect, Options, RaftServer, Role};
use raftkit::{A1, A2, S1, S2, S3, S4, Setup, joint, settled};
use runner::{Network, Run, Settings};

const LONG: Duration = Duration::from_secs(100);

/// A run with one administrator, whose commands are done one after the other; all of them must be `Ok`.
fn run(members: u16, count: u16, admin: &[&str]) -> Run {
    let noop = Options { noop: true, ..Options::default() };
    let setup = Setup::<Handout>::changing(members, count, &noop, [], &[admin]).unwrap();
    let settings = setup.watch_changes(Settings::simulated(7)).network(Network::reliable);
    Run::new(&setup.system, settings).unwrap()
}

/// The configurations in the log of a server, but those that only differ in learners from the one before.
fn path(run: &Run, server: Address, bootstrap: &[Address]) -> Vec<Configuration> {
    run.inspect(|view| {
        let node = view.node::<RaftServer>(server).unwrap();
        let mut path = vec![settled(bootstrap)];
        for index in 1..=node.last_index() {
            let Some(EntryKind::Configuration(found)) = node.entry(index).map(|entry| entry.kind) else {
                continue;
            };
            let found = Configuration { learners: Default::default(), ..found.clone() };
            if path.last() != Some(&found) {
                path.push(found);
            }
        }
        path.remove(0);
        path
    })
}

fn role(run: &Run, server: Address) -> Role {
    run.inspect(|view| view.node::<RaftServer>(server).unwrap().role())
}

/// `confchange_v2_add_single_auto`, `_explicit` and `confchange_v2_add_double_implicit`: (1), then (1 2)&&(1), then (1 2).
#[test]
fn add_single() {
    let mut run = run(1, 2, &["LEARN:2", "CHANGE:1,2"]);
    run.wait_for_clients(LONG).unwrap();
    run.run_for(Duration::from_secs(2)).unwrap();
    let expected = [joint(&[S1], &[S1, S2]), settled(&[S1, S2])];
    assert_eq!(path(&run, S1, &[S1]), expected);
    assert_eq!(path(&run, S2, &[S1]), expected);
}

/// `confchange_v2_add_double_auto`: (1), (1 2 3)&&(1), (1 2 3), and back: (1)&&(1 2 3), (1). After each joint configuration
/// the leader leaves it once, although more is proposed in between.
#[test]
fn add_double_and_remove_double() {
    let mut run = run(1, 3, &["LEARN:2", "LEARN:3", "CHANGE:1,2,3", "CHANGE:1"]);
    run.wait_for_clients(LONG).unwrap();
    let all = [S1, S2, S3];
    let expected = [joint(&[S1], &all), settled(&all), joint(&all, &[S1]), settled(&[S1])];
    assert_eq!(path(&run, S1, &[S1]), expected);
    assert_eq!(role(&run, S1), Role::Leader);
}

/// `confchange_v2_add_single_explicit`: while the configuration is joint, another change is ignored.
#[test]
fn no_change_while_joint() {
    let mut run = run(1, 3, &["LEARN:2", "LEARN:3"]);
    run.wait_for_clients(LONG).unwrap();
    run.run_for(Duration::from_secs(1)).unwrap();
    // Without server2 (1 2)&&(1) is not committed.
    run.network(|network| network.node(S2, false));
    let design = Handout;
    let commands = |texts: &[&str]| Workload::parse(AdminParser, texts.to_vec()).unwrap();
    let servers = raft::server_addresses(3);
    let (first, second) = (Address::numbered("admin", 3), A2);
    let admin = || raft::Reconfigurable::admin(&design, &servers);
    run.add_client(first, admin(), commands(&["CHANGE:1,2"])).unwrap();
    run.run_for(Duration::from_secs(1)).unwrap();
    run.add_client(second, admin(), commands(&["CHANGE:1,3"])).unwrap();
    run.run_for(Duration::from_secs(5)).unwrap();
    assert_eq!(path(&run, S1, &[S1]), [joint(&[S1], &[S1, S2])]);
    run.network(Network::heal);
    run.run_for(LONG / 20).unwrap();
    // server1 and server2 remove server2 again only because the second administrator still asks for it.
    let end = [joint(&[S1], &[S1, S2]), settled(&[S1, S2]), joint(&[S1, S2], &[S1, S3]), settled(&[S1, S3])];
    assert_eq!(path(&run, S1, &[S1]), end);
}

/// `confchange_v2_replace_leader_stepdown`: (2 3 4)&&(1 2 3), (2 3 4). The leader that is removed steps down, cannot campaign,
/// and another voter wins. (`confchange_v2_replace_leader`, with a transfer in between, is a stage of the graded
/// `transfer_in_between`.)
#[test]
fn replace_leader() {
    let mut run = run(3, 4, &["LEARN:4"]);
    run.wait_for_clients(LONG).unwrap();
    let old = [S1, S2, S3].into_iter().find(|server| role(&run, *server) == Role::Leader).unwrap();
    let mut new = vec![S1, S2, S3, S4];
    new.retain(|server| *server != old);
    let numbers: Vec<String> =
        new.iter().filter_map(|server| server.number()).map(|n| n.to_string()).collect();
    let change = format!("CHANGE:{}", numbers.join(","));
    let servers = raft::server_addresses(4);
    let workload = Workload::parse(AdminParser, [change]).unwrap();
    run.add_client(A2, raft::Reconfigurable::admin(&Handout, &servers), workload).unwrap();
    run.wait_for_clients(LONG).unwrap();
    let others: Vec<_> = new.iter().map(|server| leads::<RaftServer>(*server)).collect();
    let led = others.into_iter().reduce(|any, one| any.or(&one)).unwrap();
    run.wait_for(&led, LONG).unwrap();
    run.run_for(Duration::from_secs(10)).unwrap();
    assert_eq!(role(&run, old), Role::Follower);
    let before = [S1, S2, S3];
    for server in &new {
        assert_eq!(path(&run, *server, &before), [joint(&before, &new), settled(&new)], "{server}");
    }
    assert!(run.inspect(|view| view.worker(A1).is_some_and(|worker| worker.is_done())));
}
