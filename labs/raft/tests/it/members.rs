// INSTRUCTOR ONLY
//! The reference of parts 5 to 8: small systems in which everything that is asked of it is searched.

use clientserver::store_linearizable;
use framework::predicate::clients_done;
use framework::{Address, System, Workload};
use raft::predicates::{Group, durable_state_is_current, some_leader, term_above};
use raft::{AdminParser, Design, Handout, Options, RaftServer, Reconfigurable, add_servers};
use search::{Faults, Results, Settings, State, bfs};

use crate::support::{assert_covered, assert_goal, assert_nothing_wrong, client, server, workload};

const MEMBERS: Options =
    Options { snapshot_every: None, noop: true, read_index: false, pre_vote: false, check_quorum: false };

struct Small {
    start: State,
    group: Group<RaftServer>,
}

impl Small {
    fn new(members: u16, count: u16, options: &Options, commands: &[&[&str]], admin: &[&str]) -> Self {
        let mut system = System::new();
        let servers = add_servers(&mut system, &Handout, members, count, options).unwrap();
        for (number, texts) in (1..).zip(commands) {
            system.add_client(client(number), Handout.client(&servers), workload(texts)).unwrap();
        }
        if !admin.is_empty() {
            let workload = Workload::parse(AdminParser, admin.to_vec()).unwrap();
            system.add_client(Address::named("admin"), Handout.admin(&servers), workload).unwrap();
        }
        let group = Group::of(&system).with_members((1..=members).map(server));
        Self { start: State::initial(&system).unwrap(), group }
    }

    fn safety(&self, term: u64) -> Settings {
        let invariants = [
            self.group.invariants(),
            self.group.membership_invariants(),
            vec![durable_state_is_current(&self.group)],
        ];
        Settings {
            invariants: invariants.concat(),
            step_invariants: self.group.step_invariants(),
            ..Settings::default()
        }
        .prune(term_above::<RaftServer>(term))
    }

    fn search(&self, settings: &Settings) -> Results {
        bfs(&self.start, settings)
    }
}

/// One server is replaced by another, and one grows to three: every state up to a depth, and the end is reached.
#[test]
fn members_change_in_small_groups() {
    // The leader of the first leaves, so who answers that it is done leads in a second term.
    for (members, count, admin, depth, terms) in [
        (1, 2, &["LEARN:2", "CHANGE:2"] as &[&str], 14, 2),
        (1, 3, &["LEARN:2", "LEARN:3", "CHANGE:1,2,3"], 9, 1),
        (2, 3, &["LEARN:3", "CHANGE:1,3"], 9, 1),
        (3, 3, &["RETAIN:1"], 8, 1),
    ] {
        let small = Small::new(members, count, &MEMBERS, &[], admin);
        let results = small.search(&small.safety(2).max_depth(depth));
        assert_nothing_wrong(&results);
        assert_covered(&results, depth);
        assert_goal(&small.search(&small.safety(terms).goal(clients_done())));
    }
}

/// Crashes and restarts while one server is replaced by another.
#[test]
fn members_change_although_servers_crash() {
    let small = Small::new(1, 2, &MEMBERS, &[], &["LEARN:2", "CHANGE:2"]);
    let mut faults = Faults::default();
    faults.crashes(1).restarts(1);
    let results = small.search(&Settings { faults, ..small.safety(2) }.max_depth(11));
    assert_nothing_wrong(&results);
    assert_covered(&results, 11);
}

#[test]
fn snapshots_lose_nothing() {
    let options = Options { snapshot_every: Some(1), ..Options::default() };
    for (members, depth) in [(1, 12), (3, 9)] {
        let small = Small::new(members, members, &options, &[&["PUT:k:v", "APPEND:k:w"]], &[]);
        let results = small.search(&small.safety(2).max_depth(depth));
        assert_nothing_wrong(&results);
        assert_covered(&results, depth);
        assert_goal(&small.search(&small.safety(1).goal(clients_done())));
    }
}

#[test]
fn reads_are_linearizable() {
    let options = Options { noop: true, read_index: true, ..Options::default() };
    let commands: [&[&str]; 2] = [&["PUT:k:v"], &["GET:k"]];
    for (members, depth) in [(1, 10), (3, 9)] {
        let small = Small::new(members, members, &options, &commands, &[]);
        let settings = Settings { monitors: vec![store_linearizable()], ..small.safety(2) };
        let results = small.search(&settings.clone().max_depth(depth));
        assert_nothing_wrong(&results);
        assert_covered(&results, depth);
        assert_goal(&small.search(&small.safety(1).goal(clients_done())));
    }
}

#[test]
fn leaders_are_elected_with_pre_votes_and_hand_over() {
    let options = Options { noop: true, pre_vote: true, check_quorum: true, ..Options::default() };
    let small = Small::new(3, 3, &options, &[], &["TRANSFER:2"]);
    let results = small.search(&small.safety(2).max_depth(9));
    assert_nothing_wrong(&results);
    assert_covered(&results, 9);
    assert_eq!(assert_goal(&small.search(&small.safety(1).goal(some_leader::<RaftServer>()))), 5);
    assert_goal(&small.search(&small.safety(2).goal(clients_done())));
}
