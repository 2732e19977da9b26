//! Runs in simulated time: agreement with servers cut off, what it costs, and what clients get.

use std::time::Duration;

use clientserver::{
    KvCommand, append_same_key_workload, appends_linearizable, different_keys_infinite_workload,
    simple_workload,
};
use framework::Address;
use framework::predicate::results_ok;
use raft::{Design, Inspect as _, server_addresses};
use raftkit::{LONG, Setup, Talk, agree, elect, linearizable, without};
use runner::{Check, Interactive, Nemesis, Network, Run};
use testkit::{Failed, RunTest, check};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A run of servers without clients of its own, and clients that the test talks to.
fn talk<D: Design + Default>(test: &mut RunTest, servers: u16, clients: u16) -> Result<Talk<D>, Failed> {
    let setup = Setup::<D>::servers(servers)?;
    let settings = setup.watch_everything(test.simulated());
    Talk::new(test, &setup, settings, clients)
}

/// A client that asks for nothing but what [`agree`] wants to know.
fn witness<D: Design + Default>(run: &mut Run, servers: u16) -> Result<Interactive<D::Client>, Failed> {
    let client = D::default().client(&server_addresses(servers));
    Ok(run.add_interactive(Address::client(99), client)?)
}

fn append(value: &str) -> KvCommand {
    KvCommand::Append { key: "k".to_owned(), value: value.to_owned() }
}

pub(crate) fn basic_agreement<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let setup = Setup::<D>::new(3, [simple_workload()])?;
    let settings = setup.watch_everything(test.simulated()).invariant(results_ok());
    let mut run = setup.run(test, settings)?;
    let witness = witness::<D>(&mut run, 3)?;
    run.wait_for_clients(LONG)?;
    agree::<D>(&mut run, &server_addresses(3), &witness)
}

/// The bytes of a value, and how many values there are.
const VALUE: u16 = 20_000;
const VALUES: u16 = 20;

pub(crate) fn each_entry_is_sent_once<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 3, 1)?;
    let elected = talk.elect(&server_addresses(3), 0)?;
    // Whoever asks the wrong server first has asked the right one by now.
    talk.append(1, "a")?;
    let before = talk.run.traffic().sent_by(elected.leader).bytes;
    for number in 0..VALUES {
        let command = KvCommand::Put { key: format!("key{number}"), value: "x".repeat(usize::from(VALUE)) };
        talk.ask(1, command)?;
    }
    let bytes = talk.run.traffic().sent_by(elected.leader).bytes - before;
    let once = 2 * u64::from(VALUE) * u64::from(VALUES);
    check!(
        bytes * 2 < once * 5,
        "the leader sent {bytes} bytes for {VALUES} values of {VALUE} bytes; to send each to both followers once takes \
         {once}, and some may be sent again before the acknowledgment is there, but not all again and again"
    );
    Ok(())
}

pub(crate) fn follower_failure<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 3, 2)?;
    let elected = talk.elect(&server_addresses(3), 0)?;
    talk.append(1, "a")?;
    let followers = without(&talk.servers, &[elected.leader]);
    talk.cut(&followers[..1]);
    talk.append(1, "b")?;
    talk.run.run_for(secs(2))?;
    talk.append(1, "c")?;
    talk.run.network(|network| network.partition([]));
    let all = talk.servers.clone();
    talk.run.network(|network| {
        for server in &all {
            for client in [1, 2].map(Address::client) {
                network.link(client, *server, true).link(*server, client, true);
            }
        }
        network
    });
    talk.append_in_vain(2, "d", "both followers are cut off")
}

pub(crate) fn leader_failure<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 5, 2)?;
    let first = talk.elect(&server_addresses(5), 0)?;
    talk.append(1, "a")?;
    talk.cut(&[first.leader]);
    let rest = without(&talk.servers, &[first.leader]);
    let second = talk.elect(&rest, first.term)?;
    talk.append(1, "b")?;
    // The second leader is cut off as well: three are enough.
    talk.cut(&[first.leader, second.leader]);
    let three = without(&rest, &[second.leader]);
    talk.elect(&three, second.term)?;
    talk.append(2, "c")?;
    talk.heal();
    talk.agree()?;
    let value = talk.get(2)?;
    check!(value == "abc", "the clients appended a, b and c, one after the other; the value is `{value}`");
    Ok(())
}

