//! Searches for elections that should not begin, should not be won, or should be possible and are not.

use clientserver::appends_linearizable;
use framework::{Address, Outcome, Predicate};
use raft::predicates::{has_command, has_role, in_term_after, leads, leads_after, term_above, voted};
use raft::{Design, Options, Role};
use raftkit::{C1, C2, S1, S2, S3, Script, Setup, appends, latest_term, only, without_pending};
use search::{Delivery, State};
use testkit::{Failed, Reached, SearchTest, Starts};

use super::options;

pub(crate) const THREE: [Address; 3] = [S1, S2, S3];

/// Servers and clients that append these values, in a search that checks everything.
pub(crate) fn setup<D: Design + Default>(
    search: &mut SearchTest,
    servers: u16,
    options: &Options,
    values: &[&[&str]],
) -> Result<Setup<D>, Failed> {
    let setup = Setup::<D>::with_options(servers, options, values.iter().map(|values| appends(values)))?;
    setup.everything(search);
    setup.durable(search);
    if !values.is_empty() {
        search.invariant(appends_linearizable(setup.clients.clone()));
    }
    Ok(setup)
}

/// `server1` leads, and `server2` has heard of it: it has a command of `client1`, which `server3` has not. Nothing is on its
/// way.
fn led<D: Design>(script: &mut Script<'_, D::Server>, from: &State) -> Result<State, Failed> {
    let leader = script.elect("server1 is leader", S1, &THREE, from)?;
    let knows = has_command::<D::Server>(S2, C1, 1);
    let net = only(&[S1, S2, C1], &[S1, C1]);
    let led = script.reach("server1 leads, and server2 knows", net, knows, &leader)?;
    Ok(without_pending(&led))
}

/// `server` becomes leader in one of the two terms after all that there were. The timers of all of `among` fire, so that
/// they stop waiting for a leader that is gone; who stops waiting may stand for election itself, in the first of the two.
pub(crate) fn succeed<D: Design, S: Starts + ?Sized>(
    script: &mut Script<'_, D::Server>,
    name: &str,
    server: Address,
    among: &[Address],
    from: &S,
) -> Result<Reached, Failed> {
    let latest = from.states().iter().map(|state| latest_term::<D::Server>(&state.view())).max().unwrap_or(0);
    let goal = leads_after::<D::Server>(server, latest);
    script.stage(name, only(among, among), latest + 2).goal(goal).from(from)
}

/// No server is in a term after `term`.
fn nobody_after<D: Design>(term: u64, name: &str) -> Predicate {
    term_above::<D::Server>(term).not().named(name)
}

pub(crate) fn keeps_term<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    setup::<D>(search, 3, &options(), &[&["x"]])?;
    let pre_vote_only = Options { check_quorum: false, ..options() };
    terms_kept::<D>(search, &pre_vote_only)?;
    terms_kept::<D>(search, &options())
}

/// `server3` asks for votes when there is a leader, when it is alone, and when there is none.
fn terms_kept<D: Design + Default>(search: &mut SearchTest, options: &Options) -> Result<Reached, Failed> {
    let setup = Setup::<D>::with_options(3, options, [appends(&["x"])])?;
    let start = setup.start(search)?;
    let led = led::<D>(&mut Script::new(search), &start)?;
    let term = latest_term::<D::Server>(&led.view());
    let kept = || nobody_after::<D>(term, "no term changes while a leader is heard by a majority");
    let stage = search.stage("server3 asks for votes").invariant(kept());
    stage.delivery(only(&[S1, S2, S3, C1], &[S3])).bounded(100_000).from(&led)?;
    let alone = search.stage("server3 is alone").delivery(only(&[], &[S3])).invariant(kept());
    alone.exhaust().from(&led)?;
    let net = only(&[S1, S3, C1], &[S1, C1]);
    let all = has_command::<D::Server>(S3, C1, 1);
    let all = Script::<D::Server>::new(search).reach("server3 has all entries", net, all, &led)?;
    let stage = search.stage("server3, whose log is complete, asks for votes").invariant(kept());
    stage.delivery(only(&[S1, S2, S3], &[S3])).bounded(100_000).from(&without_pending(&all))?;
    // The leader is gone, and server3 lacks an entry.
    let stands = has_role::<D::Server>(S3, Role::Candidate).not();
    let stands = stands.named("who lacks an entry of those who answer does not stand");
    let stage = search.stage("server3 asks when the leader is gone").invariant(stands);
    let stage = stage.delivery(only(&[S2, S3], &[S2, S3])).prune(leads::<D::Server>(S2));
    stage.prune(term_above::<D::Server>(term + 1)).bounded(100_000).from(&led)?;
    succeed::<D, _>(&mut Script::new(search), "server2 is leader", S2, &[S2, S3], &led)
}

