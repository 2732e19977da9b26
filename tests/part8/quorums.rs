//! Majorities while two configurations are in force: of both, for entries, votes, reads and a leader's own doubts.

use clientserver::{KvParser, appends_linearizable};
use framework::predicate::client_done;
use framework::{Address, Workload};
use raft::predicates::{has_command, leads};
use raft::{Options, Reconfigurable};
use raftkit::{
    A1, C1, C2, S1, S2, S3, S4, S5, Script, Setup, all_have, appends, follows, has, has_joint, has_log_of,
    joint, knows, latest_term, none_has, only, settled, with_noop, without_pending,
};
use testkit::{Failed, Reached, SearchTest};

use super::FAR;

const OLD: [Address; 3] = [S1, S2, S3];

/// {1,2,3} → {1,2,3,4}, as far as clients under the new configuration.
pub(crate) fn a_change_commits<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:4", "CHANGE:1,2,3,4"];
    let setup = Setup::<D>::changing(3, 4, &with_noop(), [appends(&["x"])], &[admin])?;
    setup.changes_and_steps(search);
    let (change, after) = (joint(&OLD, &[S1, S2, S3, S4]), settled(&[S1, S2, S3, S4]));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S4], &start)?;
    let three = || only(&[S1, S2, S4, A1], &[S1, A1]);
    let entered =
        script.reach("C_old,new is in the leader's log", three(), has::<D::Server>(S1, &change), &ready)?;
    let committed =
        script.reach("C_old,new is committed", three(), knows::<D::Server>(S1, &change), &entered)?;
    let settled = script.reach("C_new is committed", three(), knows::<D::Server>(S1, &after), &committed)?;
    let told = script.reach("the administrator is told", three(), client_done(A1), &settled)?;
    let two = latest_term::<D::Server>(&told.view());
    script
        .stage("two of four execute nothing", only(&[S1, S2, C1], &[S1, C1]), two)
        .invariant(client_done(C1).not().named("two of four are no majority"))
        .bounded(FAR)
        .from(&without_pending(&told))?;
    let net = only(&[S1, S2, S4, C1], &[S1, C1]);
    let done = script.reach("three of four execute commands", net, client_done(C1), &told)?;
    script.some("around it", only(&[S1, S2, S3, S4, A1, C1], &[S1]), 60_000, &entered)?;
    Ok(done)
}

/// {1,2,3} → {3,4,5}: neither majority alone commits or elects, and clients on both sides notice nothing.
pub(crate) fn no_two_majorities<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:4", "LEARN:5", "CHANGE:3,4,5"];
    let setup = Setup::<D>::changing(3, 5, &with_noop(), [appends(&["x"]), appends(&["y"])], &[admin])?;
    setup.changes(search);
    search.invariant(appends_linearizable(setup.clients.clone()));
    let change = joint(&OLD, &[S3, S4, S5]);
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S3, &[S2, S3], &[S4, S5], &start)?;
    let ready = without_pending(&ready);
    let new = [S3, S4, S5, A1];
    let split = script.reach(
        "C_old,new is on the new voters only",
        only(&new, &[S3, A1]),
        all_have::<D::Server>(&[S3, S4, S5], &change),
        &ready,
    )?;
    let term = latest_term::<D::Server>(&split.view());
    let new_voters = [S3, S4, S5, C2];
    script
        .stage("they commit nothing", only(&new_voters, &[S3, C2]), term)
        .invariant(knows::<D::Server>(S3, &change).not().named("the new majority is not enough"))
        .invariant(client_done(C2).not().named("client2 is not answered"))
        .bounded(FAR)
        .from(&split)?;
    script
        .stage("they elect nobody", only(&[S3, S4, S5], &[S4, S5]), term + 1)
        .invariant(leads::<D::Server>(S4).not().named("server4 does not win"))
        .invariant(leads::<D::Server>(S5).not().named("server5 does not win"))
        .bounded(FAR)
        .from(&split)?;
    let split = without_pending(&split);
    let old = script.elect("the old majority elects server2", S2, &[S1, S2], &split)?;
    let net = only(&[S1, S2, C1], &[S2, C1]);
    let wrote = script.reach("and executes commands", net, client_done(C1), &old)?;
    script
        .stage("the new majority still executes nothing", only(&new_voters, &[S3, S4, C2]), term + 2)
        .invariant(client_done(C2).not().named("client2 is not answered"))
        .bounded(80_000)
        .from(&wrote)?;
    let back = has_command::<D::Server>(S3, C1, 1).and(&none_has::<D::Server>(&[S3], &change));
    let back = script.reach("server3 gives C_old,new up", only(&OLD, &[S2]), back, &wrote)?;
    let net = only(&[S2, S3, C2], &[S2, C2]);
    script.reach("and the group goes on as it was", net, client_done(C2), &back)
}

