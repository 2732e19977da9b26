//! Configurations in logs: cut off, restarted with, in snapshots, one after the other, and what administrators are told.

use clientserver::{append_same_key_workload, appends_linearizable};
use framework::predicate::{client_done, client_has_results, clients_done};
use framework::{Address, Node, Outcome, Predicate};
use raft::predicates::{committed, has_command, leads};
use raft::{AdminResponse, Inspect, Options, Reconfigurable};
use raftkit::{
    A1, A2, C1, C2, S1, S2, S3, S4, S5, S6, Script, Setup, about, all_have, appends, follows, has,
    has_learner, has_log_of, joint, knows, latest_term, none_has, only, settled, snapshot_has, uses,
    with_noop, without_pending,
};
use testkit::{Failed, Reached, SearchTest};

use super::FAR;

const OLD: [Address; 3] = [S1, S2, S3];
const NEW: [Address; 3] = [S1, S4, S5];

/// server1 has C_old,new of {1,2,3} → {1,4,5} alone, and the others go on without it; then it comes back.
pub(crate) fn a_change_is_undone<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admins: [&[&str]; 2] = [&["LEARN:4", "LEARN:5", "CHANGE:1,4,5"], &["CHANGE:1,2,4"]];
    let setup = Setup::<D>::changing(3, 5, &with_noop(), [appends(&["x"])], &admins)?;
    setup.changes_and_steps(search);
    let change = joint(&OLD, &NEW);
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S4, S5], &start)?;
    let followed = has_learner::<D::Server>(S2, S5).and(&knows::<D::Server>(S2, &settled(&OLD)));
    let ready = script.reach("server2 has both learners", only(&[S1, S2], &[S1]), followed, &ready)?;
    let ready = without_pending(&ready);
    let alone = script.change_begun(S1, &[S4, S5], &change, &ready)?;
    let alone = without_pending(&alone);
    let other = script.elect("server2 is leader", S2, &[S2, S3], &alone)?;
    let net = only(&[S2, S3, C1], &[S2, C1]);
    let wrote = script.reach("and executes a command", net, committed::<D::Server>(S2, C1, 1), &other)?;
    let gone = none_has::<D::Server>(&[S1], &change).and(&has_command::<D::Server>(S1, C1, 1));
    let net = only(&OLD, &[S2]);
    let undone = script.reach("server1 gives C_old,new up", net, gone, &wrote)?;
    let term = latest_term::<D::Server>(&undone.view());
    let undone = without_pending(&undone);
    script
        .stage("the other configuration elects nobody", only(&NEW, &[S1]), term + 1)
        .invariant(leads::<D::Server>(S1).not().named("server1 needs one of server2 and server3"))
        .bounded(FAR)
        .from(&undone)?;
    let again = script.elect("the old one does", S1, &[S1, S3], &undone)?;
    let net = only(&[S1, S2, S3, S4, A2], &[S1, A2]);
    let other = joint(&OLD, &[S1, S2, S4]);
    script.reach("and another change can begin", net, has::<D::Server>(S1, &other), &again)
}

/// A server starts again with C_old,new at the end of its log, committed or not.
pub(crate) fn restarts_in_between<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:4", "LEARN:5", "CHANGE:1,4,5"];
    let setup = Setup::<D>::changing(3, 5, &with_noop(), [], &[admin])?;
    setup.changes_and_steps(search);
    setup.durable(search);
    let (change, after) = (joint(&OLD, &NEW), settled(&NEW));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S4, S5], &start)?;
    let ready = without_pending(&ready);
    let alone = script.change_begun(S1, &[S4, S5], &change, &ready)?;
    let term = latest_term::<D::Server>(&alone.view());
    let restarted = script
        .stage("server1 crashes and starts again", only(&[], &[]), term)
        .settings(|settings| {
            settings.faults.crashes(1).restarts(1);
        })
        .goal(follows::<D::Server>(S1).and(&uses::<D::Server>(S1, &change)))
        .from(&alone)?;
    let restarted = without_pending(&restarted);
    for (name, nodes) in [("of the old one", &OLD), ("of the new one", &NEW)] {
        script
            .stage(&format!("it does not win with the majority {name} only"), only(nodes, &[S1]), term + 1)
            .invariant(leads::<D::Server>(S1).not().named("both majorities have to vote"))
            .bounded(FAR)
            .from(&restarted)?;
    }
    let again = script.elect("it wins with both", S1, &[S1, S2, S4], &restarted)?;
    let net = only(&[S1, S2, S4], &[S1]);
    let committed = script.reach("and finishes the change", net, knows::<D::Server>(S4, &after), &again)?;
    script
        .stage("crashes anywhere on the way", only(&[S1, S2, S4], &[S1]), term)
        .settings(|settings| {
            settings.faults.crashes(1).restarts(1);
        })
        .bounded(80_000)
        .from(&alone)?;
    Ok(committed)
}

