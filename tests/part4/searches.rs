//! Searches with crashes and restarts: at a moment that a stage chooses, or at any moment and in the middle of a handler.

use clientserver::{append_same_key_workload, appends_linearizable, put_get_workload};
use framework::Address;
use framework::predicate::{client_done, clients_done, results_ok};
use raft::Design;
use raft::predicates::{committed, election_safety, has_command, leads_after, term_above, voted};
use raftkit::{
    C1, C2, S1, S2, S3, Script, Setup, appends, crash_and_restart, crashes, in_term, latest_term, only,
    stands, without_pending,
};
use testkit::{Failed, Reached, SearchTest};

const THREE: [Address; 3] = [S1, S2, S3];

/// Everything that part 3 checks, and that what must be persisted is.
fn everything<D: Design + Default>(setup: &Setup<D>, search: &mut SearchTest) {
    setup.everything(search);
    setup.durable(search);
}

/// `server3` votes for `server1`, crashes, and is asked by `server2` in the same term.
pub(crate) fn vote<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::servers(3)?;
    everything(&setup, search);
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let rivals = voted::<D::Server>(S3, S1).and(&stands::<D::Server>(S2));
    let rivals = rivals.named("server3 has voted for server1, and server2 is candidate, too");
    let net = || only(&THREE, &[S1, S2]);
    let stage = script.stage("server3 votes for server1, and server2 stands, too", net(), 1);
    let rivals = stage.goal(rivals).keep(50).from(&start)?;
    let stage = script.stage("server3 crashes at any moment", net(), 1).settings(crashes(&[S3], 1));
    stage.bounded(300_000).from(&start)?;
    let stage = script.stage("it is asked again after a crash", only(&THREE, &[]), 1);
    stage.settings(crashes(&[S3], 2)).exhaust().from(rivals.all())?;
    // Who has voted and crashed votes again, in the next term.
    let again = crash_and_restart(&rivals, S3)?;
    script.elect("it votes in a later term", S2, &[S2, S3], &again)
}

/// The same without asking what a server says of its vote: two leaders in one term, at the same time or not.
pub(crate) fn one_leader<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(3, [appends(&["x"])])?;
    search.invariant(election_safety::<D::Server>());
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let first = script.elect("server1 is leader", S1, &THREE, &start)?;
    let term = latest_term::<D::Server>(&first.view());
    let stage = script.stage("crashes give its term no second leader", only(&THREE, &[S2, S3]), term);
    stage.settings(crashes(&[S2, S3], 2)).exhaust().from(&first)?;
    let down = crash_and_restart(&first, S1)?;
    let stage = script.stage("not even itself, when it has crashed", only(&[S1, S3], &[S1]), term);
    let again = leads_after::<D::Server>(S1, 0).not().named("server1 is not leader again in its old term");
    stage.invariant(again).exhaust().from(&down)?;
    let next = script.elect("another leader follows in a later term", S2, &THREE, &down)?;
    script.reach("client1 is answered", only(&[S2, S3, C1], &[S2, C1]), client_done(C1), &next)
}

/// What a majority has stored stays stored: `server1` and `server2` have x when `client1` is answered.
pub(crate) fn entries<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(3, [appends(&["x"]), appends(&["y"])])?;
    everything(&setup, search);
    search.invariant(appends_linearizable(setup.clients.clone()));
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &THREE, &start)?;
    let net = || only(&[S1, S2, C1], &[S1, C1]);
    let x = script.reach("client1 is answered by server1 and server2", net(), client_done(C1), &leader)?;
    for (crashed, name, wins, answered) in [
        (S2, "the follower crashes", "the follower wins after its crash", "and has what it had"),
        (S1, "the leader crashes", "the leader wins after its crash", "and has what it had before"),
    ] {
        let latest = latest_term::<D::Server>(&leader.view());
        let stage = script.stage(name, only(&[S1, S2, C1], &[S1]), latest).settings(crashes(&[crashed], 1));
        stage.exhaust().from(&leader)?;
        lost::<D>(&mut script, &crash_and_restart(&without_pending(&x), crashed)?, crashed)?;
        let again = crash_and_restart(&x, crashed)?;
        let next = script.elect(wins, crashed, &[S3, crashed], &again)?;
        let (nodes, timers) = ([S3, crashed, C2], [crashed, C2]);
        script.reach(answered, only(&nodes, &timers), client_done(C2), &next)?;
    }
    Ok(x)
}

/// As clients see it: if `server3`, which lacks x, can win with the vote of a server that crashed, `client2` does not see
/// x. In a right solution it cannot win.
fn lost<D: Design>(
    script: &mut Script<'_, D::Server>,
    from: &search::State,
    crashed: Address,
) -> Result<(), Failed> {
    let latest = latest_term::<D::Server>(&from.view());
    let stage =
        script.stage("server3, which lacks an entry, stands", only(&[S3, crashed], &[S3]), latest + 2);
    let wins = stage.perhaps(leads_after::<D::Server>(S3, latest)).from(from)?;
    if let Some(wins) = wins {
        let (nodes, timers) = ([S3, crashed, C2], [S3, C2]);
        script.reach("client2 is answered by server3", only(&nodes, &timers), client_done(C2), &wins)?;
    }
    Ok(())
}