/// The reverse: C_new is committed, and the old majority must not go on without it.
pub(crate) fn the_old_majority_is_over<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:4", "LEARN:5", "CHANGE:3,4,5"];
    let setup = Setup::<D>::changing(3, 5, &with_noop(), [appends(&["x"]), appends(&["y"])], &[admin])?;
    setup.changes(search);
    search.invariant(appends_linearizable(setup.clients.clone()));
    let (change, after) = (joint(&OLD, &[S3, S4, S5]), settled(&[S3, S4, S5]));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S3, &[S2, S3], &[S4, S5], &start)?;
    let begun = script.change_begun(S3, &[S4, S5], &change, &ready)?;
    let net = only(&[S1, S3], &[S3]);
    let stored =
        script.reach("C_old,new is on the old majority", net, has::<D::Server>(S1, &change), &begun)?;
    let term = latest_term::<D::Server>(&stored.view());
    script
        .stage("which commits it not alone", only(&[S1, S2, S3, C1], &[S3, C1]), term)
        .invariant(knows::<D::Server>(S3, &change).not().named("the old majority is not enough"))
        .invariant(client_done(C1).not().named("client1 is not answered"))
        .bounded(FAR)
        .from(&stored)?;
    let net = only(&[S1, S3, S4], &[S3]);
    let entered =
        script.reach("the new majority has it, too", net, knows::<D::Server>(S3, &change), &stored)?;
    let net = only(&[S3, S4], &[S3]);
    let moved = script.reach("C_new is committed by it", net, knows::<D::Server>(S3, &after), &entered)?;
    let net = only(&[S3, S4, C2], &[S3, C2]);
    let wrote = script.reach("and it executes commands", net, client_done(C2), &moved)?;
    let wrote = without_pending(&wrote);
    script
        .stage("the old majority elects nobody", only(&[S1, S2, C1], &[S1, S2, C1]), term + 1)
        .invariant(leads::<D::Server>(S1).not().named("server1 does not win"))
        .invariant(leads::<D::Server>(S2).not().named("server2 does not win"))
        .bounded(FAR)
        .from(&wrote)?;
    let next = script.elect("the new one does", S4, &[S4, S5], &wrote)?;
    let net = only(&[S4, S5, C1], &[S4, C1]);
    script.reach("and executes commands without server3", net, client_done(C1), &next)
}

