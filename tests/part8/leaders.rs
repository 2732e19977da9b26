//! Leaders in the middle of a change: who finishes it, who leaves, and who must be quiet afterwards.

use clientserver::appends_linearizable;
use framework::Address;
use framework::predicate::client_done;
use raft::predicates::{has_command, leads, leads_after};
use raft::{Options, Reconfigurable};
use raftkit::{
    A1, A2, C1, C2, S1, S2, S3, S4, S5, S6, Script, Setup, all_have, appends, deliver_all, follows, has,
    has_learner, joint, knows, latest_term, none_has, only, settled, stays_in_term, with_noop,
    without_pending,
};
use testkit::{Failed, Reached, SearchTest};

use super::FAR;

const OLD: [Address; 3] = [S1, S2, S3];

/// A leader that finds C_old,new in its log leads the group out of it, whoever began the change, and nobody asks again.
pub(crate) fn the_next_leader_finishes<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:4", "LEARN:5", "CHANGE:3,4,5"];
    let setup = Setup::<D>::changing(3, 5, &with_noop(), [appends(&["x"])], &[admin])?;
    setup.changes_and_steps(search);
    let (change, after) = (joint(&OLD, &[S3, S4, S5]), settled(&[S3, S4, S5]));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S4, S5], &start)?;
    let begun = script.change_begun(S1, &[S4, S5], &change, &ready)?;
    let net = only(&[S1, S2], &[S1]);
    let stored =
        script.reach("C_old,new is on server1 and server2", net, has::<D::Server>(S2, &change), &begun)?;
    let rest = [S2, S3, S4];
    let next = script.elect("server2 wins", S2, &rest, &without_pending(&stored))?;
    let term = latest_term::<D::Server>(&next.view());
    script
        .stage("C_new waits until C_old,new is committed", only(&[S2, S3], &[S2]), term)
        .invariant(
            has::<D::Server>(S2, &after).not().named("C_old,new is not committed by the old voters alone"),
        )
        .bounded(FAR)
        .from(&without_pending(&next))?;
    let next = script.all_follow(S2, &[S3], &next)?;
    let (net, ended) = (only(&rest, &[S2]), knows::<D::Server>(S4, &after));
    let finished = script.reach("and finishes the change", net, ended.clone(), &next)?;
    script.can_always("as it always can", only(&rest, &[S2]), ended, &next)?;

    let net = only(&[S1, S2, S4, S5], &[S1]);
    let committed = knows::<D::Server>(S1, &change).and(&none_has::<D::Server>(&[S2, S4, S5], &after));
    let committed =
        script.reach("C_old,new is committed, C_new on server1 at most", net, committed, &stored)?;
    let next = script.elect("server4 wins", S4, &rest, &without_pending(&committed))?;
    // server5 is down, and of either configuration a majority is not.
    let next = script.all_follow(S4, &[S2, S3], &next)?;
    script.reach(
        "and finishes the change, too",
        only(&rest, &[S4]),
        knows::<D::Server>(S3, &after),
        &next,
    )?;
    let net = only(&[S3, S4, C1], &[S4, C1]);
    let led = script.elect("a new voter leads", S4, &[S3, S4], &finished)?;
    script.reach("the new group executes commands", net, client_done(C1), &led)
}