/// An entry that was removed does not come back: `server1` has a of the first term, then b of the second in its place.
pub(crate) fn removed<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(3, [appends(&["a"]), appends(&["b"])])?;
    everything(&setup, search);
    search.invariant(appends_linearizable(setup.clients.clone()));
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let has = |server, client| has_command::<D::Server>(server, client, 1);
    let first = script.elect("server1 is leader", S1, &THREE, &start)?;
    let a = script.reach("an entry that nobody else gets", only(&[S1, C1], &[C1]), has(S1, C1), &first)?;
    let second = script.elect("server2 is leader", S2, &[S2, S3], &a)?;
    let net = || only(&[S1, S2, C2], &[S2, C2]);
    // Only by the second leader: the first one, to which the client speaks, too, would put it behind.
    let replaced = has(S1, C2).and(&has(S1, C1).not()).named("client2's command is in place of the other");
    let b = script.reach("another entry replaces it", net(), replaced, &second)?;
    let done = script.reach("client2 is answered", net(), client_done(C2), &b)?;
    let again = crash_and_restart(&done, S1)?;
    let latest = latest_term::<D::Server>(&done.view());
    let stage = script.stage("server1 crashes at any moment", net(), latest);
    stage.settings(crashes(&[S1], 1)).bounded(200_000).from(&second)?;
    let next = script.elect("server1 wins after its crash", S1, &[S1, S3], &again)?;
    script.reach("client1 is answered", only(&[S1, S3, C1], &[S1, C1]), client_done(C1), &next)
}

/// A server that was in a term is never in an earlier one again.
pub(crate) fn term<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(3, [appends(&["x"])])?;
    everything(&setup, search);
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let first = script.elect("server1 is leader with server2's vote", S1, &[S1, S2], &start)?;
    // It did not vote, so it has the term from the leader's message alone.
    let latest = latest_term::<D::Server>(&first.view());
    let net = || only(&[S1, S3], &[S1]);
    let heard = script.reach(
        "server3 hears of the term from its leader",
        net(),
        in_term::<D::Server>(S3, latest),
        &first,
    )?;
    let stage = script.stage("server3 crashes at any moment", net(), latest).settings(crashes(&[S3], 1));
    stage.exhaust().from(&first)?;
    let second = script.elect("server3 is leader in a later term", S3, &[S2, S3], &heard)?;
    let stage = script.stage("the old leader learns of it, and crashes", net(), latest + 1);
    stage.settings(crashes(&[S1], 1)).exhaust().from(&second)?;
    let again = crash_and_restart(&second, S3)?;
    script.elect("server1 is leader in a later term still", S1, &[S1, S2], &again)
}

/// A crash and a restart at any moment while a client has two commands executed.
pub(crate) fn any_moment<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(3, [put_get_workload()])?;
    everything(&setup, search);
    search.invariant(results_ok());
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &THREE, &start)?;
    let net = || only(&[S1, S2, C1], &[S1, C1]);
    let one = committed::<D::Server>(S1, C1, 1);
    let one = script.reach("the first command is committed", net(), one, &leader)?;
    let term = latest_term::<D::Server>(&leader.view());
    let stage = script.stage("one of three crashes", only(&[S1, S2, S3, C1], &[S1]), term);
    stage.settings(crashes(&THREE, 1)).prune(clients_done()).bounded(300_000).from(&leader)?;
    let stage = script.stage("or later", only(&[S1, S2, S3, C1], &THREE), term + 1);
    stage.settings(crashes(&THREE, 1)).prune(clients_done()).bounded(300_000).from(&one)?;
    let mut state = crash_and_restart(&one, S1)?;
    for server in [S2, S3] {
        state = crash_and_restart(&state, server)?;
    }
    let next = script.elect("all crash, and server2 is leader", S2, &THREE, &state)?;
    let net = || only(&[S2, S3, C1], &[S2, C1]);
    let first = script.reach(
        "the first command is committed again",
        net(),
        committed::<D::Server>(S2, C1, 1),
        &next,
    )?;
    let done = script.reach("the client is done", net(), clients_done(), &first)?;
    let stage = search.stage("near the start, with two crashes").prune(term_above::<D::Server>(2));
    stage.settings(crashes(&THREE, 2)).to_depth(6).from(&start)?;
    Ok(done)
}

/// Random walks with crashes.
pub(crate) fn random<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(3, vec![append_same_key_workload(2); 2])?;
    everything(&setup, search);
    search.invariant(appends_linearizable(setup.clients.clone()));
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &THREE, &start)?;
    let net = only(&[S1, S2, C1], &[S1, C1]);
    let one = script.reach("a command is committed", net, committed::<D::Server>(S1, C1, 1), &leader)?;
    for (name, from) in [("random walks from the first leader", &leader), ("and from the first commit", &one)]
    {
        search.stage(name).settings(crashes(&THREE, 4)).random(100).max_depth(200).from(from)?;
    }
    Ok(one)
}