pub(crate) fn late_answers<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>(search, 3, &options(), &[])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    // server3 asks first, and server1 wins; then the answers to server3 arrive.
    let asks = has_role::<D::Server>(S3, Role::PreCandidate);
    let asks = script.stage("server3 asks whether it could win", only(&THREE, &[S3]), 1).goal(asks);
    let asks = asks.from(&start)?;
    let answered = raftkit::deliver_all(&raftkit::deliver_all(&asks, S3, S1)?, S3, S2)?;
    let goal = leads::<D::Server>(S1).and(&in_term_after::<D::Server>(S3, 0));
    let goal = goal.named("server1 is leader, and server3 knows its term");
    let net = only(&THREE, &[S1]);
    let first = script.stage("server1 wins, and server3 hears of it", net, 1).goal(goal).from(&answered)?;
    let term = latest_term::<D::Server>(&first.view());
    let kept = nobody_after::<D>(term, "answers to an earlier question begin no election");
    let stage = search.stage("the answers arrive now").delivery(only(&THREE, &[])).invariant(kept);
    stage.exhaust().from(&first)?;
    // server3 stands, and everything that it was ever told arrives again.
    let mut script = Script::<D::Server>::new(search);
    let stands = has_role::<D::Server>(S3, Role::Candidate);
    let stands = script.stage("server3 stands", only(&THREE, &[S3]), 1).goal(stands).from(&start)?;
    script.some("pre-votes are no votes", only(&THREE, &[]), 100_000, &stands)?;
    let term = latest_term::<D::Server>(&stands.view());
    let asks = has_role::<D::Server>(S3, Role::PreCandidate).and(&voted::<D::Server>(S2, S3));
    let asks = asks.named("server3 has a vote, and asks again whether it could win");
    let stage = script.stage("server3 asks again", only(&THREE, &[S3]), term);
    if let Some(asks) = stage.perhaps(asks).from(&stands)? {
        let kept = nobody_after::<D>(term, "votes are no pre-votes");
        let stage = search.stage("votes are no pre-votes").delivery(only(&THREE, &[])).invariant(kept);
        let mut asks = asks.state().clone();
        // The answers to what it asked just now would be right; there are none as long as nobody hears it.
        asks.drop_pending_messages();
        asks.undrop_messages_from(S2);
        stage
            .delivery(|delivery: &mut Delivery| {
                only(&[], &[])(delivery);
                delivery.link(S2, S3, true);
            })
            .exhaust()
            .from(&asks)?;
    }
    let mut script = Script::<D::Server>::new(search);
    script.stage("server3 is leader", only(&THREE, &[S3]), term).goal(leads::<D::Server>(S3)).from(&stands)
}

