//! Searches with one leader, and random walks.

use clientserver::{
    KvParser, append_same_key_workload, appends_linearizable, put_append_get_workload, put_get_workload,
    store_linearizable,
};
use framework::predicate::{client_done, client_has_results, clients_done, none_decided, results_ok};
use framework::{Address, Workload};
use raft::Design;
use raft::predicates::{committed, has_command, term_above};
use raftkit::{C1, C2, S1, S2, S3, S4, S5, Script, Setup, appends, committed_somewhere, latest_term, only};
use testkit::{Failed, Reached, SearchTest};

/// Messages to oneself, majorities of one: three commands in six steps after the election.
pub(crate) fn group_of_one<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(1, [put_append_get_workload()])?;
    setup.everything(search);
    search.invariant(results_ok());
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("the only server is leader", S1, &[S1], &start)?;
    let done = script.reach("the client is done", |_| {}, clients_done(), &leader)?;
    script.stage("every state until then", |_| {}, 2).prune(clients_done()).exhaust().from(&start)?;
    Ok(done)
}

/// Two commands of one client: a goal at each step of the way, then everything around it.
pub(crate) fn two_commands<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(3, [put_get_workload()])?;
    setup.everything(search);
    search.invariant(results_ok());
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &[S1, S2, S3], &start)?;
    let net = || only(&[S1, S2, C1], &[S1, C1]);
    let stored =
        script.reach("server2 has the first command", net(), has_command::<D::Server>(S2, C1, 1), &leader)?;
    let first = script.reach("the leader commits it", net(), committed::<D::Server>(S1, C1, 1), &stored)?;
    let follower = committed::<D::Server>(S2, C1, 1);
    script.reach("server2 knows that it is committed", net(), follower, &first)?;
    let all = || only(&[S1, S2, S3, C1], &[S1, C1]);
    let done = script.reach("the client is done", all(), clients_done(), &first)?;
    script.some("every state near the first commit", only(&[S1, S2, S3, C1], &[]), 100_000, &first)?;
    script.stage("around it", |_| {}, 2).prune(clients_done()).bounded(500_000).from(&first)?;
    search.stage("every state near the start").prune(term_above::<D::Server>(2)).to_depth(9).from(&start)?;
    Ok(done)
}

/// What one majority was told, the others know.
pub(crate) fn every_majority<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    reads::<D>(search)?;
    let setup = Setup::<D>::new(3, [appends(&["x"]), appends(&["y"])])?;
    setup.everything(search);
    search.invariant(appends_linearizable(setup.clients.clone()));
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &[S1, S2, S3], &start)?;
    let x = only(&[S1, S2, C1], &[S1, C1]);
    let x = script.reach("client1 is answered by server1 and server2", x, client_done(C1), &leader)?;
    let y = only(&[S1, S3, C2], &[S1, C2]);
    let done = script.reach("client2 is answered by server1 and server3", y, client_done(C2), &x)?;
    let other = script.elect("server2 is leader", S2, &[S2, S3], &x)?;
    let y = only(&[S2, S3, C2], &[S2, C2]);
    script.reach("client2 is answered by server2 and server3", y, client_done(C2), &other)?;
    let latest = latest_term::<D::Server>(&x.view());
    let others = only(&[S2, S3, C2], &[S2, S3, C2]);
    script.stage("whatever server2 and server3 do", others, latest + 2).bounded(400_000).from(&x)?;
    Ok(done)
}

/// A client reads what another writes, while there is one leader, and while there is another one already.
fn reads<D: Design + Default>(search: &mut SearchTest) -> Result<(), Failed> {
    let workload = |texts: [&str; 2]| Workload::parse(KvParser, texts);
    let setup = Setup::<D>::new(3, [workload(["PUT:k:1", "PUT:k:2"])?, workload(["GET:k", "GET:k"])?])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader of another group", S1, &[S1, S2, S3], &start)?;
    let net = only(&[S1, S2, C1, C2], &[S1, C1, C2]);
    let half = client_has_results(C1, 1).and(&client_has_results(C2, 1));
    let half =
        script.reach("a write and a read are done", net, half.named("each client has a result"), &leader)?;
    for (name, from) in [("reads and writes", &leader), ("and on from the first results", &half)] {
        let latest = latest_term::<D::Server>(&from.view());
        let all = only(&[S1, S2, S3, C1, C2], &[S1, S2, C1, C2]);
        let stage = script.stage(name, all, latest + 1);
        stage
            .settings(|settings| settings.monitors.push(store_linearizable()))
            .bounded(150_000)
            .from(from)?;
    }
    Ok(())
}

/// Two of five.
pub(crate) fn minority<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(5, [appends(&["x"])])?;
    setup.everything(search);
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &[S1, S2, S3, S4, S5], &start)?;
    let two = || only(&[S1, S2, C1], &[S1, C1]);
    let stored =
        script.reach("server2 has the command", two(), has_command::<D::Server>(S2, C1, 1), &leader)?;
    let latest = latest_term::<D::Server>(&leader.view());
    script
        .stage("nothing is committed with two of five", two(), latest)
        .invariant(none_decided())
        .invariant(committed_somewhere::<D::Server>(C1, 1).not().named("two of five are no majority"))
        .exhaust()
        .from(&leader)?;
    let three = only(&[S1, S2, S3, C1], &[S1, C1]);
    script.reach("three are enough", three, clients_done(), &stored)
}

/// Random walks with everything that is checked.
fn random<D: Design + Default>(
    search: &mut SearchTest,
    servers: u16,
    probes: u64,
) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(servers, vec![append_same_key_workload(2); 2])?;
    setup.everything(search);
    search.invariant(appends_linearizable(setup.clients.clone()));
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let all: Vec<Address> = raft::server_addresses(servers);
    let leader = script.elect("server1 is leader", S1, &all, &start)?;
    let done = script.reach(
        "a client is answered",
        only(&[S1, S2, S3, C1], &[S1, C1]),
        client_has_results(C1, 1),
        &leader,
    )?;
    search.stage("random walks from the start").random(probes).max_depth(250).from(&start)?;
    search.stage("random walks from the first answer").random(probes).max_depth(250).from(&done)?;
    Ok(done)
}

pub(crate) fn random_three<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    random::<D>(search, 3, 100)
}

pub(crate) fn random_five<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    random::<D>(search, 5, 60)
}
