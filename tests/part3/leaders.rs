//! Searches with several leaders, one after the other: who may win, and what old messages may do.

use clientserver::appends_linearizable;
use framework::Address;
use framework::predicate::{client_done, clients_done};
use raft::Design;
use raft::predicates::{committed, has_command, leads_after};
use raftkit::{
    C1, C2, C3, C4, S1, S2, S3, S4, S5, Script, Setup, appends, committed_somewhere, deliver_all,
    latest_term, only,
};
use testkit::{Failed, Reached, SearchTest};

const THREE: [Address; 3] = [S1, S2, S3];

/// `server1` has two entries of the first term, and nobody else does; then `server2` commits one of the second.
pub(crate) fn longer_log<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(3, [appends(&["a"]), appends(&["b"]), appends(&["c"])])?;
    setup.everything(search);
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let has = |server, client| has_command::<D::Server>(server, client, 1);
    let first = script.elect("server1 is leader", S1, &THREE, &start)?;
    let both = has(S1, C1).and(&has(S1, C2)).named("server1 has both commands");
    let alone = script.reach(
        "two entries that nobody else gets",
        only(&[S1, C1, C2], &THREE_CLIENTS),
        both,
        &first,
    )?;
    let second = script.elect("server2 is leader", S2, &[S2, S3], &alone)?;
    let one = committed::<D::Server>(S2, C3, 1);
    let one = script.reach("one entry is committed", only(&[S2, S3, C3], &[S2, C3]), one, &second)?;

    let latest = latest_term::<D::Server>(&one.view());
    script
        .stage("server1 does not win with its longer log", only(&[S1, S3], &[S1]), latest + 2)
        .invariant(leads_after::<D::Server>(S1, latest).not().named("server1 is not leader again"))
        .exhaust()
        .from(&one)?;
    let third = script.elect("server3 is leader", S3, &[S1, S3], &one)?;
    let all = only(&[S1, S3, C1], &[S3, C1]);
    script.reach("what server1 had alone is asked for again", all, client_done(C1), &third)
}

const THREE_CLIENTS: [Address; 3] = [C1, C2, C3];

/// One entry is everywhere, the next on a majority.
pub(crate) fn shorter_log<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(3, [appends(&["a"]), appends(&["b"])])?;
    setup.everything(search);
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let has = |server, client| has_command::<D::Server>(server, client, 1);
    let first = script.elect("server1 is leader", S1, &THREE, &start)?;
    let everywhere = has(S1, C1).and(&has(S2, C1)).and(&has(S3, C1)).named("all servers have the command");
    let all = only(&[S1, S2, S3, C1], &[S1, C1]);
    let everywhere = script.reach("an entry is everywhere", all, everywhere, &first)?;
    // Nobody but the leader knows what is committed, and its log is as good as that of the others.
    script.elect("server2 wins with a log that is as good", S2, &[S2, S3], &everywhere)?;

    let two = committed::<D::Server>(S1, C2, 1);
    let two = script.reach("the next is committed", only(&[S1, S3, C2], &[S1, C2]), two, &everywhere)?;
    let latest = latest_term::<D::Server>(&two.view());
    script
        .stage("server2 does not win with its shorter log", only(&[S2, S3], &[S2]), latest + 2)
        .invariant(leads_after::<D::Server>(S2, latest).not().named("server2 is not leader"))
        .exhaust()
        .from(&two)?;
    let second = script.elect("server3 is leader", S3, &[S2, S3], &two)?;
    let clients = only(&[S2, S3, C1, C2], &[S3, C1, C2]);
    script.reach("both clients are answered", clients, clients_done(), &second)
}

/// Three leaders whose messages all stay deliverable: whatever comes late, twice, or in another order.
pub(crate) fn old_messages<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let workloads = [appends(&["a"]), appends(&["b"]), appends(&["c", "d"]), appends(&["e"])];
    let setup = Setup::<D>::new(3, workloads)?;
    setup.everything(search);
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let has = |server, client| has_command::<D::Server>(server, client, 1);
    let first = script.elect("server1 is leader", S1, &THREE, &start)?;
    let both = has(S1, C1).and(&has(S1, C2)).named("server1 has both commands");
    let alone = script.reach(
        "two entries that nobody else gets",
        only(&[S1, C1, C2], &THREE_CLIENTS),
        both,
        &first,
    )?;

    let second = script.elect("server2 is leader", S2, &[S2, S3], &alone)?;
    let with_client = only(&[S1, S2, S3, C3], &[S2, C3]);
    script.some("old messages meet the second leader's", with_client, 400_000, &second)?;
    let quick = |sequence| committed::<D::Server>(S2, C3, sequence);
    let net = || only(&[S2, S3, C3], &[S2, C3]);
    let one = script.reach("an entry of the second leader is committed", net(), quick(1), &second)?;
    let two = script.reach("and another", net(), quick(2), &one)?;
    script.some("old messages meet committed entries", only(&THREE, &[S2]), 300_000, &two)?;

    let third = script.elect("server3 is leader", S3, &[S2, S3], &two)?;
    let net = || only(&[S1, S3, C4], &[S3, C4]);
    script.some("the third leader repairs server1's log", net(), 300_000, &third)?;
    // One entry a message is the slowest, so one entry a stage.
    let only_servers = || only(&[S1, S3], &[S3]);
    let first = script.reach("server1 has the first entry", only_servers(), has(S1, C3), &third)?;
    let second = has_command::<D::Server>(S1, C3, 2);
    let second = script.reach("server1 has the second entry", only_servers(), second, &first)?;
    let last = script.reach("server1 has an entry of the third term", net(), has(S1, C4), &second)?;
    script.reach("and knows that it is committed", only_servers(), committed::<D::Server>(S1, C4, 1), &last)
}

