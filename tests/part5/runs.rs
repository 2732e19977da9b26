//! Runs in simulated time in which logs are compacted: how much is kept, who gets a snapshot, and what a crash leaves.

use std::time::Duration;

use clientserver::{KvCommand, KvResponse, append_same_key_workload, different_keys_infinite_workload};
use framework::Address;
use framework::predicate::results_ok;
use raft::{Design, Inspect as _, Options, server_addresses};
use raftkit::{LONG, Setup, Talk, agree, linearizable, without};
use runner::{Check, Nemesis, Network};
use testkit::{Failed, RunTest, check};

/// How many applied entries make a snapshot in these runs.
const EVERY: u64 = 10;

fn options() -> Options {
    Options { snapshot_every: Some(EVERY), ..Options::default() }
}

/// A run in which everything about logs and snapshots is watched.
fn talk<D: Design + Default>(test: &mut RunTest, servers: u16, clients: u16) -> Result<Talk<D>, Failed> {
    let setup = Setup::<D>::with_options(servers, &options(), [])?;
    let settings = setup.watch_snapshots(test.simulated(), EVERY);
    Talk::new(test, &setup, settings, clients)
}

/// The first client appends so many values, which are numbered from `from` on; returns what all of them are together.
fn appends<D: Design + Default>(talk: &mut Talk<D>, from: usize, count: usize) -> Result<String, Failed> {
    let values: Vec<String> = (from..from + count).map(|number| format!("{number},")).collect();
    for value in &values {
        talk.append(1, value)?;
    }
    Ok(values.concat())
}

/// The lowest index of which a server has the entry.
fn first_index<D: Design>(talk: &Talk<D>, server: Address) -> u64 {
    talk.run.inspect(|view| view.node::<D::Server>(server).map_or(0, |node| node.first_index()))
}

/// The index of the last entry of a server.
fn last_index<D: Design>(talk: &Talk<D>, server: Address) -> u64 {
    talk.run.inspect(|view| view.node::<D::Server>(server).map_or(0, |node| node.last_index()))
}

/// What a test needs to have happened: the server lacks entries that `leader` does not have any more.
fn check_left_behind<D: Design>(talk: &Talk<D>, server: Address, leader: Address) -> Result<(), Failed> {
    let (last, first) = (last_index(talk, server), first_index(talk, leader));
    check!(
        last + 1 < first,
        "{leader} should have discarded what {server} lacks by now: the log of {server} ends at index {last}, that of \
         {leader} begins at index {first}; a snapshot is due whenever {EVERY} entries are applied"
    );
    Ok(())
}

/// The bytes of a value, how many keys there are, and how many values are written.
const VALUE: usize = 1_000;
const KEYS: usize = 5;
const WRITES: usize = 200;

pub(crate) fn state_is_bounded<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 3, 1)?;
    for number in 0..WRITES {
        let command = KvCommand::Put { key: format!("key{}", number % KEYS), value: "x".repeat(VALUE) };
        let response = talk.ask(1, command)?;
        check!(response == KvResponse::PutOk, "client1 got {response:?} for a put");
    }
    talk.agree()?;
    // The store, the snapshot, the snapshot before, and a log of twice as many entries as make a snapshot.
    let most = VALUE * (3 * KEYS + 2 * 10) + 10_000;
    for server in talk.servers.clone() {
        let size = talk.run.state_size(server)?;
        check!(
            size <= most,
            "{WRITES} values of {VALUE} bytes were written to {KEYS} keys, with a snapshot every {EVERY} entries; {server} \
             holds {size} bytes, {most} are enough"
        );
    }
    Ok(())
}

pub(crate) fn lagging_follower<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 3, 1)?;
    let elected = talk.elect(&server_addresses(3), 0)?;
    let start = appends(&mut talk, 0, 2)?;
    let behind = without(&talk.servers, &[elected.leader])[0];
    talk.cut(&[behind]);
    let large = KvCommand::Put { key: "large".to_owned(), value: "x".repeat(20_000) };
    talk.ask(1, large)?;
    let whole = start + &appends(&mut talk, 2, 40)?;
    check_left_behind(&talk, behind, elected.leader)?;
    talk.heal();
    talk.agree()?;
    talk.expect(1, &whole)?;
    // Who has the snapshot needs it no more: heartbeats are small.
    talk.pass(Duration::from_secs(1))?;
    let before = talk.run.traffic().total().bytes;
    talk.pass(Duration::from_secs(10))?;
    let bytes = talk.run.traffic().total().bytes - before;
    check!(
        bytes < 200_000,
        "all servers have the whole log, and nobody asks anything; in 10s they sent {bytes} bytes, as if a snapshot of \
         20000 bytes was sent again and again"
    );
    // And it counts for a majority again.
    let rest = without(&talk.servers, &[behind]);
    let leaders = talk.run.inspect(raftkit::leaders::<D::Server>);
    let leader = leaders.iter().max_by_key(|found| found.term).map_or(rest[0], |found| found.leader);
    let other = *without(&talk.servers, &[behind, leader]).first().unwrap_or(&rest[0]);
    talk.cut(&[other]);
    talk.append(1, "end")?;
    talk.expect(1, &format!("{whole}end"))
}