pub(crate) fn still_live<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>(search, 3, &options(), &[&["x"], &["y"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let gone = led::<D>(&mut script, &start)?;
    let second =
        succeed::<D, _>(&mut script, "server1 is gone, and server2 is leader", S2, &[S2, S3], &gone)?;
    succeed::<D, _>(
        &mut script,
        "server2 is gone, and server1 is leader",
        S1,
        &[S1, S3],
        &without_pending(&second),
    )?;
    // server1 has entries that server3 lacks, and steps down without hearing of the later term of server3.
    let net = only(&[S1, C2], &[S1, C2]);
    let longer = has_command::<D::Server>(S1, C2, 1);
    let longer = script.reach("server1 has an entry that nobody else gets", net, longer, &gone)?;
    let second =
        succeed::<D, _>(&mut script, "the others elect server2", S2, &[S2, S3], &without_pending(&longer))?;
    let down = has_role::<D::Server>(S1, Role::Leader).not().named("server1 does not lead any more");
    let term = latest_term::<D::Server>(&second.view());
    let stage = script.stage("server1 hears from nobody, and steps down", only(&[], &[S1]), term);
    let down = without_pending(stage.goal(down).from(&second)?.state());
    succeed::<D, _>(
        &mut script,
        "server2 is gone, and server1, whose log is longer, learns the term of server3 and wins",
        S1,
        &[S1, S3],
        &down,
    )
}

pub(crate) fn refused<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let options = Options { pre_vote: false, ..options() };
    let setup = setup::<D>(search, 3, &options, &[&["x"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    // From its election nothing is on its way, so that later on only what it sends as a leader is.
    let leader = script.elect("server1 is leader", S1, &THREE, &start)?;
    let leader = without_pending(&leader);
    let knows = has_command::<D::Server>(S2, C1, 1);
    let net = only(&[S1, S2, C1], &[S1, C1]);
    let sent = script.reach("server1 leads, and server2 knows", net, knows, &leader)?;
    let led = without_pending(&sent);
    let term = latest_term::<D::Server>(&led.view());
    let stays = Predicate::new("who hears from a leader stays in its term", move |view| {
        for server in [S1, S2] {
            let now = view.node::<D::Server>(server).map_or(term, raft::Inspect::current_term);
            if now > term {
                let reason = format!(
                    "{server} was in term {term} with a leader that it heard from, or was that leader, and went on to term \
                     {now} because another server asked for its vote"
                );
                return Outcome::fails(reason).blaming(server, "current_term");
            }
        }
        Outcome::holds()
    });
    // The leader does not talk to server3, else it would learn of the later term, which it may.
    let net = |delivery: &mut Delivery| {
        only(&[S2, S3], &[S3])(delivery);
        delivery.link(S3, S1, true);
    };
    let stage = search.stage("server3 stands again and again").delivery(net).invariant(stays);
    stage.prune(term_above::<D::Server>(term + 3)).exhaust().from(&led)?;
    // What the leader sent it, it refuses, and the leader learns why; or it would refuse all that comes, for ever.
    let mut script = Script::<D::Server>::new(search);
    let later = in_term_after::<D::Server>(S3, term + 1);
    let later = script
        .stage("server3 goes on to a later term", only(&[], &[S3]), term + 2)
        .goal(later)
        .from(&sent)?;
    let learns = in_term_after::<D::Server>(S1, term + 1);
    script.reach(
        "it refuses what the leader sent, and the leader learns its term",
        only(&[S1, S3], &[]),
        learns,
        &later,
    )?;
    succeed::<D, _>(&mut script, "server1 is gone, and server2 is leader", S2, &[S2, S3], &led)
}

pub(crate) fn check_quorum<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let alone = setup::<D>(search, 1, &options(), &[])?;
    let start = alone.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &[S1], &start)?;
    let stays = leads::<D::Server>(S1).named("a leader that is alone in its group leads");
    search.stage("a group of one").invariant(stays).bounded(20_000).from(&leader)?;
    for servers in [3, 5] {
        let setup = Setup::<D>::with_options(servers, &options(), [])?;
        let start = setup.start(search)?;
        let all = raft::server_addresses(servers);
        let mut script = Script::<D::Server>::new(search);
        let leader = script.elect("server1 is leader", S1, &all, &start)?;
        let deaf = |delivery: &mut Delivery| {
            only(&[], &[S1])(delivery);
            for server in &all {
                delivery.link(S1, *server, true);
            }
        };
        let down = has_role::<D::Server>(S1, Role::Leader).not().named("server1 does not lead any more");
        let down = script.reach("it hears from nobody, and steps down", deaf, down, &leader)?;
        if servers == 5 {
            return Ok(down);
        }
    }
    Err(Failed::because("there is no group of five"))
}