/// One crash and restart anywhere between the two entries, with elections.
pub(crate) fn crashes_in_between<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let setup = Setup::<D>::changing(3, 4, &with_noop(), [], &[&["LEARN:4", "CHANGE:2,3,4"]])?;
    setup.changes(search);
    setup.durable(search);
    let (change, after) = (joint(&OLD, &[S2, S3, S4]), settled(&[S2, S3, S4]));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S4], &start)?;
    let ready = without_pending(&ready);
    let entered = script.change_begun(S1, &[S4], &change, &ready)?;
    let net = only(&[S1, S2, S4], &[S1]);
    let done = script.reach("C_new is committed", net, knows::<D::Server>(S1, &after), &entered)?;
    let term = latest_term::<D::Server>(&entered.view());
    for (name, nodes) in [("server1, server2 and server4", [S1, S2, S4]), ("those who stay", [S2, S3, S4])] {
        for (from, state) in [("C_old,new", &entered), ("C_new", &done)] {
            script
                .stage(&format!("{name} after {from}"), only(&nodes, &nodes), term + 1)
                .settings(|settings| {
                    settings.faults.crashes(1).restarts(1);
                })
                .bounded(50_000)
                .from(state)?;
        }
    }
    Ok(done)
}

/// `server` has a snapshot and no joint configuration.
fn snapshot_replaced<N: Node + Inspect>(server: Address) -> Predicate {
    about(server, format!("a snapshot has replaced what {server} had"), |node: &N| {
        node.snapshot().is_some() && node.configuration().is_some_and(|used| !used.is_joint())
    })
}

