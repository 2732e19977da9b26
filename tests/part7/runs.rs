//! Runs in which servers are cut off and come back, in one direction or both, and leaders hand over.

use std::time::Duration;

use clientserver::{append_same_key_workload, appends_linearizable};
use framework::{Address, Node};
use raft::{AdminCommand, AdminResponse, Design, Inspect, Options, Reconfigurable, server_addresses};
use raftkit::{Elected, LONG, Setup, Talk, leaders, linearizable, logs_agree, without};
use runner::{Check, Interactive, Network, Run};
use testkit::{Failed, RunTest, check};

use super::options;

/// The address of the administrator.
const ADMIN: Address = Address::named("admin");

fn talk<D: Design + Default>(
    test: &mut RunTest,
    servers: u16,
    clients: u16,
    options: &Options,
) -> Result<Talk<D>, Failed> {
    let setup = Setup::<D>::with_options(servers, options, [])?;
    let settings = setup.watch_everything(test.simulated());
    Talk::new(test, &setup, settings, clients)
}

/// Who leads now, in the latest term.
fn leader_of<N: Node + Inspect>(run: &Run) -> Result<Elected, Failed> {
    let newest = run.inspect(leaders::<N>).into_iter().max_by_key(|found| found.term);
    newest.ok_or_else(|| Failed::because("nobody is leader"))
}

pub(crate) fn rejoining_server<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    for servers in [3, 5] {
        let mut talk = talk::<D>(test, servers, 1, &options())?;
        let all = talk.servers.clone();
        let elected = talk.elect(&all, 0)?;
        for (round, away) in without(&all, &[elected.leader]).into_iter().enumerate() {
            talk.cut(&[away]);
            talk.append(1, &format!("{round},"))?;
            talk.pass(Duration::from_secs(5))?;
            talk.heal();
            talk.agree()?;
            talk.pass(Duration::from_secs(5))?;
            let now = leader_of::<D::Server>(&talk.run)?;
            let terms: Vec<u64> = talk
                .run
                .inspect(|view| view.nodes::<D::Server>().map(|(_, node)| node.current_term()).collect());
            check!(
                now == elected && terms.iter().all(|term| *term == elected.term),
                "{away} was cut off for 5s and came back; {} was leader in term {} and heard by all others all the time, \
                 but now {} leads in term {}, and the terms are {terms:?}",
                elected.leader,
                elected.term,
                now.leader,
                now.term
            );
        }
    }
    Ok(())
}

pub(crate) fn one_way_cut<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 5, 1, &options())?;
    let all = talk.servers.clone();
    let mut elected = talk.elect(&all, 0)?;
    for round in 0..3 {
        talk.append(1, &format!("{round},"))?;
        let rest = without(&all, &[elected.leader]);
        let deaf = elected.leader;
        // Everybody hears it, the client too.
        talk.run.network(|network| {
            for from in rest.iter().chain([&Address::client(1)]) {
                network.link(*from, deaf, false);
            }
            network
        });
        talk.elect(&rest, elected.term)?;
        talk.append(1, "new,")?;
        let old = talk.run.inspect(|view| {
            view.node::<D::Server>(deaf).is_some_and(|node| node.role() == raft::Role::Leader)
        });
        check!(!old, "{deaf} has heard from nobody for a long time, and still takes itself for the leader");
        talk.heal();
        elected = talk.elect(&all, elected.term)?;
        talk.agree()?;
    }
    Ok(())
}

/// Without pre-vote a server that is cut off goes on to later terms. Those who hear from their leader do not listen to it
/// when it is back; but the leader has to, or it would never be heard again.
pub(crate) fn later_term<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let options = Options { pre_vote: false, ..options() };
    let mut talk = talk::<D>(test, 3, 1, &options)?;
    let all = talk.servers.clone();
    let elected = talk.elect(&all, 0)?;
    let away = without(&all, &[elected.leader])[0];
    talk.cut(&[away]);
    talk.append(1, "a")?;
    talk.pass(Duration::from_secs(5))?;
    talk.heal();
    talk.append(1, "b")?;
    let together = talk.elect(&all, elected.term)?;
    talk.agree()?;
    // From now on nothing happens.
    talk.pass(Duration::from_secs(5))?;
    let now = leader_of::<D::Server>(&talk.run)?;
    check!(
        now == together,
        "{} led all servers in term {}, and nothing happened for 5s; but now {} leads in term {}",
        together.leader,
        together.term,
        now.leader,
        now.term
    );
    Ok(())
}

/// Adds an administrator to a run.
fn administrator<D: Reconfigurable + Default>(talk: &mut Talk<D>) -> Result<Interactive<D::Admin>, Failed> {
    Ok(talk.run.add_interactive(ADMIN, D::default().admin(&talk.servers))?)
}

