//! Runs in simulated time in which servers crash and restart.

use std::time::Duration;

use clientserver::{KvCommand, different_keys_infinite_workload};
use framework::Address;
use framework::predicate::results_ok;
use raft::{Design, server_addresses};
use raftkit::{LONG, Setup, Talk, elect, leaders, linearizable, without};
use runner::{Check, Nemesis, Network};
use testkit::{Failed, RunTest, check};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn append(value: &str) -> KvCommand {
    KvCommand::Append { key: "k".to_owned(), value: value.to_owned() }
}

/// A run of servers, and clients that the test talks to.
fn talk<D: Design + Default>(
    test: &mut RunTest,
    servers: u16,
    clients: u16,
    network: fn(&mut Network) -> &mut Network,
) -> Result<Talk<D>, Failed> {
    let setup = Setup::<D>::servers(servers)?;
    let settings = setup.watch_everything(test.simulated()).network(network);
    let settings = settings.invariant(raft::predicates::durable_state_is_current(&setup.group));
    Talk::new(test, &setup, settings, clients)
}

pub(crate) fn each_in_turn<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 3, 1, Network::reliable)?;
    talk.append(1, "a")?;
    for (server, value) in talk.servers.clone().into_iter().zip(["b", "c", "d"]) {
        talk.crash(server)?;
        talk.append(1, value)?;
        talk.restart(server)?;
        talk.agree()?;
    }
    talk.expect(1, "abcd")
}

pub(crate) fn all_at_once<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 5, 1, Network::reliable)?;
    let mut whole = String::new();
    for value in ["a", "b", "c"] {
        talk.append(1, value)?;
        whole.push_str(value);
        for server in talk.servers.clone() {
            talk.crash(server)?;
        }
        talk.run.run_for(secs(1))?;
        for server in talk.servers.clone() {
            talk.restart(server)?;
        }
        talk.expect(1, &whole)?;
    }
    talk.agree()
}

/// The leader goes on with one follower while the other is cut off; both crash; the one that was cut off comes back, then
/// the follower, then the old leader.
pub(crate) fn cut_off_and_crashed<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 3, 1, Network::reliable)?;
    let mut whole = String::new();
    let mut term = 0;
    for value in ["a", "b", "c"] {
        let servers = talk.servers.clone();
        let elected = elect::<D::Server>(&mut talk.run, &servers, term)?;
        let rest = without(&servers, &[elected.leader]);
        let (follower, cut) = (rest[0], rest[1]);
        talk.run.network(|network| network.split([&[elected.leader, follower][..], &[cut]]));
        talk.append(1, value)?;
        talk.crash(elected.leader)?;
        talk.crash(follower)?;
        talk.run.network(Network::heal);
        talk.run.run_for(secs(1))?;
        talk.restart(follower)?;
        whole.push_str(value);
        talk.expect(1, &whole)?;
        talk.restart(elected.leader)?;
        talk.append(1, "-")?;
        whole.push('-');
        talk.agree()?;
        term = elected.term;
    }
    Ok(())
}

/// How often a leader crashes.
const CRASHES: u64 = 60;

/// Leaders get commands and crash, at once or after a while; at most two of five are down.
fn figure8<D: Design + Default>(
    test: &mut RunTest,
    network: fn(&mut Network) -> &mut Network,
) -> Result<(), Failed> {
    let mut draw = test.seed();
    let mut random = move |below: u64| {
        // Any mixing does; these are the constants of Knuth's MMIX.
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (draw >> 33) % below
    };
    let mut talk = talk::<D>(test, 5, 4, network)?;
    let mut down: Vec<Address> = Vec::new();
    for round in 0..CRASHES {
        if let Some(idle) = talk.idle() {
            talk.send(idle, append(&format!("{round};")))?;
        }
        let pause = if random(10) == 0 { random(500) } else { random(13) };
        talk.run.run_for(Duration::from_millis(pause))?;
        let latest = talk.run.inspect(leaders::<D::Server>).into_iter().max_by_key(|elected| elected.term);
        if let Some(elected) = latest {
            talk.crash(elected.leader)?;
            down.push(elected.leader);
        }
        if down.len() > 2 || (down.len() == 2 && random(2) == 0) {
            let back = down.remove(usize::try_from(random(down.len() as u64)).expect("a few servers"));
            talk.restart(back)?;
        }
        talk.run.run_for(Duration::from_millis(400))?;
    }
    for server in down {
        talk.restart(server)?;
    }
    talk.run.network(Network::reliable);
    talk.run.wait_for_clients(LONG)?;
    talk.append(1, "end")?;
    talk.agree()?;
    linearizable(&talk.run)
}

pub(crate) fn figure8_reliable<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    figure8::<D>(test, Network::reliable)
}

pub(crate) fn figure8_unreliable<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    figure8::<D>(test, Network::unreliable)
}

/// Partitions and crashes at random, lost and late messages, and clients that never stop.
pub(crate) fn churn<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let workload = different_keys_infinite_workload(Some(Duration::from_millis(100)));
    let setup = Setup::<D>::new(5, vec![workload; 3])?;
    let (length, servers) = (secs(60), server_addresses(5));
    let nemesis = Nemesis::new(servers.iter().copied()).splits().crashes(2).every(secs(1)..=secs(3));
    let settings =
        test.simulated().network(Network::unreliable).schedule(nemesis.schedule(test.seed(), length));
    let settings = settings.invariants(setup.group.invariants()).invariant(results_ok());
    let mut run = setup.run(test, settings.check(Check::Every(secs(1))))?;
    run.run_for(length)?;
    run.network(Network::reliable);
    elect::<D::Server>(&mut run, &servers, 0)?;
    let before = run.inspect(|view| view.workers().map(|worker| worker.result_count()).sum::<usize>());
    run.run_for(secs(10))?;
    let after = run.inspect(|view| view.workers().map(|worker| worker.result_count()).sum::<usize>());
    check!(after > before + 10, "all is well for 10 s, and clients got {} responses", after - before);
    linearizable(&run)
}