/// Snapshots hold the configuration as of their last entry, joint ones too, for restarts and for those who lag behind.
pub(crate) fn configurations_in_snapshots<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:4", "CHANGE:1,2,4"];
    let options = Options { snapshot_every: Some(1), ..with_noop() };
    let setup = Setup::<D>::changing(3, 4, &options, [appends(&["x"])], &[admin])?;
    setup.changes(search);
    setup.durable(search);
    let new = [S1, S2, S4];
    let (change, after) = (joint(&OLD, &new), settled(&new));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let led = script.elect("server1 is leader", S1, &[S1, S2], &start)?;
    let net = only(&[S1, S2, A1], &[S1, A1]);
    let compacted = client_has_results(A1, 1).and(&has_snapshot_with_learner::<D::Server>(S1, S4));
    let compacted = script.reach("the log that server4 lacks is discarded", net, compacted, &led)?;
    let compacted = without_pending(&compacted);
    let net = only(&[S1, S4], &[S1]);
    let installed = has_snapshot_with_learner::<D::Server>(S4, S4);
    let installed =
        script.reach("server4 learns from a snapshot who is in the group", net, installed, &compacted)?;
    let net = only(&[S1, S2, S4, A1], &[S1, A1]);
    let entered = script.reach("C_old,new is committed", net, knows::<D::Server>(S1, &change), &installed)?;
    let net = only(&[S1, S2, S4], &[S1]);
    let joint_snapshot = snapshot_has::<D::Server>(S2, &change);
    let term = latest_term::<D::Server>(&entered.view());
    let within = script
        .stage("C_old,new is the newest in a snapshot, perhaps", net, term)
        .perhaps(joint_snapshot)
        .from(&entered)?;
    if let Some(within) = &within {
        let again = script
            .stage("who starts again from it uses it", only(&[], &[]), term)
            .settings(|settings| {
                settings.faults.crashes(1).restarts(1).node(S1, false);
            })
            .invariant(uses::<D::Server>(S2, &change).or(&has::<D::Server>(S2, &after)).or(&is_down(S2)))
            .bounded(FAR)
            .from(&**within);
        again?;
    }
    let net = only(&[S1, S2, S4, A1], &[S1, A1]);
    let moved = snapshot_has::<D::Server>(S1, &after).and(&client_done(A1));
    let moved = script.reach("C_new is in a snapshot", net, moved, &entered)?;
    script
        .stage("who starts again from it uses it, too", only(&[], &[]), term)
        .settings(|settings| {
            settings.faults.crashes(1).restarts(1);
        })
        .invariant(uses::<D::Server>(S1, &after).or(&is_down(S1)))
        .bounded(FAR)
        .from(&moved)?;
    // server3 is not in it, but it may be told all the same, and what it gets must not be older than what it is.
    let net = only(&[S1, S2, S4], &[S1]);
    let lagging = script.reach("server4 follows", net, uses::<D::Server>(S4, &after), &moved)?;
    let next = script.elect("server4 leads with server2", S4, &[S2, S4], &without_pending(&lagging))?;
    let net = only(&[S2, S4, C1], &[S4, C1]);
    let done = script.reach("and executes commands", net, client_done(C1), &next)?;
    script.some("old snapshots and entries come late", only(&[S1, S2, S3, S4], &[]), 60_000, &lagging)?;
    Ok(done)
}

fn is_down(server: Address) -> Predicate {
    Predicate::holds(format!("{server} is down"), move |view| !view.is_up(server))
}

/// The snapshot of `server` names `learner` as a learner.
fn has_snapshot_with_learner<N: Node + Inspect>(server: Address, learner: Address) -> Predicate {
    about(server, format!("the snapshot of {server} has the learner {learner}"), move |node: &N| {
        let configuration = node.snapshot().and_then(|snapshot| snapshot.configuration);
        configuration.is_some_and(|configuration| configuration.learners.contains(&learner))
    })
}

/// A snapshot covers the index of a configuration that was never committed.
pub(crate) fn a_snapshot_undoes_a_change<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:4", "LEARN:5", "CHANGE:1,4,5"];
    let options = Options { snapshot_every: Some(1), ..with_noop() };
    let workloads = [appends(&["x", "y"])];
    let setup = Setup::<D>::changing(3, 5, &options, workloads, &[admin])?;
    setup.changes(search);
    let change = joint(&OLD, &NEW);
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S4, S5], &start)?;
    let ready = without_pending(&ready);
    let alone = script.change_begun(S1, &[S4, S5], &change, &ready)?;
    let other = script.elect("server2 is leader", S2, &[S2, S3], &without_pending(&alone))?;
    let net = only(&[S2, S3, C1], &[S2, C1]);
    let wrote = script.reach("its snapshot goes beyond that", net, client_done(C1), &other)?;
    let net = only(&[S1, S2], &[S2]);
    let replaced = snapshot_replaced::<D::Server>(S1).and(&none_has::<D::Server>(&[S1], &change));
    let replaced = replaced.and(&follows::<D::Server>(S1)).and(&has_log_of::<D::Server>(S1, S2));
    let undone = script.reach("server1 gets it", net, replaced, &without_pending(&wrote))?;
    let term = latest_term::<D::Server>(&undone.view());
    let undone = without_pending(&undone);
    script
        .stage("C_old,new elects nobody", only(&NEW, &[S1]), term + 1)
        .invariant(leads::<D::Server>(S1).not().named("server1 needs one of server2 and server3"))
        .bounded(FAR)
        .from(&undone)?;
    script.elect("the old configuration does", S1, &[S1, S3], &undone)
}