pub(crate) fn follower_reconnects<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 3, 1)?;
    let elected = talk.elect(&server_addresses(3), 0)?;
    talk.append(1, "a")?;
    let followers = without(&talk.servers, &[elected.leader]);
    talk.cut(&followers[..1]);
    for _ in 0..10 {
        talk.append(1, "b")?;
    }
    talk.heal();
    talk.append(1, "c")?;
    talk.agree()
}

pub(crate) fn no_agreement_without_majority<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 5, 3)?;
    let elected = talk.elect(&server_addresses(5), 0)?;
    talk.append(1, "a")?;
    talk.agree()?;
    let followers = without(&talk.servers, &[elected.leader]);
    // Nobody reaches anybody but the leader and one follower each other.
    let two = [elected.leader, followers[0]];
    let clients = [1, 2, 3].map(Address::client);
    let group = [&two[..], &clients[..]].concat();
    talk.run.network(|network| network.partition([&group[..]]));
    let committed = |talk: &Talk<D>| {
        talk.run.inspect(|view| view.nodes::<D::Server>().map(|(_, node)| node.commit_index()).max())
    };
    let before = committed(&talk);
    talk.append_in_vain(2, "b", "three of five servers are cut off")?;
    talk.append_in_vain(3, "c", "three of five servers are cut off")?;
    let after = committed(&talk);
    check!(
        before == after,
        "three of five servers are cut off, but commit_index went from {before:?} to {after:?}"
    );
    talk.run.network(Network::reconnect);
    talk.run.wait_for_clients(LONG)?;
    talk.append(1, "d")?;
    talk.agree()?;
    let value = talk.get(1)?;
    let mut letters: Vec<char> = value.chars().collect();
    letters.sort_unstable();
    check!(letters == ['a', 'b', 'c', 'd'], "a, b, c and d were appended once each; the value is `{value}`");
    Ok(())
}

pub(crate) fn concurrent_clients<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let setup = Setup::<D>::new(3, vec![append_same_key_workload(5); 10])?;
    let settings = setup.watch_everything(test.simulated()).check(Check::Every(Duration::from_millis(100)));
    let mut run = setup.run(test, settings.invariant(appends_linearizable(setup.clients.clone())))?;
    let witness = witness::<D>(&mut run, 3)?;
    run.wait_for_clients(LONG)?;
    agree::<D>(&mut run, &server_addresses(3), &witness)?;
    linearizable(&run)
}

/// A leader is cut off with a client of its own, twice.
pub(crate) fn cut_off_leaders_come_back<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 3, 4)?;
    let first = talk.elect(&server_addresses(3), 0)?;
    talk.append(1, "a")?;
    let [c1, c2, c3, c4] = [1, 2, 3, 4].map(Address::client);
    let rest = without(&talk.servers, &[first.leader]);
    // Two clients ask the first leader, which can commit nothing.
    let (cut, group) = (vec![first.leader, c2, c3], [&rest[..], &[c1, c4]].concat());
    talk.run.network(|network| network.split([&cut[..], &group]));
    talk.append_in_vain(2, "x", "the leader is cut off from the other servers")?;
    talk.send(3, append("y"))?;
    let second = talk.elect(&rest, first.term)?;
    talk.append(1, "b")?;
    // Now the second leader is cut off, and the first one is back.
    let pair = without(&talk.servers, &[second.leader]);
    let (cut, group) = (vec![second.leader, c4], [&pair[..], &[c1, c2, c3]].concat());
    talk.run.network(|network| network.split([&cut[..], &group]));
    talk.send(4, append("z"))?;
    talk.elect(&pair, second.term)?;
    talk.append(1, "c")?;
    talk.heal();
    talk.run.wait_for_clients(LONG)?;
    talk.agree()?;
    let value = talk.get(1)?;
    let mut letters: Vec<char> = value.chars().collect();
    letters.sort_unstable();
    check!(
        letters == ['a', 'b', 'c', 'x', 'y', 'z'],
        "each letter was appended once; the value is `{value}`"
    );
    linearizable(&talk.run)
}

/// How many entries differ.
const CONFLICTS: u16 = 40;