/// The leader is gone at every stage of {1,2,3} → {3,4,5}: who may win, with whose votes.
pub(crate) fn who_may_win<D: Reconfigurable + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:4", "LEARN:5", "CHANGE:3,4,5"];
    let setup = Setup::<D>::changing(3, 5, &with_noop(), [], &[admin])?;
    setup.changes(search);
    let (change, after) = (joint(&OLD, &[S3, S4, S5]), settled(&[S3, S4, S5]));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S4, S5], &start)?;
    let alone = script.change_begun(S1, &[S4, S5], &change, &ready)?;
    let net = only(&[S1, S2], &[S1]);
    let two = script.reach("C_old,new is on server2, too", net, has::<D::Server>(S2, &change), &alone)?;
    let net = only(&[S1, S2, S4, S5], &[S1]);
    let committed = knows::<D::Server>(S1, &change);
    let stored = script.reach("C_old,new is committed", net, committed, &two)?;
    let net = only(&[S1, S4, S5], &[S1]);
    let new = all_have::<D::Server>(&[S4, S5], &after);
    let left = script.reach("C_new is on server4 and server5", net, new, &stored)?;
    let term = latest_term::<D::Server>(&left.view());
    let rest = [S2, S3, S4, S5];
    let absent: [(&str, &Reached, &[Address], Address); 5] = [
        ("server2 needs new voters, when it has C_old,new", &two, &[S2, S3], S2),
        ("server2 needs two of the new voters", &two, &[S2, S3, S5], S5),
        ("server3 needs a newer log, when C_old,new is committed", &stored, &[S2, S3], S3),
        ("server4 needs old voters, when it has C_old,new", &stored, &[S4, S5], S4),
        ("server2 cannot win without the new voters", &left, &[S1, S2], S2),
    ];
    for (name, from, nodes, candidate) in absent {
        script
            .stage(name, only(nodes, &[candidate]), term + 1)
            .invariant(leads::<D::Server>(candidate).not().named(format!("{candidate} does not win")))
            .bounded(FAR)
            .from(&without_pending(from))?;
    }
    script.elect("alone: server2 wins as before", S2, &[S2, S3], &without_pending(&alone))?;
    script.elect("on two: server2 wins with both majorities", S2, &[S2, S3, S4], &without_pending(&two))?;
    script.elect(
        "committed: server4 wins with both majorities",
        S4,
        &[S2, S3, S4],
        &without_pending(&stored),
    )?;
    let last =
        script.elect("left: server4 wins with the new majority", S4, &[S4, S5], &without_pending(&left))?;
    for (name, from) in [
        ("whatever the others do: C_old,new is on server1", &alone),
        ("whatever the others do: C_old,new is on server2", &two),
        ("whatever the others do: C_old,new is committed", &stored),
        ("whatever the others do: C_new is on server4 and server5", &left),
    ] {
        script.stage(name, only(&rest, &rest), term + 1).bounded(50_000).from(from)?;
    }
    Ok(last)
}

/// Learners store, but they do not count, and they give their votes all the same.
pub(crate) fn learners_do_not_count<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:4", "LEARN:5"];
    let setup = Setup::<D>::changing(3, 5, &with_noop(), [appends(&["x"])], &[admin])?;
    setup.changes(search);
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S4, S5], &start)?;
    let ready = without_pending(&ready);
    let net = || only(&[S1, S4, S5, C1], &[S1, C1]);
    let stored = all_have_command::<D>(&[S4, S5]);
    let stored = script.reach("the learners have a command", net(), stored, &ready)?;
    let term = latest_term::<D::Server>(&stored.view());
    script
        .stage("that is not committed with them", net(), term)
        .invariant(client_done(C1).not().named("one of three is no majority"))
        .bounded(FAR)
        .from(&ready)?;
    script
        .stage("learners do not stand for election", only(&[S1, S4, S5], &[S4, S5]), term + 1)
        .invariant(follows::<D::Server>(S4))
        .invariant(follows::<D::Server>(S5))
        .bounded(FAR)
        .from(&stored)?;
    let stored = without_pending(&stored);
    script
        .stage("their votes do not count", only(&[S2, S4, S5], &[S2]), term + 1)
        .invariant(leads::<D::Server>(S2).not().named("one of three does not win"))
        .bounded(FAR)
        .from(&ready)?;
    let voter = only(&[S1, S2, S4, S5, C1], &[S1, C1]);
    script.reach("with another voter it is committed", voter, client_done(C1), &stored)
}

fn all_have_command<D: Reconfigurable>(servers: &[Address]) -> framework::Predicate {
    let all = servers.iter().map(|server| has_command::<D::Server>(*server, C1, 1));
    all.reduce(|all, one| all.and(&one)).unwrap_or_else(framework::Predicate::always)
}