/// Two administrators: the second change waits until the first is over.
pub(crate) fn one_change_at_a_time<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admins: [&[&str]; 2] = [&["LEARN:4", "CHANGE:1,2,3,4"], &["CHANGE:1,2"]];
    let setup = Setup::<D>::changing(3, 4, &with_noop(), [], &admins)?;
    setup.changes_and_steps(search);
    let (first, second) = (joint(&OLD, &[S1, S2, S3, S4]), joint(&[S1, S2, S3, S4], &[S1, S2]));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S4], &start)?;
    let ready = without_pending(&ready);
    let entered = script.change_begun(S1, &[S4], &first, &ready)?;
    let term = latest_term::<D::Server>(&entered.view());
    script
        .stage("the second waits for it", only(&[S1, A1, A2], &[S1, A1, A2]), term)
        .invariant(uses::<D::Server>(S1, &first))
        .bounded(FAR)
        .from(&entered)?;
    let net = only(&[S1, S2, S4, A1], &[S1, A1]);
    let told = script.reach("the first is over", net, client_done(A1), &entered)?;
    let net = only(&[S1, S2, S4, A2], &[S1, A2]);
    let again = script.reach("the second begins", net, has::<D::Server>(S1, &second), &told)?;
    let net = only(&[S1, S2, S4, A2], &[S1, A2]);
    let done = script.reach("and is over", net, client_done(A2), &again)?;
    script.some("both at once", only(&[S1, S2, S4, A1, A2], &[S1, A1, A2]), 60_000, &ready)?;
    Ok(done)
}

/// A request of an administrator that comes again, late, is not executed again.
pub(crate) fn old_requests<D: Reconfigurable + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::changing(1, 2, &with_noop(), [], &[&["LEARN:2", "FORGET:2", "CHANGE:1"]])?;
    setup.changes_and_steps(search);
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1], &[S2], &start)?;
    let net = || only(&[S1, S2, A1], &[S1, A1]);
    let done = script.reach("the learner is forgotten", net(), clients_done(), &ready)?;
    let term = latest_term::<D::Server>(&done.view());
    script
        .stage("old requests change nothing", net(), term)
        .invariant(has_learner::<D::Server>(S1, S2).not().named("server2 is no learner again"))
        .bounded(FAR)
        .from(&done)?;
    let down = script
        .stage("server1 crashes and starts again", only(&[], &[]), term)
        .settings(|settings| {
            settings.faults.crashes(1).restarts(1);
        })
        .goal(follows::<D::Server>(S1))
        .from(&done)?;
    let next = script.elect("server1 is leader again", S1, &[S1], &down)?;
    script
        .stage("nor at the next leader", net(), term + 1)
        .invariant(has_learner::<D::Server>(S1, S2).not().named("server2 is no learner again"))
        .bounded(FAR)
        .from(&next)?;
    Ok(done)
}

/// What an administrator is told is so: a change is done when C_new is committed, and a configuration is a settled one.
fn told_the_truth<N: Node + Inspect>(bootstrap: &[Address]) -> Predicate {
    let bootstrap = settled(bootstrap);
    Predicate::new("administrators are told committed configurations", move |view| {
        for worker in view.workers() {
            for told in worker.results::<AdminResponse>().unwrap_or_default() {
                let AdminResponse::Configuration(told) = told else { continue };
                let known = view.nodes::<N>().any(|(server, _)| knows::<N>(server, told).check(view).is_ok());
                if told.is_joint() || !(known || told.voters == bootstrap.voters) {
                    return Outcome::fails(format!(
                        "{} was told {told}, which nobody knows to be committed",
                        worker.address()
                    ))
                    .blaming(worker.address(), "results");
                }
            }
        }
        Outcome::holds()
    })
}