/// {1,2,3} → {2,3,4} under server1: it leads until C_new is committed, without counting itself, and then no more.
pub(crate) fn the_leader_leaves<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:4", "CHANGE:2,3,4"];
    let setup = Setup::<D>::changing(3, 4, &with_noop(), [appends(&["x"])], &[admin])?;
    setup.changes_and_steps(search);
    let after = settled(&[S2, S3, S4]);
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S4], &start)?;
    let net = || only(&[S1, S2, S4, A1], &[S1, A1]);
    let alone = has::<D::Server>(S1, &after).and(&none_has::<D::Server>(&[S2, S3, S4], &after));
    let left =
        script.reach("C_new is on server1 alone", net(), alone.and(&leads::<D::Server>(S1)), &ready)?;
    let term = latest_term::<D::Server>(&left.view());
    script
        .stage("it does not count itself", only(&[S1, S2, C1], &[S1, C1]), term)
        .invariant(knows::<D::Server>(S1, &after).not().named("one of three is no majority"))
        .invariant(client_done(C1).not().named("client1 is not answered"))
        .bounded(FAR)
        .from(&left)?;
    let committed = knows::<D::Server>(S1, &after);
    let ended = script.reach("C_new is committed", net(), committed.clone(), &left)?;
    script.can_always("as it always can be", net(), committed, &left)?;
    let all = || only(&[S1, S2, S4], &[S1]);
    let gone = script.reach("server1 leads no more", all(), follows::<D::Server>(S1), &ended)?;
    script
        .stage("and never again", only(&[S1, S2, S3, S4], &[S1]), term + 1)
        .invariant(follows::<D::Server>(S1))
        .bounded(FAR)
        .from(&gone)?;
    let next = script.lead("another leads", S2, &[S2, S4], &without_pending(&gone))?;
    let net = only(&[S2, S4, C1], &[S2, C1]);
    let done = script.reach("and executes commands", net, client_done(C1), &next)?;

    // Before C_new is committed server1 may have to win once more, with the others' votes and without its own.
    let heard = without_pending(&left);
    let higher = script
        .stage("server2 stands in vain", only(&[S1, S2], &[S2]), term + 1)
        .goal(follows::<D::Server>(S1).and(&leads::<D::Server>(S2).not()))
        .from(&heard)?;
    let again = script.elect("server1 wins once more", S1, &[S1, S2, S3], &without_pending(&higher))?;
    let again = script.all_follow(S1, &[S3, S2], &again)?;
    let net = only(&[S1, S2, S3], &[S1]);
    script.reach("and commits C_new", net, knows::<D::Server>(S2, &after), &again)?;
    Ok(done)
}

/// {1,2,3} → {4,5,6}: nobody stays.
pub(crate) fn the_whole_group_is_replaced<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:4", "LEARN:5", "LEARN:6", "CHANGE:4,5,6"];
    let setup = Setup::<D>::changing(3, 6, &with_noop(), [appends(&["x"]), appends(&["y"])], &[admin])?;
    setup.changes(search);
    search.invariant(appends_linearizable(setup.clients.clone()));
    let new = [S4, S5, S6];
    let (change, after) = (joint(&OLD, &new), settled(&new));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let led = script.elect("server1 leads", S1, &[S1, S2], &start)?;
    let net = only(&[S1, S2, C1], &[S1, C1]);
    let wrote = script.reach("the old group executes a command", net, client_done(C1), &led)?;
    let ready = script.learners_added(S1, &[S1, S2], &new, &without_pending(&wrote))?;
    let ready = without_pending(&ready);
    let entered = script.change_begun(S1, &new, &change, &ready)?;
    let net = only(&[S1, S2, S4, S5], &[S1]);
    let committed = script.reach("C_old,new is committed", net, knows::<D::Server>(S1, &change), &entered)?;
    let net = only(&[S1, S4, S5], &[S1]);
    let left = script.reach("C_new is committed", net, knows::<D::Server>(S1, &after), &committed)?;
    let term = latest_term::<D::Server>(&left.view());
    script
        .stage("the old group executes nothing more", only(&[S1, S2, S3, C2], &[S2, S3, C2]), term + 1)
        .invariant(client_done(C2).not().named("client2 is not answered by those who left"))
        .bounded(FAR)
        .from(&without_pending(&left))?;
    let next = script.lead("a new voter leads", S4, &[S4, S5], &without_pending(&left))?;
    let net = only(&[S4, S5, C2], &[S4, C2]);
    let done = script.reach(
        "the new group executes a command",
        net,
        client_done(C1).and(&client_done(C2)),
        &next,
    )?;
    script.some(
        "whatever both groups do",
        only(&[S1, S2, S4, S5, S6], &[S4]),
        50_000,
        &without_pending(&next),
    )?;
    Ok(done)
}

/// server3 is removed without hearing of it, and stands for election again and again.
fn a_removed_server<D: Reconfigurable + Default>(
    search: &mut SearchTest,
    options: &Options,
) -> Result<Reached, Failed> {
    let setup = Setup::<D>::changing(3, 3, options, [appends(&["x"])], &[&["CHANGE:1,2"]])?;
    setup.changes(search);
    let after = settled(&[S1, S2]);
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let led = script.elect("server1 is leader", S1, &[S1, S2], &start)?;
    let net = only(&[S1, S2, A1], &[S1, A1]);
    let moved = knows::<D::Server>(S2, &after).and(&leads::<D::Server>(S1)).and(&client_done(A1));
    let moved = moved.named("server2 knows that server3 is removed");
    let moved = script.reach("server3 is removed", net, moved, &led)?;
    let term = latest_term::<D::Server>(&moved.view());
    script
        .stage("server3 changes nobody's term", only(&OLD, &[S3]), term + 3)
        .invariant(stays_in_term::<D::Server>(S1, term))
        .invariant(stays_in_term::<D::Server>(S2, term))
        .bounded(FAR)
        .from(&without_pending(&moved))?;
    let net = only(&[S1, S2, S3, C1], &[S1, C1]);
    script.reach("the others go on", net, client_done(C1), &moved)
}

