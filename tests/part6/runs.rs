//! Runs with clients that read: what it costs, who answers, and what they get.

use std::time::Duration;

use clientserver::{KvCommand, KvParser, KvResponse};
use framework::{Address, Workload};
use raft::predicates::reads_make_no_entries;
use raft::{Design, Inspect as _, server_addresses};
use raftkit::{LONG, Setup, Talk, linearizable, without};
use runner::{Check, Nemesis, Network};
use testkit::{Failed, RunTest, check};

use super::options;

fn talk<D: Design + Default>(test: &mut RunTest, servers: u16, clients: u16) -> Result<Talk<D>, Failed> {
    let setup = Setup::<D>::with_options(servers, &options(), [])?;
    let settings = setup.watch_everything(test.simulated());
    let settings = settings.invariant(reads_make_no_entries::<D::Server>());
    Talk::new(test, &setup, settings, clients)
}

/// The indexes of the servers' last entries.
fn last_indexes<D: Design>(talk: &Talk<D>) -> Vec<u64> {
    talk.run.inspect(|view| view.nodes::<D::Server>().map(|(_, node)| node.last_index()).collect())
}

pub(crate) fn no_entries<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    for servers in [1, 3] {
        let mut talk = talk::<D>(test, servers, 2)?;
        talk.append(1, "a")?;
        talk.expect(2, "a")?;
        talk.agree()?;
        talk.pass(Duration::from_secs(1))?;
        let before = last_indexes(&talk);
        for _ in 0..20 {
            talk.expect(1, "a")?;
            talk.expect(2, "a")?;
        }
        talk.pass(Duration::from_secs(1))?;
        let after = last_indexes(&talk);
        check!(
            before == after,
            "40 values were read; the logs ended at {before:?} before that, and end at {after:?} now"
        );
        talk.append(2, "b")?;
        talk.expect(1, "ab")?;
        let missing = talk.ask(1, KvCommand::Get { key: "missing".to_owned() })?;
        check!(missing == KvResponse::KeyNotFound, "a key that nobody wrote has {missing:?}");
    }
    Ok(())
}

pub(crate) fn after_failover<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 5, 2)?;
    let servers = talk.servers.clone();
    let mut elected = talk.elect(&servers, 0)?;
    talk.append(1, "a")?;
    for _ in 0..5 {
        talk.cut(&[elected.leader]);
        let next = talk.elect(&without(&servers, &[elected.leader]), elected.term)?;
        talk.expect(1, "a")?;
        talk.expect(2, "a")?;
        talk.heal();
        elected = talk.elect(&servers, next.term - 1)?;
        talk.expect(1, "a")?;
    }
    Ok(())
}

pub(crate) fn cut_off_leader<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 3, 2)?;
    let servers = talk.servers.clone();
    let elected = talk.elect(&servers, 0)?;
    talk.append(1, "a")?;
    talk.expect(2, "a")?;
    talk.agree()?;
    let rest = without(&servers, &[elected.leader]);
    let (reader, writer) = (Address::client(1), Address::client(2));
    let old = [elected.leader, reader];
    let new: Vec<Address> = rest.iter().copied().chain([writer]).collect();
    talk.run.network(|network| network.partition([&old[..], &new[..]]));
    talk.elect(&rest, elected.term)?;
    talk.append(2, "b")?;
    talk.send(1, KvCommand::Get { key: "k".to_owned() })?;
    talk.pass(Duration::from_secs(5))?;
    let response = talk.response(1);
    check!(
        response.is_none(),
        "{} was leader, is cut off, and another leader has executed a write; it answered a read: {response:?}",
        elected.leader
    );
    // It hears nothing and is heard by all.
    talk.run.network(|network| {
        network.heal();
        for server in &rest {
            network.link(*server, elected.leader, false);
        }
        network.link(writer, elected.leader, false)
    });
    talk.pass(Duration::from_secs(2))?;
    talk.heal();
    let expected = Some(KvResponse::GetResult { value: "ab".to_owned() });
    talk.pass(Duration::from_secs(10))?;
    let response = talk.response(1);
    check!(
        response == expected,
        "the network is whole again; client1 got {response:?}, expected {expected:?}"
    );
    linearizable(&talk.run)
}

pub(crate) fn mixed<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let commands =
        ["PUT:x:%a-%i", "GET:y", "GET:x", "APPEND:y:%a-%i;", "GET:x", "GET:y", "APPEND:x:%i", "GET:x"];
    let workload = Workload::parse(KvParser, commands)?.repeated(12);
    let setup = Setup::<D>::with_options(5, &options(), vec![workload; 4])?;
    let faults = Nemesis::new(server_addresses(5))
        .splits()
        .isolations()
        .one_way_cuts()
        .every(Duration::from_millis(500)..=Duration::from_secs(2))
        .schedule(test.seed(), Duration::from_secs(60));
    let settings = setup.watch_everything(test.simulated()).network(Network::unreliable);
    let settings = settings.invariant(reads_make_no_entries::<D::Server>());
    let settings = settings.check(Check::Every(Duration::from_millis(50))).schedule(faults);
    let mut run = setup.run(test, settings)?;
    run.wait_for_clients(LONG)?;
    linearizable(&run)
}
