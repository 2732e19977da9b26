//! Figure 8 of the paper with five servers, in stages: an entry of an earlier term is on a majority, and is overwritten.

use clientserver::appends_linearizable;
use framework::Address;
use framework::predicate::client_done;
use raft::Design;
use raft::predicates::{committed, has_command};
use raftkit::{
    C1, C2, S1, S2, S3, S4, S5, Script, Setup, appends, last_entry_after, latest_term, only, without_pending,
};
use search::State;
use testkit::{Failed, Reached, SearchTest};

const ALL: [Address; 5] = [S1, S2, S3, S4, S5];

/// `client1` appends x, `client2` appends y.
fn setup<D: Design + Default>() -> Result<Setup<D>, Failed> {
    Setup::new(5, [appends(&["x"]), appends(&["y"])])
}

/// Stage (c) of the figure.
struct StageC {
    /// `server1` is leader again, in the third term, and its entry x of the first term is on servers 1, 2 and 3.
    reached: Reached,
    /// The second term, in which `server5` was leader.
    second: u64,
    /// Whether `server3` has nothing of the third term yet. Designs that send x together with an empty entry of the new
    /// term do not come by such a state.
    x_is_last: bool,
}

/// Stages (a) to (c); clients do not repeat what they asked.
fn until_c<D: Design + Default>(script: &mut Script<'_, D::Server>, start: &State) -> Result<StageC, Failed> {
    let has = |server, client| has_command::<D::Server>(server, client, 1);
    let first = script.elect("(a) server1 is leader", S1, &ALL, start)?;
    let both = has(S1, C1).and(&has(S2, C1)).named("x is on server1 and server2");
    let a = script.reach("(a) x is on server2", only(&[S1, S2, C1], &[S1, C1]), both, &first)?;

    let a = without_pending(&a);
    let first = latest_term::<D::Server>(&a.view());
    let other = script.elect("(b) server5 is leader", S5, &[S3, S4, S5], &a)?;
    let second = latest_term::<D::Server>(&other.view());
    let b = script
        .stage("(b) y is on server5 alone", only(&[S3, S4, S5, C2], &[S5, C2]), second)
        .prune(last_entry_after::<D::Server>(S3, first))
        .prune(last_entry_after::<D::Server>(S4, first))
        .goal(has(S5, C2))
        .from(&other)?;

    let b = without_pending(&b);
    let again = script.elect("(c) server1 is leader again", S1, &[S1, S2, S3], &b)?;
    let more = last_entry_after::<D::Server>(S3, second);
    let x_is_last = has(S3, C1).and(&more.not()).named("x is the last entry of server3");
    let reached = script
        .stage("(c) x is on server3", only(&[S1, S2, S3], &[S1]), second + 1)
        .goal(x_is_last.clone())
        .or_goal(has(S3, C1).and(&more).named("server3 has x and an entry of the new term"))
        .from(&again)?;
    Ok(StageC { x_is_last: reached.goal() == x_is_last.name(), reached, second })
}

/// Stages (d) and on: `server5` wins, and its entry replaces x.
fn from_d<D: Design + Default>(
    script: &mut Script<'_, D::Server>,
    c: &impl testkit::Starts,
) -> Result<Reached, Failed> {
    let d = script.elect("(d) server5 wins", S5, &[S2, S3, S4, S5], c)?;
    let net = || only(&[S3, S4, S5, C2], &[S5, C2]);
    let y = script.reach("(d) y replaces x on server3", net(), has_command::<D::Server>(S3, C2, 1), &d)?;
    let committed = committed::<D::Server>(S5, C2, 1);
    let committed = script.reach("(d) server5 commits y", net(), committed, &y)?;
    script.reach("(d) client2 has its result", net(), client_done(C2), &committed)
}

/// The early form: the mistake shows when the entry is counted.
pub(crate) fn counted<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>()?;
    setup.everything(search);
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let c = until_c::<D>(&mut script, &start)?;
    script.all("(c) what the leader commits", only(&[S1, S2, S3], &[S1]), &c.reached)?;
    let d = from_d::<D>(&mut script, &c.reached)?;
    script.some("late messages of all terms", only(&ALL, &[]), 300_000, &d)?;
    Ok(d)
}

/// The late form, as clients see it, and without asking a server what it takes for committed.
pub(crate) fn lost<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>()?;
    search.invariant(appends_linearizable(setup.clients.clone()));
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let c = until_c::<D>(&mut script, &start)?;
    // A right leader answers only after an entry of its own term is on a majority, too.
    let answered = if c.x_is_last {
        script
            .stage("(c) client1 is answered, perhaps", only(&[S1, S2, S3, C1], &[]), c.second + 1)
            .prune(last_entry_after::<D::Server>(S2, c.second))
            .prune(last_entry_after::<D::Server>(S3, c.second))
            .perhaps(client_done(C1))
            .from(&c.reached)?
    } else {
        None
    };
    from_d::<D>(&mut script, answered.as_ref().unwrap_or(&c.reached))
}
