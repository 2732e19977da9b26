//! Searches for a read that returns too little: leaders that are deposed, leaders that are new, and what arrives late.

use clientserver::{KvParser, KvWorkload, store_linearizable};
use framework::predicate::{client_done, client_has_results, clients_done};
use framework::{Address, Workload};
use raft::Design;
use raft::Role;
use raft::predicates::{has_command, has_role, reads_make_no_entries};
use raftkit::{C1, C2, C3, S1, S2, S3, Script, Setup, deliver_all, only, without_pending};
use search::Delivery;
use testkit::{Failed, Reached, SearchTest};

use super::options;

const THREE: [Address; 3] = [S1, S2, S3];

/// Servers and clients with these commands, in a search that checks everything and what the clients get.
fn setup<D: Design + Default>(
    search: &mut SearchTest,
    servers: u16,
    commands: &[&[&str]],
) -> Result<Setup<D>, Failed> {
    let workloads: Result<Vec<KvWorkload>, _> =
        commands.iter().map(|commands| Workload::parse(KvParser, commands.to_vec())).collect();
    let setup = Setup::<D>::with_options(servers, &options(), workloads?)?;
    setup.everything(search);
    search.invariant(reads_make_no_entries::<D::Server>());
    search.monitor(store_linearizable());
    Ok(setup)
}

/// `server1` and a client talk to each other, and whatever the others sent to `server1` arrives; of what it says they hear
/// nothing.
fn cut_off(client: Address) -> impl FnOnce(&mut Delivery) {
    move |delivery| {
        only(&[S1, client], &[S1, client])(delivery);
        delivery.link(S2, S1, true).link(S3, S1, true);
    }
}

