//! Groups so small that all they can do is searched: one server grows to three, one replaces another, one of two is
//! exchanged.

use framework::predicate::client_done;
use raft::Reconfigurable;
use raft::predicates::{leads, leads_after, term_above};
use raftkit::{
    A1, C1, S1, S2, S3, Script, Setup, all_have, appends, follows, has, joint, knows, latest_term, none_has,
    only, settled, uses, with_noop,
};
use search::Settings;
use testkit::{Failed, Reached, SearchTest};

use super::FAR;

/// Servers may crash once, and start again.
fn one_crash(settings: &mut Settings) {
    settings.faults.crashes(1).restarts(1);
}

/// `server1` alone, then `server2` alone: the one whose log is needed is not in the new configuration.
pub(crate) fn one_replaces_the_other<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let setup = Setup::<D>::changing(1, 2, &with_noop(), [appends(&["x"])], &[&["LEARN:2", "CHANGE:2"]])?;
    setup.changes_and_steps(search);
    let (change, after) = (joint(&[S1], &[S2]), settled(&[S2]));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1], &[S2], &start)?;
    let both = only(&[S1, S2, A1], &[S1, A1]);
    let entered = script.reach("server1 has C_old,new", both, has::<D::Server>(S1, &change), &ready)?;
    script.all("C_old,new needs server2", only(&[S1, A1], &[S1, A1]), &entered)?;
    let both = only(&[S1, S2, A1], &[S1, A1]);
    let left = script.reach(
        "server1 has C_new, of which server2 knows nothing",
        both,
        has::<D::Server>(S1, &after).and(&none_has::<D::Server>(&[S2], &after)),
        &entered,
    )?;
    let both = only(&[S1, S2, A1], &[S1, A1]);
    let done = script.reach("C_new is committed", both, knows::<D::Server>(S1, &after), &left)?;
    let all = only(&[S1, S2, A1, C1], &[S1, A1, C1]);
    let ended = knows::<D::Server>(S1, &after);
    script.can_always("whatever is late or comes twice, the change can end", all, ended, &entered)?;
    let alone = script.lead("server2 leads alone", S2, &[S2], &done)?;
    let wrote = only(&[S2, C1], &[S2, C1]);
    let done = script.reach("server2 executes commands alone", wrote, client_done(C1), &alone)?;
    search
        .stage("every state of two terms, near")
        .prune(term_above::<D::Server>(2))
        .max_depth(15)
        .bounded(FAR)
        .from(&start)?;
    let term = latest_term::<D::Server>(&ready.view());
    search
        .stage("every state of this term after the change began")
        .delivery(only(&[S1, S2, A1], &[S1, S2, A1]))
        .prune(term_above::<D::Server>(term))
        .bounded(FAR)
        .from(&ready)?;
    search
        .stage("and of the next term")
        .delivery(only(&[S1, S2, A1], &[S1, S2]))
        .prune(term_above::<D::Server>(term + 1))
        .max_depth(left.depth() + 5)
        .bounded(FAR)
        .from(&entered)?;
    Ok(done)
}

/// The leader crashes in the middle of {server1} → {server2}, and nobody else can finish what it began.
pub(crate) fn only_one_can_finish<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let setup = Setup::<D>::changing(1, 2, &with_noop(), [], &[&["LEARN:2", "CHANGE:2"]])?;
    setup.changes(search);
    let (change, after) = (joint(&[S1], &[S2]), settled(&[S2]));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1], &[S2], &start)?;
    let mut last = None;
    let entered = has::<D::Server>(S1, &change).and(&none_has::<D::Server>(&[S1, S2], &after));
    let places = [
        (
            "server1 alone has C_old,new",
            "and wins with its own vote and that of server2, which knows of nothing",
            entered.and(&none_has::<D::Server>(&[S2], &change)),
        ),
        (
            "server1 alone has C_new",
            "and wins with the vote of server2 and without its own",
            has::<D::Server>(S1, &after).and(&none_has::<D::Server>(&[S2], &after)),
        ),
    ];
    for (name, wins, place) in places {
        let from = script.reach(name, only(&[S1, S2, A1], &[S1, A1]), place.named(name), &ready)?;
        let term = latest_term::<D::Server>(&from.view());
        let down = script
            .stage("server1 crashes and starts again", only(&[], &[]), term)
            .settings(|settings| {
                one_crash(settings);
                settings.faults.node(S2, false);
            })
            .goal(follows::<D::Server>(S1))
            .from(&from)?;
        let mut down = down.state().clone();
        down.drop_pending_messages();
        let again = script
            .stage(wins, only(&[S1, S2], &[S1]), term + 1)
            .goal(leads_after::<D::Server>(S1, term))
            .from(&down)?;
        let net = only(&[S1, S2], &[S1]);
        let done = script.reach("the change is finished", net, knows::<D::Server>(S2, &after), &again)?;
        last = Some(script.lead("server2 leads alone", S2, &[S2], &done)?);
    }
    let Some(last) = last else { return Err(Failed::because("there are two places to crash at")) };
    search
        .stage("whatever happens around a crash")
        .settings(one_crash)
        .prune(term_above::<D::Server>(2))
        .bounded(150_000)
        .from(&ready)?;
    Ok(last)
}