pub(crate) fn back_over_conflicts<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 5, CONFLICTS + 2)?;
    talk.append(1, "a")?;
    talk.agree()?;
    // Who leads now, for that may have changed.
    let first = talk.elect(&server_addresses(5), 0)?;
    // The leader and a follower get entries that cannot be committed.
    let followers = without(&talk.servers, &[first.leader]);
    let minority = [first.leader, followers[0]];
    let clients: Vec<Address> = (3..=CONFLICTS + 2).map(Address::client).collect();
    let cut = [&minority[..], &clients].concat();
    let group = [&followers[1..], &[1, 2].map(Address::client)].concat();
    // The follower does not stand for election, and so does not depose the leader.
    talk.run.network(|network| network.split([&cut[..], &group]).node_timers(minority[1], false));
    for client in 3..=usize::from(CONFLICTS) + 2 {
        talk.send(client, append("-"))?;
    }
    talk.run.run_for(secs(5))?;
    let longest = talk.run.inspect(|view| {
        view.nodes::<D::Server>().filter(|(a, _)| *a == first.leader).map(|(_, n)| n.last_index()).max()
    });
    check!(
        longest >= Some(u64::from(CONFLICTS)),
        "{} leads the servers that it reaches, and {CONFLICTS} clients ask it, but its log ends at {longest:?}",
        first.leader
    );
    // The others commit as many. Then all see each other again, and nobody asks any more.
    talk.elect(&followers[1..], first.term)?;
    for number in 0..CONFLICTS {
        talk.append(1 + usize::from(number % 2), "+")?;
    }
    talk.run.network(|network| {
        network.reconnect().node_timers(minority[1], true);
        for client in &clients {
            network.node(*client, false);
        }
        network
    });
    let (before, _) = talk.between_servers();
    let since = talk.run.now();
    talk.agree()?;
    let (after, _) = talk.between_servers();
    // A leader that goes back one entry at a time needs four messages for each entry and follower. Beside those there are
    // elections and heartbeats.
    let entries = 2 * 4 * u64::from(CONFLICTS);
    let quiet = u64::try_from((talk.run.now() - since).as_millis() / 50).unwrap_or(u64::MAX) * 5 * 4;
    let (sent, most) = (after - before, 2 * entries + 2 * quiet + 200);
    check!(
        sent <= most,
        "it took {sent} messages until the logs of two servers, {CONFLICTS} entries of which differ, were repaired; \
         {most} are enough by far"
    );
    Ok(())
}

pub(crate) fn message_count<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    const COMMANDS: u64 = 100;
    let mut talk = talk::<D>(test, 5, 1)?;
    talk.elect(&server_addresses(5), 0)?;
    talk.append(1, "a")?;
    let (before, since) = (talk.run.traffic().total().sent, talk.run.now());
    for _ in 0..COMMANDS {
        talk.append(1, "b")?;
    }
    let sent = talk.run.traffic().total().sent - before;
    let heartbeats = u64::try_from((talk.run.now() - since).as_millis() / 50).unwrap_or(u64::MAX) * 8;
    // As many as DSLabs allows.
    let most = 15 * 5 * COMMANDS + 2 * heartbeats;
    check!(sent <= most, "{COMMANDS} commands took {sent} messages; {most} are enough by far");
    Ok(())
}

/// Five servers are split in two every few seconds, and three clients ask all the time.
fn repartitions<D: Design + Default>(
    test: &mut RunTest,
    network: fn(&mut Network) -> &mut Network,
    longest: Duration,
) -> Result<(), Failed> {
    let workload = different_keys_infinite_workload(Some(Duration::from_millis(100)));
    let setup = Setup::<D>::new(5, vec![workload; 3])?;
    let (length, servers) = (secs(40), server_addresses(5));
    let nemesis = Nemesis::new(servers.iter().copied()).splits().every(secs(2)..=secs(4));
    // What is wrong in a state of the logs stays wrong for a while.
    let settings = test.simulated().network(network).schedule(nemesis.schedule(test.seed(), length));
    let settings = settings.invariants(setup.group.invariants()).invariant(results_ok());
    let mut run = setup.run(test, settings.check(Check::Every(secs(1))))?;
    run.run_for(length)?;
    let waited = run.max_wait();
    check!(waited < longest, "a client waited {waited:?} of simulated time, expected less than {longest:?}");
    let least = run.inspect(|view| view.workers().map(|worker| worker.result_count()).min()).unwrap_or(0);
    check!(least >= 10, "in {length:?} a client got {least} responses, expected 10 at least");
    run.network(Network::reliable);
    elect::<D::Server>(&mut run, &servers, 0)?;
    linearizable(&run)
}

pub(crate) fn constant_repartition<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    repartitions::<D>(test, Network::reliable, secs(10))
}

pub(crate) fn unreliable_repartition<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    repartitions::<D>(test, Network::unreliable, secs(30))
}
