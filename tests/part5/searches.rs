//! Searches with a snapshot after every applied entry: who needs one, what comes late, and crashes in between.
//!
//! With [`Options::snapshot_every`] 1 a server keeps two applied entries at most, so after three or four commands every
//! design has discarded some.

use clientserver::{append_same_key_workload, appends_linearizable};
use framework::Address;
use framework::predicate::{client_done, client_has_results, clients_done};
use raft::predicates::{discarded, has_command, leads_after, store_has, term_above};
use raft::{Design, Inspect, Options};
use raftkit::{
    C1, C2, C3, C4, S1, S2, S3, Script, Setup, about, appends, crash_and_restart, crashes, latest_term, only,
};
use search::{Delivery, State};
use testkit::{Failed, Reached, SearchTest};

const THREE: [Address; 3] = [S1, S2, S3];
const C5: Address = Address::client(5);

/// After so many applied entries there is a snapshot.
const EVERY: u64 = 1;

/// Servers and clients that append these values, in a search that checks everything.
fn setup<D: Design + Default>(
    search: &mut SearchTest,
    servers: u16,
    values: &[&[&str]],
) -> Result<Setup<D>, Failed> {
    let options = Options { snapshot_every: Some(EVERY), ..Options::default() };
    let setup = Setup::<D>::with_options(servers, &options, values.iter().map(|values| appends(values)))?;
    setup.snapshots(search, EVERY);
    search.invariant(appends_linearizable(setup.clients.clone()));
    Ok(setup)
}

/// `client1` is done with `server1`, which leads, and `server2`; both have discarded entries that `server3` lacks. All
/// messages are still there.
fn compacted<D: Design>(
    script: &mut Script<'_, D::Server>,
    commands: usize,
    from: &State,
) -> Result<Reached, Failed> {
    let net = || only(&[S1, S2, C1], &[S1, C1]);
    let mut state = script.elect("server1 is leader", S1, &[S1, S2], from)?;
    for count in 1..=commands {
        let name = "client1 is answered by server1 and server2";
        state = script.reach(name, net(), client_has_results(C1, count), &state)?;
    }
    let both = discarded::<D::Server>(S1).and(&discarded::<D::Server>(S2));
    let both = both.named("server1 and server2 have discarded the beginning of their logs");
    script.reach("both compact their logs", net(), both, &state)
}

/// `server3` has everything from a snapshot, and perhaps some entries.
fn installed<D: Design>(
    script: &mut Script<'_, D::Server>,
    value: &str,
    from: &Reached,
) -> Result<Reached, Failed> {
    let net = || only(&[S1, S3], &[S1]);
    let snapshot = discarded::<D::Server>(S3);
    let state = script.reach("server3 gets a snapshot", net(), snapshot, from)?;
    script.reach("and what comes after it", net(), store_has::<D::Server>(S3, "k", value), &state)
}