/// `server1` is cut off, and does not know that the others have elected `server2`, which has executed a write of `client2`.
/// Then `client2` reads: not before, for what was asked before the write may be answered without it. It writes by an
/// append, whose result says that it came after the first write.
pub(crate) fn stale_leader<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>(search, 3, &[&["PUT:k:1"], &["APPEND:k:2", "GET:k"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let first = script.elect("server1 is leader", S1, &THREE, &start)?;
    let stored = has_command::<D::Server>(S2, C1, 1).and(&has_command::<D::Server>(S3, C1, 1));
    let done = client_done(C1).and(&stored).named("client1 is answered, and all have its command");
    let net = only(&[S1, S2, S3, C1], &[S1, C1]);
    let one = script.reach("client1 is answered", net, done, &first)?;
    // What its followers answered before server2 was elected may be on its way, or not be sent.
    let told = deliver_all(&deliver_all(&one, S1, S3)?, S1, S2)?;
    let mut last = None;
    for from in [one.state(), &told] {
        let second = script.elect("server2 is leader", S2, &[S2, S3], from)?;
        let net = || only(&[S2, S3, C2], &[S2, C2]);
        let name = "client2 is answered by server2";
        let two = script.reach(name, net(), client_has_results(C2, 1), &second)?;
        script.some("server1 is asked, and does not know of server2", cut_off(C2), 150_000, &two)?;
        last = Some(script.reach("client2 reads from server2", net(), client_done(C2), &two)?);
    }
    last.ok_or_else(|| Failed::because("there is no state to begin with"))
}

/// `server2` has an entry that was committed and answered, and does not know that it was.
pub(crate) fn new_leader<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>(search, 3, &[&["PUT:k:1", "PUT:k:2", "GET:k", "GET:k"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let first = script.elect("server1 is leader", S1, &[S1, S2], &start)?;
    let net = || only(&[S1, S2, C1], &[S1, C1]);
    let one = script.reach("client1 is answered", net(), client_has_results(C1, 1), &first)?;
    let one = script.reach("and once more", net(), client_has_results(C1, 2), &one)?;
    // The read comes after the answer, and is not lost.
    let mut lost = without_pending(&one);
    lost.undrop_messages_from(C1);
    let second = script.elect("server2 is leader", S2, &[S2, S3], &lost)?;
    let net = || only(&[S2, S3, C1], &[S2, C1]);
    script.some("it is asked at once", net(), 150_000, &second)?;
    let read = script.reach("client1 reads from server2", net(), client_has_results(C1, 3), &second)?;
    let third = script.elect("server3 is leader", S3, &[S1, S3], &without_pending(&read))?;
    script.some("the next leader is asked at once", only(&[S1, S3, C1], &[S3, C1]), 50_000, &third)?;
    script.reach("client1 reads from server3", only(&[S1, S3, C1], &[S3, C1]), client_done(C1), &third)
}

/// `client2` reads twice, and writes in between: the first time all servers confirm that `server1` leads, the second time
/// it does not.
pub(crate) fn old_confirmations<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>(search, 3, &[&["PUT:k:1"], &["GET:k", "APPEND:k:2", "GET:k"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let first = script.elect("server1 is leader", S1, &THREE, &start)?;
    let net = only(&[S1, S2, C1], &[S1, C1]);
    let one = script.reach("client1 is answered", net, client_done(C1), &first)?;
    let net = only(&[S1, S2, S3, C2], &[S1, C2]);
    let read = script.reach("client2 has its first answer", net, client_has_results(C2, 1), &one)?;
    // Whatever server1 sent is answered, and the answers are on their way.
    let told = deliver_all(&deliver_all(&read, S1, S3)?, S1, S2)?;
    let second = script.elect("server2 is leader", S2, &[S2, S3], &told)?;
    let net = || only(&[S2, S3, C2], &[S2, C2]);
    let two = script.reach("client2 writes to server2", net(), client_has_results(C2, 2), &second)?;
    script.some("server1 is asked again, and old answers arrive", cut_off(C2), 150_000, &two)?;
    script.reach("client2 reads from server2", net(), client_done(C2), &two)
}

/// `server1` has a read that nobody confirmed, is deposed, and leads once more.
pub(crate) fn deposed_leader<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>(search, 3, &[&["PUT:k:1"], &["GET:k", "GET:k"], &["PUT:k:2"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let first = script.elect("server1 is leader", S1, &THREE, &start)?;
    let net = only(&[S1, S2, C1], &[S1, C1]);
    let one = script.reach("client1 is answered", net, client_done(C1), &first)?;
    let asked = deliver_all(&one, C2, S1)?;
    let second = script.elect("server2 is leader", S2, &[S2, S3], &asked)?;
    let net = only(&[S2, S3, C3], &[S2, C3]);
    let two = script.reach("client3 is answered by server2", net, client_done(C3), &second)?;
    let follows = has_role::<D::Server>(S1, Role::Follower).and(&has_command::<D::Server>(S1, C3, 1));
    let follows = follows.named("server1 follows server2, and has its entry");
    let two = script.reach("server1 follows", only(&THREE, &[S2]), follows, &two)?;
    let third = script.elect("server1 is leader again", S1, &[S1, S3], &two)?;
    let net = || only(&[S1, S3, C2], &[S1, C2]);
    script.some("old answers arrive", net(), 150_000, &third)?;
    let read = script.reach("client2 has its first answer", net(), client_has_results(C2, 1), &third)?;
    script.reach("client2 has its second answer", net(), client_done(C2), &read)
}

/// Nobody else confirms anything.
pub(crate) fn group_of_one<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = setup::<D>(search, 1, &[&["PUT:k:1", "GET:k"], &["GET:k"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &[S1], &start)?;
    let net = || only(&[S1, C1, C2], &[S1, C1, C2]);
    script.all("every state", net(), &leader)?;
    script.reach("all clients are answered", net(), clients_done(), &leader)
}

/// Random walks.
pub(crate) fn random<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let commands: &[&str] = &["PUT:k:%a-%i", "GET:k", "GET:k"];
    let setup = setup::<D>(search, 3, &[commands; 3])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &THREE, &start)?;
    search.stage("random walks").random(60).max_depth(250).from(&leader)?;
    Ok(leader)
}