pub(crate) fn transfer_completes<D: Reconfigurable + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 3, 1, &options())?;
    let admin = administrator(&mut talk)?;
    let all = talk.servers.clone();
    let mut elected = talk.elect(&all, 0)?;
    let mut whole = String::new();
    for round in 0..6 {
        let value = format!("{round},");
        talk.append(1, &value)?;
        whole += &value;
        let target = without(&all, &[elected.leader])[round % 2];
        // No election timer of a follower makes a leader.
        talk.run.network(|network| {
            for server in &all {
                network.node_timers(*server, *server == elected.leader);
            }
            network
        });
        let response = talk.run.ask(&admin, AdminCommand::TransferLeadership(target), LONG)?;
        check!(
            response == AdminResponse::Ok,
            "the administrator asked {} to hand over to {target}, which is there, and got {response:?}",
            elected.leader
        );
        let now = leader_of::<D::Server>(&talk.run)?;
        check!(
            now.leader == target && now.term == elected.term + 1,
            "{} led in term {} and was to hand over to {target}, which takes one election; the administrator was told that it \
             is done, and {} leads in term {}",
            elected.leader,
            elected.term,
            now.leader,
            now.term
        );
        talk.run.network(|network| {
            for server in &all {
                network.node_timers(*server, true);
            }
            network
        });
        elected = talk.elect(&all, elected.term)?;
        talk.expect(1, &whole)?;
    }
    let own = talk.run.ask(&admin, AdminCommand::TransferLeadership(elected.leader), LONG)?;
    check!(own == AdminResponse::Ok, "{} leads already, but the administrator got {own:?}", elected.leader);
    let nobody = talk.run.ask(&admin, AdminCommand::TransferLeadership(Address::server(9)), LONG)?;
    check!(
        nobody == AdminResponse::Refused,
        "server9 is not in the group, but the administrator got {nobody:?}"
    );
    Ok(())
}

pub(crate) fn transfer_aborts<D: Reconfigurable + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = talk::<D>(test, 3, 1, &options())?;
    let admin = administrator(&mut talk)?;
    let all = talk.servers.clone();
    let elected = talk.elect(&all, 0)?;
    let target = without(&all, &[elected.leader])[0];
    talk.append(1, "0,")?;
    talk.cut(&[target]);
    talk.run.network(|network| network.link(ADMIN, target, false));
    talk.run.send(&admin, AdminCommand::TransferLeadership(target))?;
    let mut whole = "0,".to_owned();
    for round in 1..10 {
        // While it asks again and again a leader may try again and again, and a client whose requests come just behind
        // the administrator's never finds it idle. So it is heard for a while only, and then the leader has to end it.
        reachable::<D>(&mut talk, true);
        talk.run.network(|network| network.link(ADMIN, target, false));
        talk.pass(Duration::from_millis(70 * round))?;
        reachable::<D>(&mut talk, false);
        let value = format!("{round},");
        let before = talk.run.now();
        talk.append(1, &value)?;
        let waited = talk.run.now() - before;
        check!(
            waited < Duration::from_secs(10),
            "{} is to hand over to {target}, which is cut off; client1 waited {waited:?} for its append",
            elected.leader
        );
        whole += &value;
    }
    let early = talk.run.response(&admin);
    check!(early.is_none(), "{target} is cut off and cannot be leader, but the administrator got {early:?}");
    // It is back, and lags; the administrator asks again.
    talk.heal();
    talk.pass(Duration::from_secs(10))?;
    let response = talk.run.response(&admin);
    check!(
        response == Some(AdminResponse::Ok),
        "{target} is back, and the administrator has asked for 10s that it leads, but got {response:?}"
    );
    talk.expect(1, &whole)?;
    talk.run.wait_for(&logs_agree::<D::Server>(&all), LONG)?;
    Ok(())
}

/// Whether the administrator reaches the servers.
fn reachable<D: Reconfigurable + Default>(talk: &mut Talk<D>, on: bool) {
    let servers = talk.servers.clone();
    talk.run.network(|network| {
        for server in servers {
            network.link(ADMIN, server, on);
        }
        network
    });
}

pub(crate) fn transfer_under_load<D: Reconfigurable + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let setup = Setup::<D>::with_options(5, &options(), vec![append_same_key_workload(60); 3])?;
    let settings = setup.watch_everything(test.simulated()).network(Network::unreliable);
    let settings = settings.invariant(appends_linearizable(setup.clients.clone()));
    let mut run = setup.run(test, settings.check(Check::Every(Duration::from_millis(50))))?;
    let servers = server_addresses(5);
    let admin = run.add_interactive(ADMIN, D::default().admin(&servers))?;
    for round in 0..25 {
        let target = servers[(3 * round) % servers.len()];
        let response = run.ask(&admin, AdminCommand::TransferLeadership(target), LONG)?;
        check!(response == AdminResponse::Ok, "{target} is there, but the administrator got {response:?}");
        run.run_for(Duration::from_millis(200))?;
    }
    run.wait_for_clients(LONG)?;
    linearizable(&run)
}
