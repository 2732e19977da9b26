//! Searches for a transfer that breaks something, or is stuck.

use framework::predicate::{client_done, client_has_results, clients_done};
use framework::{Address, Outcome, Predicate, Workload};
use raft::predicates::{has_command, has_role, in_term_after, leads, leads_after};
use raft::{AdminParser, Reconfigurable, Role};
use raftkit::{
    C1, C2, S1, S2, S3, Script, Setup, crashes, deliver_all, has_log_of, latest_term, only, without_pending,
};
use testkit::{Failed, Reached, SearchTest};

use super::options;
use super::votes::{THREE, setup, succeed};

const ADMIN: Address = Address::named("admin");

/// As in the other searches, and an administrator with these commands.
fn administered<D: Reconfigurable + Default>(
    search: &mut SearchTest,
    commands: &[&str],
    values: &[&[&str]],
) -> Result<Setup<D>, Failed> {
    let mut setup = setup::<D>(search, 3, &options(), values)?;
    let workload = Workload::parse(AdminParser, commands.to_vec())?;
    setup.system.add_client(ADMIN, D::default().admin(&THREE), workload)?;
    Ok(setup)
}

/// `server`, whose timers do not fire, stands for election only if it has the command of `client1`.
fn complete_first<D: Reconfigurable>(server: Address) -> Predicate {
    let stands = has_role::<D::Server>(server, Role::Candidate);
    let has = has_command::<D::Server>(server, C1, 1);
    Predicate::new("who shall lead stands when its log is complete", move |view| {
        if !stands.check(view).is_ok() || has.check(view).is_ok() {
            return Outcome::holds();
        }
        let reason = format!(
            "{server} was told to stand for election, but lacks an entry of the leader: nobody will vote for it"
        );
        Outcome::fails(reason).blaming(server, "log")
    })
}

pub(crate) fn completes<D: Reconfigurable + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = administered::<D>(search, &["TRANSFER:3"], &[&["x"], &["y"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &[S1, S2], &start)?;
    let net = only(&[S1, S2, C1], &[S1, C1]);
    let x = script.reach("client1 is answered by server1 and server2", net, client_done(C1), &leader)?;
    let term = latest_term::<D::Server>(&x.view());
    // No timer of server2 or server3 fires.
    let net = || only(&[S1, S2, S3, ADMIN], &[S1, ADMIN]);
    let leads3 = leads_after::<D::Server>(S3, term);
    let stage = script.stage("server3 is leader, without a timer of its own", net(), term + 1);
    let leads3 = stage.invariant(complete_first::<D>(S3)).goal(leads3).from(&x)?;
    let net = || only(&[S1, S2, S3, ADMIN], &[S3, ADMIN]);
    let told = script.reach("the administrator is told", net(), client_done(ADMIN), &leads3)?;
    let asked = deliver_all(&x, ADMIN, S1)?;
    let stage =
        script.stage("whatever arrives, with another client", only(&[S1, S2, S3, C2, ADMIN], &[]), term + 1);
    stage.invariant(complete_first::<D>(S3)).bounded(200_000).from(&asked)?;
    script.reach("client2 is answered by server3", only(&[S1, S2, S3, C2], &[S3, C2]), client_done(C2), &told)
}

pub(crate) fn ends<D: Reconfigurable + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = administered::<D>(search, &["TRANSFER:3"], &[&["x"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &[S1, S2], &start)?;
    // server1 has been asked, and server3 is gone.
    let asked = deliver_all(&leader, ADMIN, S1)?;
    let net = only(&[S1, S2, C1], &[S1, C1]);
    let done = script.reach("client1 is answered by server1 all the same", net, client_done(C1), &asked)?;
    // It was not told too early, and can be told later.
    let net = || only(&[S1, S2, S3, ADMIN], &[S1, ADMIN]);
    let term = latest_term::<D::Server>(&done.view());
    let stage = script.stage("server3 is back, and leads", net(), term + 1);
    let leads3 = stage.goal(leads_after::<D::Server>(S3, term)).from(&done)?;
    script.reach("everybody is answered", only(&[S1, S2, S3, ADMIN], &[S3, ADMIN]), clients_done(), &leads3)
}

pub(crate) fn old<D: Reconfigurable + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = administered::<D>(search, &["TRANSFER:3"], &[&["x"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &[S1, S2], &start)?;
    // Without its log server2 could win only after server1 had led once more: far away.
    let log = has_log_of::<D::Server>(S2, S1);
    let leader = script.reach("server2 has its log", only(&[S1, S2], &[S1]), log, &leader)?;
    let term = latest_term::<D::Server>(&leader.view());
    let net = only(&[S1, S2, S3, ADMIN], &[S1, ADMIN]);
    let stage = script.stage("server3 is leader", net, term + 1);
    let third = stage.goal(leads::<D::Server>(S3)).from(&leader)?;
    let next = succeed::<D, _>(&mut script, "server2 is leader after it", S2, &[S1, S2], &third)?;
    let net = only(&[S2, S3], &[S2]);
    let term = latest_term::<D::Server>(&next.view());
    let follows = in_term_after::<D::Server>(S3, term - 1);
    let follows = script.reach("server3 hears of it", net, follows, &next)?;
    let kept = raft::predicates::term_above::<D::Server>(term).not();
    let kept = kept.named("a transfer of an earlier term begins no election");
    let stage = search.stage("everything that server3 was ever sent arrives again").invariant(kept);
    stage.delivery(only(&[S1, S3], &[])).bounded(100_000).from(&follows)?;
    let mut script = Script::<D::Server>::new(search);
    let net = only(&[S2, S3, C1], &[S2, C1]);
    script.reach("client1 is answered by server2", net, client_done(C1), &follows)
}

pub(crate) fn random<D: Reconfigurable + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let commands = ["TRANSFER:2", "TRANSFER:3", "TRANSFER:1"];
    let setup = administered::<D>(search, &commands, &[&["a", "b"], &["c", "d"]])?;
    let start = setup.start(search)?;
    let mut script = Script::<D::Server>::new(search);
    let leader = script.elect("server1 is leader", S1, &THREE, &start)?;
    let from = without_pending(&leader);
    search.stage("random walks").random(100).max_depth(200).from(&leader)?;
    search
        .stage("random walks with crashes")
        .settings(crashes(&THREE, 2))
        .random(50)
        .max_depth(200)
        .from(&from)?;
    let mut script = Script::<D::Server>::new(search);
    let term = latest_term::<D::Server>(&leader.view());
    let stage = script.stage("server2 is leader", only(&[S1, S2, S3, ADMIN], &[S1, ADMIN]), term + 1);
    let second = stage.goal(leads_after::<D::Server>(S2, term)).from(&leader)?;
    let told = client_has_results(ADMIN, 1);
    script.reach("the administrator is told", only(&[S1, S2, S3, ADMIN], &[S2, ADMIN]), told, &second)
}