/// When an administrator is told what.
pub(crate) fn administrators_are_told<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admins: [&[&str]; 2] = [&["LEARN:4", "CHANGE:2,3,4"], &["CONFIG"]];
    let setup = Setup::<D>::changing(3, 4, &with_noop(), [], &admins)?;
    setup.changes(search);
    search.invariant(told_the_truth::<D::Server>(&OLD));
    let (change, after) = (joint(&OLD, &[S2, S3, S4]), settled(&[S2, S3, S4]));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S4], &start)?;
    let ready = without_pending(&ready);
    let entered = script.change_begun(S1, &[S4], &change, &ready)?;
    let net = only(&[S1, S2, S4], &[S1]);
    let left = has::<D::Server>(S1, &after).and(&knows::<D::Server>(S1, &after).not());
    let left = script.reach("C_new is in the log", net, left, &entered)?;
    let term = latest_term::<D::Server>(&left.view());
    let nothing = client_has_results(A1, 2).or(&client_has_results(A2, 1)).not();
    for (name, from) in [("while the two are in force", &entered), ("while C_new is not committed", &left)] {
        script
            .stage(&format!("nobody is told anything {name}"), only(&[S1, A1, A2], &[S1, A1, A2]), term)
            .invariant(nothing.named("there is nothing to tell yet"))
            .bounded(FAR)
            .from(&without_pending(from))?;
    }
    // C_old,new is committed here, and in some designs C_new waits for the leader's timer.
    let (all, timers) = ([S1, S2, S4, A1, A2], [S1, A1, A2]);
    script.some(
        "nor when C_old,new is committed",
        only(&all, &timers),
        60_000,
        &without_pending(&entered),
    )?;
    // The leader leaves, so the next one may have to say it.
    let net = only(&[S1, S2, S4], &[S1]);
    let moved = knows::<D::Server>(S2, &after).and(&follows::<D::Server>(S1));
    let moved = script.reach("the leader has left", net, moved, &left)?;
    let next = script.lead("server2 leads", S2, &[S2, S4], &without_pending(&moved))?;
    let net = only(&[S2, S4, A1, A2], &[S2, A1, A2]);
    let told = client_done(A1).and(&client_done(A2));
    let done = script.reach("both administrators are told", net, told, &next)?;
    script.some("around it", only(&[S1, S2, S4, A1, A2], &[S1, A1, A2]), 60_000, &left)?;
    Ok(done)
}

/// What two leaders do who do not know of each other: each changes the group in its own way.
struct Divergence {
    members: u16,
    count: u16,
    learners: &'static [Address],
    first: &'static [&'static str],
    second: &'static str,
    old: &'static [Address],
    changes: [&'static [Address]; 2],
    /// Who hears of the first change, and might follow server1 later.
    with_first: &'static [Address],
    /// Who hears of the second.
    with_second: &'static [Address],
}

/// The scenarios in which changes of one server at a time, as the dissertation had them first, split a group. (Ongaro,
/// "bug in single-server membership changes", raft-dev, 2015)
fn diverge<D: Reconfigurable + Default>(
    search: &mut SearchTest,
    plan: &Divergence,
) -> Result<Reached, Failed> {
    let admins: [&[&str]; 2] = [plan.first, &[plan.second]];
    let workloads = [appends(&["x"]), appends(&["y"])];
    let setup = Setup::<D>::changing(plan.members, plan.count, &with_noop(), workloads, &admins)?;
    setup.changes(search);
    search.invariant(appends_linearizable(setup.clients.clone()));
    let [first, second] = plan.changes;
    let change = joint(plan.old, first);
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let majority = [S1, S2, S3];
    let led = script.elect("server1 is leader", S1, &majority, &start)?;
    let ready = if plan.learners.is_empty() {
        let own = about(S1, "an entry of its term is committed", |node: &D::Server| {
            node.entry(node.commit_index()).is_some_and(|entry| entry.term == node.current_term())
        });
        script.reach("and knows what is committed", only(&majority, &[S1]), own, &led)?
    } else {
        script.learners_added(S1, &majority, plan.learners, &led)?
    };
    let ready = without_pending(&ready);
    let with_admin = [plan.with_first, &[A1]].concat();
    let stored = all_have::<D::Server>(plan.with_first, &change);
    let split = script.reach("server1 begins one change", only(&with_admin, &[S1, A1]), stored, &ready)?;
    let other = script.elect("server2 is leader", S2, &[S2, S3, S4], &without_pending(&split))?;
    let other = script.all_follow(S2, plan.with_second, &other)?;
    let with_admin = [plan.with_second, &[A2]].concat();
    let moved = knows::<D::Server>(S2, &settled(second));
    let moved = script.reach("and makes another", only(&with_admin, &[S2, A2]), moved, &other)?;
    let with_client = [plan.with_second, &[C2]].concat();
    let wrote = script.reach(
        "its group executes a command",
        only(&with_client, &[S2, C2]),
        client_done(C2),
        &moved,
    )?;
    let term = latest_term::<D::Server>(&wrote.view());
    let others = [plan.with_first, &[S4, C1]].concat();
    script
        .stage("server1's group comes to nothing", only(&others, &[S1, C1]), term + 1)
        .invariant(leads::<D::Server>(S1).not().or(&stays_first::<D::Server>(term)))
        .invariant(client_done(C1).not().named("client1 is not answered"))
        .bounded(FAR)
        .from(&without_pending(&wrote))?;
    let all = [plan.with_second, &[S1, C1]].concat();
    script.reach("together they execute the next one", only(&all, &[S2, C1]), client_done(C1), &wrote)
}