/// One server takes in two at once: the new majority has none of the old one in it.
pub(crate) fn one_grows_to_three<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:2", "LEARN:3", "CHANGE:1,2,3"];
    let setup = Setup::<D>::changing(1, 3, &with_noop(), [appends(&["x"])], &[admin])?;
    setup.changes(search);
    let (change, after) = (joint(&[S1], &[S1, S2, S3]), settled(&[S1, S2, S3]));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1], &[S2, S3], &start)?;
    let all = || only(&[S1, S2, S3, A1], &[S1, A1]);
    let entered = script.reach("server1 has C_old,new", all(), has::<D::Server>(S1, &change), &ready)?;
    script
        .stage(
            "one of three commits nothing",
            only(&[S1, A1], &[S1, A1]),
            latest_term::<D::Server>(&entered.view()),
        )
        .invariant(knows::<D::Server>(S1, &change).not().named("C_old,new is not committed by server1 alone"))
        .bounded(FAR)
        .from(&entered)?;
    let two = || only(&[S1, S2, A1], &[S1, A1]);
    let done = script.reach("C_new is committed by two", two(), knows::<D::Server>(S2, &after), &entered)?;
    let ended = knows::<D::Server>(S1, &after);
    script.can_always("with two of three the change can always end", two(), ended, &entered)?;
    let other = script.elect("server2 leads with server3", S2, &[S2, S3], &done)?;
    let net = only(&[S2, S3, C1], &[S2, C1]);
    let done = script.reach("two of three execute commands", net, client_done(C1), &other)?;
    script.some("every state of this term after the change began", all(), 150_000, &ready)?;
    let term = latest_term::<D::Server>(&entered.view());
    script
        .stage("and of the next term", only(&[S1, S2, S3], &[S1, S2, S3]), term + 1)
        .bounded(150_000)
        .from(&entered)?;
    Ok(done)
}

/// Of two servers one is exchanged: both configurations need both of their voters.
pub(crate) fn one_of_two_is_exchanged<D: Reconfigurable + Default>(
    search: &mut SearchTest,
) -> Result<Reached, Failed> {
    let admin: &[&str] = &["LEARN:3", "CHANGE:1,3"];
    let setup = Setup::<D>::changing(2, 3, &with_noop(), [appends(&["x"])], &[admin])?;
    setup.changes(search);
    let (change, after) = (joint(&[S1, S2], &[S1, S3]), settled(&[S1, S3]));
    let start = search.start(&setup.system)?;
    let mut script = Script::<D::Server>::new(search);
    let ready = script.learners_ready(S1, &[S1, S2], &[S3], &start)?;
    let entered = script.change_begun(S1, &[S3], &change, &ready)?;
    let committed = knows::<D::Server>(S1, &change);
    for (name, other) in [("with the old voters only", S2), ("with the new voters only", S3)] {
        let term = latest_term::<D::Server>(&entered.view());
        script
            .stage(&format!("C_old,new is not committed {name}"), only(&[S1, other], &[S1, other]), term + 1)
            .invariant(committed.not().named(format!("nothing is committed {name}")))
            .bounded(FAR)
            .from(&entered)?;
    }
    let all = || only(&[S1, S2, S3, A1], &[S1, A1]);
    let both = script.reach("C_old,new is committed with all three", all(), committed, &entered)?;
    let net = only(&[S1, S3, A1], &[S1, A1]);
    let done =
        script.reach("C_new is committed without server2", net, knows::<D::Server>(S1, &after), &both)?;
    let net = only(&[S1, S3, C1], &[S1, C1]);
    let done = script.reach("the new two execute commands", net, client_done(C1), &done)?;
    let ended = knows::<D::Server>(S1, &after);
    script.can_always("whatever is late or comes twice, the change can end", all(), ended, &entered)?;
    let stored = all_have::<D::Server>(&[S2, S3], &change).and(&uses::<D::Server>(S2, &change));
    let stored = script.reach("all have C_old,new", all(), stored, &entered)?;
    let term = latest_term::<D::Server>(&stored.view());
    script.stage("the next term", only(&[S1, S2, S3], &[S2, S3]), term + 1).bounded(150_000).from(&stored)?;
    let next = script.elect("the server that leaves leads in between", S2, &[S1, S2, S3], &stored)?;
    script.reach(
        "and leads the group into C_new",
        only(&[S1, S2, S3], &[S2]),
        knows::<D::Server>(S3, &after),
        &next,
    )?;
    script.reach("then it follows", only(&[S1, S2, S3], &[S2]), leads::<D::Server>(S2).not(), &next)?;
    Ok(done)
}