/// Four commands that `server3` has no entry of any more; then one that needs its acknowledgment.
pub(crate) fn install_then_append<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>(search, 3, &[&["a", "b", "c", "d"], &["e"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let compacted = compacted::<D>(&mut script, 4, &start)?;
    let installed = installed::<D>(&mut script, "abcd", &compacted)?;
    let net = || only(&[S1, S3, C2], &[S1, C2]);
    let entry = script.reach(
        "server3 gets the next entry",
        net(),
        has_command::<D::Server>(S3, C2, 1).or(&store_has::<D::Server>(S3, "k", "abcde")),
        &installed,
    )?;
    let done = script.reach("client2 is answered by server1 and server3", net(), client_done(C2), &entry)?;
    let everybody = || only(&[S1, S2, S3, C1, C2], &[S1, C2]);
    script.some("whatever arrives, from when there was a snapshot", everybody(), 150_000, &compacted)?;
    script.some("whatever arrives then", everybody(), 100_000, &entry)?;
    Ok(done)
}

/// Snapshots and entries that arrive again, after `server3` has got more than they hold.
pub(crate) fn stale_snapshot<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>(search, 3, &[&["a", "b", "c"], &["d"], &["e"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let compacted = compacted::<D>(&mut script, 3, &start)?;
    let installed = installed::<D>(&mut script, "abc", &compacted)?;
    // An entry that only server1 and server3 have, and then one more that is applied.
    let net = || only(&[S1, S3, C2], &[S1, C2]);
    let d = script.reach("client2 is answered by server1 and server3", net(), client_done(C2), &installed)?;
    let d = script.reach("server3 applies that", net(), store_has::<D::Server>(S3, "k", "abcd"), &d)?;
    script.some("old snapshots and entries arrive again", only(&[S1, S3, C3], &[S1]), 150_000, &d)?;
    let e = has_command::<D::Server>(S3, C3, 1).or(&store_has::<D::Server>(S3, "k", "abcde"));
    let e = script.reach("server3 has one more entry", only(&[S1, S3, C3], &[S1, C3]), e, &d)?;
    script.some("and once more", only(&[S1, S2, S3], &[S1]), 150_000, &e)?;
    let next = script.elect("server3 is leader", S3, &[S2, S3], &d)?;
    script.some(
        "what server1 sent arrives in a later term",
        only(&[S1, S2, S3, C3], &[S3]),
        150_000,
        &next,
    )?;
    script.reach("client3 is answered by server3", only(&[S2, S3, C3], &[S3, C3]), client_done(C3), &next)
}

/// Everything that `server1` ever sent arrives at `server2` again, which has discarded what it is about.
pub(crate) fn old_entries<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>(search, 3, &[&["a", "b", "c", "d"], &["e"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let compacted = compacted::<D>(&mut script, 4, &start)?;
    script.some("old entries arrive again", only(&[S1, S2, S3, C2], &[S1]), 150_000, &compacted)?;
    let net = || only(&[S1, S2, C2], &[S1, C2]);
    let stored = has_command::<D::Server>(S2, C2, 1).or(&store_has::<D::Server>(S2, "k", "abcde"));
    let stored = script.reach("server2 has the next entry", net(), stored, &compacted)?;
    script.some("old entries arrive after it", only(&[S1, S2, S3], &[S1]), 150_000, &stored)?;
    script.reach("client2 is answered", net(), client_done(C2), &stored)
}

/// `server3` has four entries of its own from an earlier term, nobody else has any of them, and it gets a snapshot.
pub(crate) fn conflicting_tail<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>(search, 3, &[&["a", "b", "c"], &["w"], &["x"], &["y"], &["z"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let first = script.elect("server3 is leader", S3, &[S2, S3], &start)?;
    let has = |client| has_command::<D::Server>(S3, client, 1);
    let all = has(C2).and(&has(C3)).and(&has(C4)).and(&has(C5)).named("server3 has four commands");
    let net = only(&[S3, C2, C3, C4, C5], &[C2, C3, C4, C5]);
    let alone = script.reach("server3 has entries that nobody else gets", net, all, &first)?;
    let compacted = compacted::<D>(&mut script, 3, &raftkit::without_pending(&alone))?;
    let installed = installed::<D>(&mut script, "abc", &compacted)?;
    script.some("whatever arrives", only(&[S1, S2, S3, C2], &[S1, C2]), 150_000, &compacted)?;
    let net = || only(&[S1, S3, C2], &[S1, C2]);
    script.reach("client2 is answered by server1 and server3", net(), client_done(C2), &installed)
}

/// Logs that begin with a snapshot, and end with it, in elections.
pub(crate) fn votes<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>(search, 3, &[&["a", "b", "c"], &["d"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let compacted = compacted::<D>(&mut script, 3, &start)?;
    let term = latest_term::<D::Server>(&compacted.view());
    let stage = script.stage("server3, which lacks everything, stands", only(&THREE, &[S3]), term + 2);
    // What server1 sent may still tell it some of the entries, or all of them; then it is elected rightly.
    let last = compacted.view().node::<D::Server>(S1).map_or(0, Inspect::last_index);
    let complete = about(S3, "server3 has all", move |node: &D::Server| node.last_index() >= last);
    let wins = leads_after::<D::Server>(S3, term).not().or(&complete);
    let wins = wins.named("who lacks what was discarded is not elected");
    stage.invariant(wins).bounded(100_000).from(&compacted)?;
    let next = script.elect("server2 is leader", S2, &[S2, S3], &raftkit::without_pending(&compacted))?;
    let net = || only(&[S2, S3, C2], &[S2, C2]);
    let behind = script.reach("server3 gets its snapshot", net(), discarded::<D::Server>(S3), &next)?;
    script.reach("client2 is answered by server2 and server3", net(), client_done(C2), &behind)
}

/// `server3` has a command from a snapshot only, and is asked again when it leads.
pub(crate) fn sessions<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>(search, 3, &[&["x"], &["a", "b", "c"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &[S1, S2], &start)?;
    let unanswered = |delivery: &mut Delivery| {
        only(&[S1, S2, C1], &[S1, C1])(delivery);
        delivery.link(S1, C1, false).link(S2, C1, false);
    };
    let x = store_has::<D::Server>(S1, "k", "x");
    let mut state =
        script.reach("the command of client1 is executed, but not answered", unanswered, x, &leader)?;
    let net = || only(&[S1, S2, C2], &[S1, C2]);
    for count in 1..=3 {
        state = script.reach("client2 is answered", net(), client_has_results(C2, count), &state)?;
    }
    let compacted = script.reach("server1 compacts its log", net(), discarded::<D::Server>(S1), &state)?;
    let installed = installed::<D>(&mut script, "xabc", &compacted)?;
    let next = script.elect("server3 is leader", S3, &[S2, S3], &raftkit::without_pending(&installed))?;
    let net = only(&[S2, S3, C1], &[S3, C1]);
    let done = script.reach("client1 asks server3 again, and is answered", net, client_done(C1), &next)?;
    script.some("every copy of every request arrives", only(&[S1, S2, S3, C1, C2], &[S3]), 100_000, &done)?;
    Ok(done)
}

/// A group of one, and of three, with crashes at any moment.
pub(crate) fn crash<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let alone = setup::<D>(search, 1, &[&["a", "b", "c"]])?;
    let start = alone.start(search)?;
    search
        .stage("a group of one that crashes at any moment")
        .prune(term_above::<D::Server>(2))
        .settings(crashes(&[S1], 1))
        .prune(clients_done())
        .bounded(200_000)
        .from(&start)?;
    let mut script = Script::<D::Server>::new(search);
    let mut state = script.elect("it is leader", S1, &[S1], &start)?;
    for count in 1..=2 {
        let net = only(&[S1, C1], &[S1, C1]);
        state = script.reach("its client is answered", net, client_has_results(C1, count), &state)?;
    }
    let again = script.elect("it is leader after a crash", S1, &[S1], &crash_and_restart(&state, S1)?)?;
    script.reach("the client is done", only(&[S1, C1], &[S1, C1]), client_done(C1), &again)
}

/// Three servers, of which one crashes while logs are compacted.
pub(crate) fn crash_of_three<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>(search, 3, &[&["a", "b", "c"], &["d"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let compacted = compacted::<D>(&mut script, 3, &start)?;
    let latest = latest_term::<D::Server>(&compacted.view());
    for (name, server, net) in [
        ("server2 crashes", S2, [S1, S2, C2]),
        ("server3 crashes while it gets the snapshot", S3, [S1, S3, C2]),
    ] {
        let stage = script.stage(name, only(&net, &[S1, C2]), latest).settings(crashes(&[server], 1));
        stage.bounded(100_000).from(&compacted)?;
    }
    let installed = installed::<D>(&mut script, "abc", &compacted)?;
    let again = crash_and_restart(&crash_and_restart(&installed, S3)?, S2)?;
    let stage = script.stage("old messages arrive after a crash", only(&THREE, &[]), latest);
    stage.bounded(100_000).from(&again)?;
    let next = script.elect("server3 is leader after its crash", S3, &[S2, S3], &again)?;
    script.reach("client2 is answered", only(&[S2, S3, C2], &[S3, C2]), client_done(C2), &next)
}

/// A leader compacts its log while one more entry is on its way: the snapshot and the entries cross each other.
pub(crate) fn crossing<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let options = Options { snapshot_every: Some(2), ..Options::default() };
    let setup = Setup::<D>::with_options(
        3,
        &options,
        [appends(&["a", "b"]), appends(&["x"]), appends(&["p", "q", "r"])],
    )?;
    setup.snapshots(search, 2);
    search.invariant(appends_linearizable(setup.clients.clone()));
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &[S1, S2], &start)?;
    let net = only(&[S1, S2, C1], &[S1, C1]);
    let first = script.reach("client1 is answered once", net, client_has_results(C1, 1), &leader)?;
    let (b, x) = (has_command::<D::Server>(S1, C1, 2), has_command::<D::Server>(S1, C2, 1));
    let net = only(&[S1, C1], &[C1]);
    let second = script.reach("server1 has its second command", net, b, &first)?;
    let net = only(&[S1, C2], &[C2]);
    let both = script.reach("and one of client2", net, x, &second)?;
    script.some("snapshots and entries cross", only(&[S1, S2, S3, C1, C2], &[S1]), 300_000, &both)?;
    let net = only(&[S1, S2, S3, C1, C2], &[S1, C1, C2]);
    let answered = client_done(C1).and(&client_done(C2));
    let answered = script.reach("both clients are answered", net, answered, &both)?;
    // Six entries are more than twice two.
    let compacted = clients_done().and(&discarded::<D::Server>(S1));
    let net = only(&[S1, S2, C3], &[S1, C3]);
    script.reach("and a third one, with a log that was compacted", net, compacted, &answered)
}

/// Random walks with snapshots and crashes.
pub(crate) fn random<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let options = Options { snapshot_every: Some(2), ..Options::default() };
    let setup = Setup::<D>::with_options(3, &options, vec![append_same_key_workload(3); 2])?;
    setup.snapshots(search, 2);
    search.invariant(appends_linearizable(setup.clients.clone()));
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &THREE, &start)?;
    let net = || only(&[S1, S2, C1], &[S1, C1]);
    let mut state = leader.clone();
    for count in 1..=3 {
        state = script.reach("client1 is answered", net(), client_has_results(C1, count), &state)?;
    }
    for (name, from) in
        [("random walks from the first leader", &leader), ("and from three commands on", &state)]
    {
        search.stage(name).settings(crashes(&THREE, 3)).random(40).max_depth(200).from(from)?;
    }
    Ok(state)
}