/// What `server2` acknowledged in the first term, it has no longer in the third. With three servers it would have been
/// committed, so there are five.
pub(crate) fn old_acknowledgments<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let workloads = [appends(&["a"]), appends(&["b"]), appends(&["c"]), appends(&["d"])];
    let setup = Setup::<D>::new(5, workloads)?;
    setup.everything(search);
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let has = |server, client| has_command::<D::Server>(server, client, 1);
    let first = script.elect("server1 is leader", S1, &[S1, S2, S3, S4, S5], &start)?;
    let both = has(S2, C1).and(&has(S2, C2)).named("server2 has both commands");
    let net = only(&[S1, S2, C1, C2], &[S1, C1, C2]);
    let two = script.reach("two entries are on server1 and server2", net, both, &first)?;
    let acknowledged = deliver_all(&two, S2, S1)?;

    let second = script.elect("server5 is leader", S5, &[S3, S4, S5], &acknowledged)?;
    // Only by the second leader: the first one, to which the client speaks, too, would put it behind the others.
    let replaced = [S1, S2].map(|server| has(server, C3).and(&has(server, C1).not()));
    let replaced = replaced[0].and(&replaced[1]).named("client3's command is in place of the others");
    let net = only(&[S1, S2, S5, C3], &[S5, C3]);
    let replaced = script.reach("its entry replaces them", net, replaced, &second)?;

    let third = script.elect("server1 is leader again", S1, &[S1, S3, S4], &replaced)?;
    let net = only(&[S1, S3, C4], &[S1, C4]);
    let repaired =
        script.reach("server3 gets what it missed", only(&[S1, S3], &[S1]), has(S3, C3), &third)?;
    let fourth = script.reach("server3 gets the next entry", net, has(S3, C4), &repaired)?;
    let late = |delivery: &mut search::Delivery| {
        only(&[S1, S3], &[S1])(delivery);
        delivery.link(S2, S1, true);
    };
    let latest = latest_term::<D::Server>(&fourth.view());
    script
        .stage("old acknowledgments do not count", late, latest)
        .invariant(committed_somewhere::<D::Server>(C4, 1).not().named("two of five are no majority"))
        .exhaust()
        .from(&fourth)?;
    let net = only(&[S1, S2, S3], &[S1]);
    script.reach("new ones do", net, committed::<D::Server>(S1, C4, 1), &fourth)
}

/// A command that two leaders put into their logs.
pub(crate) fn duplicate_requests<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(3, [appends(&["x"]), appends(&["y"])])?;
    setup.everything(search);
    search.invariant(appends_linearizable(setup.clients.clone()));
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let first = script.elect("server1 is leader", S1, &THREE, &start)?;
    let both = has_command::<D::Server>(S2, C1, 1).and(&committed_somewhere::<D::Server>(C1, 1).not());
    let both = both.named("server2 has the command, and nobody takes it for committed");
    let net = only(&[S1, S2, C1], &[S1, C1]);
    let both = script.reach("the first leader replicates x", net, both, &first)?;

    let second = script.elect("server2 is leader", S2, &[S2, S3], &both)?;
    let net = only(&[S2, S3, C1], &[S2, C1]);
    let again =
        script.reach("the second leader commits x", net, committed::<D::Server>(S2, C1, 1), &second)?;
    script.some("requests come again", only(&[S1, S2, S3, C1, C2], &[S2]), 200_000, &again)?;
    let net = only(&[S2, S3, C1, C2], &[S2, C1, C2]);
    let done = script.reach("both clients are answered", net, clients_done(), &again)?;
    script.some("everything comes once more", only(&[S1, S2, S3, C1, C2], &[]), 200_000, &done)?;
    Ok(done)
}