/// server1 leads in no term after `term`.
fn stays_first<N: Node + Inspect>(term: u64) -> Predicate {
    about(S1, format!("server1 is in no term after {term}"), move |node: &N| node.current_term() <= term)
}

/// One is added, one removed.
pub(crate) fn one_added_one_removed<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    diverge::<D>(
        search,
        &Divergence {
            members: 4,
            count: 5,
            learners: &[S5],
            first: &["LEARN:5", "CHANGE:1,2,3,4,5"],
            second: "CHANGE:2,3,4",
            old: &[S1, S2, S3, S4],
            changes: [&[S1, S2, S3, S4, S5], &[S2, S3, S4]],
            with_first: &[S1, S5],
            with_second: &[S2, S3, S4],
        },
    )
}

/// Two are added.
pub(crate) fn two_added<D: Reconfigurable + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    diverge::<D>(
        search,
        &Divergence {
            members: 4,
            count: 6,
            learners: &[S5, S6],
            first: &["LEARN:5", "LEARN:6", "CHANGE:1,2,3,4,5"],
            second: "CHANGE:1,2,3,4,6",
            old: &[S1, S2, S3, S4],
            changes: [&[S1, S2, S3, S4, S5], &[S1, S2, S3, S4, S6]],
            with_first: &[S1, S5],
            with_second: &[S2, S3, S4, S6],
        },
    )
}

/// Two are removed.
pub(crate) fn two_removed<D: Reconfigurable + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    diverge::<D>(
        search,
        &Divergence {
            members: 4,
            count: 4,
            learners: &[],
            first: &["CHANGE:1,3,4"],
            second: "CHANGE:2,3,4",
            old: &[S1, S2, S3, S4],
            changes: [&[S1, S3, S4], &[S2, S3, S4]],
            with_first: &[S1],
            with_second: &[S2, S3, S4],
        },
    )
}

/// Everything at once, along random ways.
pub(crate) fn random<D: Reconfigurable + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let admins: [&[&str]; 2] = [&["LEARN:4", "CHANGE:2,3,4"], &["CHANGE:1,2"]];
    let workloads = vec![append_same_key_workload(2); 2];
    let setup = Setup::<D>::changing(3, 4, &with_noop(), workloads, &admins)?;
    setup.changes_and_steps(search);
    search.invariant(appends_linearizable(setup.clients.clone()));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S4], &start)?;
    let net = only(&[S1, S2, S4, A1], &[S1, A1]);
    let over = knows::<D::Server>(S1, &settled(&[S2, S3, S4]));
    let moved = script.reach("the first change is over", net, over, &ready)?;
    for (name, from) in
        [("from the start", &start), ("from the learner", ready.state()), ("from the change", moved.state())]
    {
        search
            .stage(&format!("random walks {name}"))
            .settings(|settings| {
                settings.faults.crashes(1).restarts(1);
            })
            .random(40)
            .max_depth(200)
            .from(from)?;
    }
    Ok(moved)
}