pub(crate) fn lagging_followers_unreliable<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let setup = Setup::<D>::with_options(5, &options(), vec![append_same_key_workload(60); 3])?;
    let appended = clientserver::appends_linearizable(setup.clients.clone());
    let settings = setup.watch_snapshots(test.simulated(), EVERY).network(Network::unreliable);
    let servers = server_addresses(5);
    let faults = Nemesis::new(servers.clone())
        .isolations()
        .every(Duration::from_secs(2)..=Duration::from_secs(5))
        .schedule(test.seed(), Duration::from_secs(120));
    let settings =
        settings.invariant(appended).check(Check::Every(Duration::from_millis(50))).schedule(faults);
    let mut run = setup.run(test, settings)?;
    let witness = run.add_interactive(Address::client(99), D::default().client(&servers))?;
    run.wait_for_clients(LONG)?;
    agree::<D>(&mut run, &servers, &witness)?;
    linearizable(&run)
}

pub(crate) fn restart_in_turn<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 3, 1)?;
    let mut whole = appends(&mut talk, 0, 25)?;
    for round in 0..6 {
        let server = talk.servers[round % 3];
        talk.agree()?;
        check!(first_index(&talk, server) > 1, "{server} has applied 25 entries, but discarded none");
        talk.run.crash(server)?;
        whole += &appends(&mut talk, 25 + 7 * round, 7)?;
        talk.run.restart(server)?;
        talk.agree()?;
        talk.expect(1, &whole)?;
    }
    Ok(())
}

pub(crate) fn all_crash<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    for servers in [1, 3] {
        let mut talk = talk::<D>(test, servers, 1)?;
        let mut whole = String::new();
        for round in 0..4 {
            whole += &appends(&mut talk, 13 * round, 13)?;
            for server in talk.servers.clone() {
                talk.run.crash(server)?;
            }
            for server in talk.servers.clone() {
                talk.run.restart(server)?;
            }
            talk.expect(1, &whole)?;
        }
    }
    Ok(())
}

/// `client2` asks and is never answered, while the others go far beyond its command; then a server that has it from a
/// snapshot only becomes leader, and is asked again.
pub(crate) fn sessions<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 3, 2)?;
    let elected = talk.elect(&server_addresses(3), 0)?;
    let first = appends(&mut talk, 0, 1)?;
    let behind = without(&talk.servers, &[elected.leader])[0];
    talk.cut(&[behind]);
    talk.run.network(|network| network.receiver(Address::client(2), false));
    talk.send(2, KvCommand::Append { key: "k".to_owned(), value: "once,".to_owned() })?;
    talk.pass(Duration::from_secs(2))?;
    let rest = appends(&mut talk, 1, 40)?;
    let whole = format!("{first}once,{rest}");
    talk.expect(1, &whole)?;
    check_left_behind(&talk, behind, elected.leader)?;
    // Now it gets the snapshot, and whoever leads is cut off until it leads itself.
    talk.run.network(Network::reconnect);
    talk.agree()?;
    let mut leader = talk.elect(&talk.servers.clone(), 0)?;
    for _ in 0..20 {
        if leader.leader == behind {
            break;
        }
        talk.cut(&[leader.leader]);
        leader = talk.elect(&without(&talk.servers, &[leader.leader]), leader.term)?;
        talk.run.network(Network::reconnect);
        leader = talk.elect(&talk.servers.clone(), leader.term - 1)?;
    }
    talk.heal();
    talk.pass(Duration::from_secs(5))?;
    let response = talk.response(2);
    let expected = KvResponse::AppendResult { value: format!("{first}once,") };
    check!(
        response.as_ref() == Some(&expected),
        "client2 asked again what had been executed long ago; it got {response:?}, expected {expected:?}, which {} has from \
         a snapshot",
        leader.leader
    );
    talk.expect(1, &whole)
}

/// After a snapshot only votes and terms are saved; then all crash.
pub(crate) fn later_writes<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 3, 1)?;
    let whole = appends(&mut talk, 0, 30)?;
    let servers = talk.servers.clone();
    let mut elected = talk.elect(&servers, 0)?;
    for _ in 0..3 {
        talk.cut(&[elected.leader]);
        let next = talk.elect(&without(&servers, &[elected.leader]), elected.term)?;
        talk.heal();
        elected = talk.elect(&servers, next.term - 1)?;
    }
    for server in &servers {
        talk.run.crash(*server)?;
    }
    for server in &servers {
        talk.run.restart(*server)?;
    }
    talk.expect(1, &whole)?;
    talk.append(1, "end")?;
    talk.expect(1, &format!("{whole}end"))
}

/// Everything at once: partitions, crashes, lost messages, and clients that never stop.
pub(crate) fn churn<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let workload = different_keys_infinite_workload(Some(Duration::from_millis(20)));
    let setup = Setup::<D>::with_options(5, &options(), vec![workload; 3])?;
    let faults = Nemesis::new(server_addresses(5))
        .splits()
        .isolations()
        .crashes(2)
        .every(Duration::from_secs(1)..=Duration::from_secs(3))
        .schedule(test.seed(), Duration::from_secs(60));
    let settings = setup.watch_snapshots(test.simulated(), EVERY).network(Network::unreliable);
    let settings = settings.invariant(results_ok()).check(Check::Every(Duration::from_millis(100)));
    let mut run = setup.run(test, settings.schedule(faults))?;
    run.run_for(Duration::from_secs(60))?;
    let least =
        |run: &runner::Run| run.inspect(|view| view.workers().map(|worker| worker.result_count()).min());
    let before = least(&run).unwrap_or_default();
    run.run_for(Duration::from_secs(20))?;
    let after = least(&run).unwrap_or_default();
    check!(
        after >= before + 50,
        "the network is whole again and all servers are up, but in 20s a client got only {} responses",
        after - before
    );
    linearizable(&run)
}