/// Without pre-votes: who hears from its leader ignores requests for votes, and their terms.
pub(crate) fn removed_servers_are_ignored<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    a_removed_server::<D>(search, &Options { check_quorum: true, ..with_noop() })
}

/// With pre-votes, too.
pub(crate) fn removed_servers_ask_first<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    a_removed_server::<D>(search, &Options { check_quorum: true, pre_vote: true, ..with_noop() })
}

/// {1,2,3} → {1}, and the others stay as learners.
pub(crate) fn voters_become_learners<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let setup = Setup::<D>::changing(3, 3, &with_noop(), [appends(&["x"])], &[&["RETAIN:1"]])?;
    setup.changes_and_steps(search);
    let (change, after) = (joint(&OLD, &[S1]), settled(&[S1]));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let led = script.elect("server1 leads", S1, &[S1, S2], &start)?;
    let net = only(&[S1, S2, A1], &[S1, A1]);
    let entered = script.reach("C_old,new is in its log", net, has::<D::Server>(S1, &change), &led)?;
    let term = latest_term::<D::Server>(&entered.view());
    script
        .stage("server1 is not enough for it", only(&[S1, A1], &[S1, A1]), term)
        .invariant(knows::<D::Server>(S1, &change).not().named("the old voters count until C_new"))
        .bounded(FAR)
        .from(&without_pending(&entered))?;
    let net = only(&[S1, S2], &[S1]);
    let committed =
        script.reach("with server2 it is committed", net, knows::<D::Server>(S1, &change), &entered)?;
    let learners = has_learner::<D::Server>(S1, S2).and(&has_learner::<D::Server>(S1, S3));
    let left = knows::<D::Server>(S1, &after).and(&learners);
    let net = only(&[S1, A1], &[S1, A1]);
    let left = script.reach("server2 and server3 are learners", net, left, &committed)?;
    let alone = script.reach("server1 executes alone", only(&[S1, C1], &[S1, C1]), client_done(C1), &left)?;
    let still = all_have::<D::Server>(&[S2, S3], &after).and(&has_command::<D::Server>(S3, C1, 1));
    let net = only(&OLD, &[S1]);
    let followed = script.reach("the others follow", net, still, &alone)?;
    script
        .stage("and stand no more", only(&OLD, &[S2, S3]), term + 1)
        .invariant(follows::<D::Server>(S2).or(&knows::<D::Server>(S2, &after).not()))
        .bounded(50_000)
        .from(&followed)?;
    Ok(followed)
}

/// While server1 hands over it takes in nothing; when that comes to nothing, the change goes on.
pub(crate) fn a_transfer_in_between<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admins: [&[&str]; 2] = [&["LEARN:4", "CHANGE:2,3,4"], &["TRANSFER:4"]];
    let setup = Setup::<D>::changing(3, 4, &with_noop(), [appends(&["x"])], &admins)?;
    setup.changes(search);
    let (change, after) = (joint(&OLD, &[S2, S3, S4]), settled(&[S2, S3, S4]));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S4], &start)?;
    let entered = script.change_begun(S1, &[S4], &change, &ready)?;
    let term = latest_term::<D::Server>(&entered.view());
    let joined = leads_after::<D::Server>(S4, term).and(&none_has::<D::Server>(&[S4], &after));
    let handed = script
        .stage("server4, which joins, leads in between", only(&[S1, S2, S4, A2], &[S1, A2]), term + 1)
        .goal(joined)
        .from(&entered)?;
    let handed = script.all_follow(S4, &[S3, S2], &handed)?;
    let net = only(&[S2, S3, S4], &[S4]);
    let done = script.reach("and finishes the change", net, knows::<D::Server>(S2, &after), &handed)?;

    // server4 does not answer, so nothing comes of the transfer.
    let asked = deliver_all(&entered, A2, S1)?;
    let net = only(&OLD, &[]);
    let committed = knows::<D::Server>(S1, &change);
    let meanwhile = script.reach("C_old,new is committed during a transfer", net, committed, &asked)?;
    let net = only(&OLD, &[S1]);
    script.reach("and the change goes on after it", net, knows::<D::Server>(S2, &after), &meanwhile)?;
    Ok(done)
}