/// A learner that does not know that it is a voter by now.
pub(crate) fn a_voter_without_knowing<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:3", "CHANGE:1,2,3"];
    let setup = Setup::<D>::changing(2, 3, &with_noop(), [appends(&["x"])], &[admin])?;
    setup.changes(search);
    let (change, after) = (joint(&[S1, S2], &OLD), settled(&OLD));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S3], &start)?;
    let ready = without_pending(&ready);
    let moved = knows::<D::Server>(S1, &after)
        .and(&has::<D::Server>(S2, &after))
        .and(&none_has::<D::Server>(&[S3], &change));
    let moved = moved.named("C_new is committed, and server3 knows of nothing");
    let name = moved.name().to_owned();
    let net = only(&[S1, S2, S3, A1], &[S1, A1]);
    let moved = script.reach(&name, net, moved, &ready)?;
    let term = latest_term::<D::Server>(&moved.view());
    script
        .stage("a learner by its own log does not stand", only(&[S3], &[S3]), term + 1)
        .invariant(follows::<D::Server>(S3))
        .bounded(FAR)
        .from(&moved)?;
    script
        .stage("its log is needed for the next commit", only(&[S1, C1], &[S1, C1]), term)
        .invariant(client_done(C1).not().named("one of three is no majority"))
        .bounded(FAR)
        .from(&moved)?;
    let next = script.elect("server2 wins with its vote", S2, &[S2, S3], &without_pending(&moved))?;
    let net = only(&[S2, S3], &[S2]);
    let told = script.reach("server3 learns of the change", net, knows::<D::Server>(S3, &after), &next)?;
    let net = only(&[S2, S3, C1], &[S2, C1]);
    script.reach("and counts", net, client_done(C1), &told)
}

/// A voter is added only when it has what is committed.
pub(crate) fn catch_up_first<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:4", "CHANGE:1,2,3,4"];
    let setup = Setup::<D>::changing(3, 4, &with_noop(), [appends(&["x"])], &[admin])?;
    setup.changes(search);
    let change = joint(&OLD, &[S1, S2, S3, S4]);
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let led = script.elect("server1 is leader", S1, &[S1, S2], &start)?;
    let net = only(&[S1, S2, A1, C1], &[S1, A1, C1]);
    let added = framework::predicate::client_has_results(A1, 1).and(&client_done(C1));
    let added = script.reach("server4 is a learner that nobody can reach", net, added, &led)?;
    let term = latest_term::<D::Server>(&added.view());
    script
        .stage("it does not become a voter", only(&[S1, S2, A1], &[S1, A1]), term)
        .invariant(has_joint::<D::Server>(S1).not().named("server4 has to catch up first"))
        .bounded(FAR)
        .from(&added)?;
    let net = only(&[S1, S4, A1], &[S1, A1]);
    let caught = script.reach("it catches up", net, has_log_of::<D::Server>(S4, S1), &added)?;
    let net = only(&[S1, S2, S4, A1], &[S1, A1]);
    script.reach("then it does", net, all_have::<D::Server>(&[S1, S4], &change), &caught)
}

/// {1,2,3} → {1,4,5}: a read, and a leader's doubt whether it still leads, ask both majorities.
pub(crate) fn reads_ask_both<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:4", "LEARN:5", "CHANGE:1,4,5"];
    let options = Options { read_index: true, ..with_noop() };
    let get = Workload::parse(KvParser, ["GET:k"])?;
    let setup = Setup::<D>::changing(3, 5, &options, [appends(&["x"]), get], &[admin])?;
    setup.changes(search);
    let change = joint(&OLD, &[S1, S4, S5]);
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S4, S5], &start)?;
    let net = only(&[S1, S4, S5, A1], &[S1, A1]);
    let new = all_have::<D::Server>(&[S1, S4, S5], &change);
    let split = script.reach("C_old,new is on the new voters only", net, new, &without_pending(&ready))?;
    let term = latest_term::<D::Server>(&split.view());
    let other = script.elect("the old majority elects server2", S2, &[S2, S3], &without_pending(&split))?;
    let net = only(&[S2, S3, C1], &[S2, C1]);
    let wrote = script.reach("and executes a command", net, client_done(C1), &other)?;
    script
        .stage("the new majority answers no read", only(&[S1, S4, S5, C2], &[S1, C2]), term + 1)
        .invariant(client_done(C2).not().named("a read without the old majority may be an old one"))
        .bounded(FAR)
        .from(&wrote)?;
    script
        .stage("nor does the old one", only(&[S1, S2, S3, C2], &[S1, C2]), term)
        .invariant(client_done(C2).not().named("a read without the new majority may be an old one"))
        .bounded(FAR)
        .from(&without_pending(&split))?;
    let net = only(&[S1, S2, S4, C2], &[S1, C2]);
    script.reach("both together do", net, client_done(C2), &split)
}
