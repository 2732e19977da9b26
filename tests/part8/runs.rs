//! Runs in simulated time: administrators change who is in the group while clients ask, servers die and the network fails.

use std::collections::BTreeSet;
use std::time::Duration;

use clientserver::{
    KvWorkload, append_same_key_workload, appends_linearizable, different_keys_infinite_workload,
};
use framework::predicate::{client_done, results_ok};
use framework::{Address, Predicate};
use raft::{AdminCommand, AdminResponse, Inspect, Options, Reconfigurable, Role, server_addresses};
use raftkit::{
    A1, A2, C1, LONG, S1, S2, S3, S4, S5, S6, Setup, elect, knows, leaders, linearizable, settled, uses,
    with_noop, without,
};
use runner::{Check, Interactive, Nemesis, Network, Run};
use testkit::{Failed, RunTest, check};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// In simulated time, what an answer to an administrator may take: hundreds of times what a change takes.
const PATIENCE: Duration = secs(60);

/// A run in which the test is the administrator.
struct Talk<D: Reconfigurable> {
    run: Run,
    admin: Interactive<D::Admin>,
    /// All servers, members or not.
    servers: Vec<Address>,
}

impl<D: Reconfigurable + Default> Talk<D> {
    fn new(
        test: &mut RunTest,
        members: u16,
        count: u16,
        options: &Options,
        workloads: impl IntoIterator<Item = KvWorkload>,
    ) -> Result<Self, Failed> {
        let setup = Setup::<D>::changing(members, count, options, workloads, &[])?;
        let settings = setup.watch_changes(test.simulated()).invariant(results_ok());
        let mut run = test.start(&setup.system, settings)?;
        let servers = server_addresses(count);
        let admin = run.add_interactive(A1, D::default().admin(&servers))?;
        elect::<D::Server>(&mut run, &server_addresses(members), 0)?;
        Ok(Self { run, admin, servers })
    }

    /// Three members, more servers up to `count`, and a client who puts and gets all the time.
    fn busy(test: &mut RunTest, count: u16) -> Result<Self, Failed> {
        Self::new(test, 3, count, &with_noop(), [client()])
    }

    /// Asks for something, which must be done.
    fn done(&mut self, command: AdminCommand) -> Result<(), Failed> {
        let response = self.run.ask(&self.admin, command.clone(), PATIENCE)?;
        check!(
            response == AdminResponse::Ok,
            "the administrator got {response:?} for {command:?}, expected Ok"
        );
        Ok(())
    }

    /// Asks for something that makes no sense.
    fn refused(&mut self, command: AdminCommand) -> Result<(), Failed> {
        let response = self.run.ask(&self.admin, command.clone(), PATIENCE)?;
        check!(
            response == AdminResponse::Refused,
            "the administrator got {response:?} for {command:?}, expected Refused"
        );
        Ok(())
    }

    fn learn(&mut self, server: Address) -> Result<(), Failed> {
        self.done(AdminCommand::AddLearner(server))
    }

    fn change(&mut self, voters: &[Address]) -> Result<(), Failed> {
        self.done(change(voters))
    }

    /// The configuration in force must have these voters and learners, and the administrator is told so.
    fn expect(&mut self, voters: &[Address], learners: &[Address]) -> Result<(), Failed> {
        let response = self.run.ask(&self.admin, AdminCommand::GetConfiguration, PATIENCE)?;
        let AdminResponse::Configuration(told) = &response else {
            return Err(Failed::because(format!(
                "the administrator asked for the configuration and got {response:?}"
            )));
        };
        let wanted = raft::Configuration { learners: learners.iter().copied().collect(), ..settled(voters) };
        check!(*told == wanted, "the administrator was told {told}, expected {wanted}");
        Ok(())
    }

    /// Waits until all of `servers` use a configuration with these voters, and know that it is committed.
    fn agree(&mut self, servers: &[Address], voters: &[Address]) -> Result<(), Failed> {
        for server in servers {
            self.run.wait_for(&knows::<D::Server>(*server, &settled(voters)), secs(60))?;
            self.run.wait_for(&uses::<D::Server>(*server, &settled(voters)), secs(60))?;
        }
        Ok(())
    }

    fn cut(&mut self, some: &[Address]) {
        let rest = without(&self.servers, some);
        let outside = [A1, A2, C1];
        self.run.network(|network| {
            network.split([some, &rest]);
            for server in some {
                for other in outside {
                    network.link(*server, other, false).link(other, *server, false);
                }
            }
            network
        });
    }

    fn heal(&mut self) {
        self.run.network(Network::heal);
    }

    /// How many results client1 has.
    fn results(&self) -> usize {
        self.run.inspect(|view| view.worker(C1).map_or(0, |worker| worker.result_count()))
    }

    /// client1 gets more results.
    fn goes_on(&mut self, when: &str) -> Result<(), Failed> {
        let before = self.results();
        self.run.run_for(secs(4))?;
        let more = self.results() - before;
        check!(more >= 5, "in 4 s {when} client1 got {more} responses, expected 5 at least");
        Ok(())
    }

    /// The leader of the latest term.
    fn leader(&mut self, among: &[Address]) -> Result<Address, Failed> {
        Ok(elect::<D::Server>(&mut self.run, among, 0)?.leader)
    }

    fn term(&self, server: Address) -> u64 {
        self.run.inspect(|view| view.node::<D::Server>(server).map_or(0, Inspect::current_term))
    }
}

/// A client that puts and gets now and then: a log of a thousand entries is slow to check after every event.
fn client() -> KvWorkload {
    different_keys_infinite_workload(Some(Duration::from_millis(250)))
}

fn change(voters: &[Address]) -> AdminCommand {
    AdminCommand::ChangeMembership { voters: voters.iter().copied().collect(), retain: false }
}

pub(crate) fn a_learner_catches_up<D: Reconfigurable + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = Talk::<D>::busy(test, 4)?;
    talk.goes_on("before anything changes")?;
    talk.learn(S4)?;
    talk.expect(&[S1, S2, S3], &[S4])?;
    let leader = talk.leader(&[S1, S2, S3])?;
    let index = talk.run.inspect(|view| view.node::<D::Server>(leader).map_or(0, Inspect::commit_index));
    let caught_up = Predicate::holds("server4 has applied what was committed", move |view| {
        view.node::<D::Server>(S4).is_some_and(|node| node.last_applied() >= index)
    });
    talk.run.wait_for(&caught_up, secs(20))?;
    // With the learner and one voter left there is no majority.
    let voters = without(&[S1, S2, S3], &[leader]);
    talk.cut(&voters);
    let before = talk.results();
    talk.run.run_for(secs(1))?;
    let middle = talk.results();
    talk.run.run_for(secs(4))?;
    check!(
        talk.results() == middle && middle <= before + 1,
        "a learner and one of three voters executed commands of client1"
    );
    talk.heal();
    talk.change(&[S1, S2, S3, S4])?;
    talk.expect(&[S1, S2, S3, S4], &[])?;
    talk.agree(&[S1, S2, S3, S4], &[S1, S2, S3, S4])?;
    talk.goes_on("with four voters")
}

pub(crate) fn one_joins_one_leaves<D: Reconfigurable + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = Talk::<D>::busy(test, 4)?;
    let leader = talk.leader(&[S1, S2, S3])?;
    let leaves = without(&[S1, S2, S3], &[leader])[0];
    let after = without(&[S1, S2, S3, S4], &[leaves]);
    talk.learn(S4)?;
    talk.change(&after)?;
    talk.agree(&after, &after)?;
    talk.expect(&after, &[])?;
    talk.run.crash(leaves)?;
    talk.goes_on("after one server has joined and one has left")?;
    // Back again, with what it had: the entries that removed it are history.
    talk.run.restart(leaves)?;
    talk.learn(leaves)?;
    let all = [S1, S2, S3, S4];
    talk.change(&all)?;
    talk.agree(&all, &all)?;
    talk.goes_on("after it has joined again")
}

pub(crate) fn two_join_at_once<D: Reconfigurable + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = Talk::<D>::busy(test, 5)?;
    talk.learn(S4)?;
    talk.learn(S5)?;
    let all = server_addresses(5);
    talk.change(&all)?;
    talk.agree(&all, &all)?;
    let leader = talk.leader(&all)?;
    let two = &without(&all, &[leader])[..2];
    talk.cut(two);
    talk.goes_on("with three of five servers")
}

pub(crate) fn the_whole_group_is_replaced<D: Reconfigurable + Default>(
    test: &mut RunTest,
) -> Result<(), Failed> {
    let mut talk = Talk::<D>::busy(test, 6)?;
    let new = [S4, S5, S6];
    for server in new {
        talk.learn(server)?;
    }
    talk.goes_on("with three learners")?;
    talk.change(&new)?;
    talk.agree(&new, &new)?;
    talk.expect(&new, &[])?;
    for server in [S1, S2, S3] {
        talk.run.crash(server)?;
    }
    talk.goes_on("after all old servers are gone")?;
    talk.agree(&new, &new)
}

pub(crate) fn the_leader_leaves<D: Reconfigurable + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = Talk::<D>::busy(test, 3)?;
    let old = talk.leader(&[S1, S2, S3])?;
    let rest = without(&[S1, S2, S3], &[old]);
    talk.change(&rest)?;
    talk.agree(&rest, &rest)?;
    talk.goes_on("after the leader has left")?;
    let leading = talk.run.inspect(leaders::<D::Server>);
    check!(
        leading.iter().all(|elected| elected.leader != old),
        "{old}, which is not in the group any more, is still leader"
    );
    let term = talk.term(rest[0]);
    talk.run.run_for(secs(10))?;
    check!(
        talk.term(rest[0]) == term || talk.term(old) <= term,
        "{old} left the group and still stands for election"
    );
    talk.run.crash(old)?;
    talk.goes_on("without the old leader")
}

pub(crate) fn the_leader_is_replaced<D: Reconfigurable + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = Talk::<D>::busy(test, 4)?;
    let old = talk.leader(&[S1, S2, S3])?;
    let rest = without(&[S1, S2, S3, S4], &[old]);
    talk.learn(S4)?;
    talk.change(&[S1, S2, S3, S4])?;
    talk.done(AdminCommand::TransferLeadership(S4))?;
    talk.change(&rest)?;
    talk.agree(&rest, &rest)?;
    talk.goes_on("after the leader was replaced")
}

/// {1,2,3} → {3,4,5} while these servers are cut off; nothing changes until they are back.
fn without_a_majority<D: Reconfigurable + Default>(
    test: &mut RunTest,
    cut: &[Address],
    whose: &str,
) -> Result<(), Failed> {
    let mut talk = Talk::<D>::busy(test, 5)?;
    talk.learn(S4)?;
    talk.learn(S5)?;
    // A leader that stays connected.
    for _ in 0..10 {
        if talk.leader(&[S1, S2, S3])? != S3 {
            talk.done(AdminCommand::TransferLeadership(S3))?;
        }
    }
    let leader = talk.leader(&[S1, S2, S3])?;
    check!(leader == S3, "the administrator was told ten times that server3 leads, but {leader} does");
    talk.run.run_for(secs(2))?;
    talk.cut(cut);
    talk.run.send(&talk.admin, change(&[S3, S4, S5]))?;
    talk.run.run_for(secs(5))?;
    let told = talk.run.response(&talk.admin);
    check!(told.is_none(), "without {whose} nothing can change, but the administrator was told {told:?}");
    talk.heal();
    talk.agree(&[S3, S4, S5], &[S3, S4, S5])?;
    talk.run.run_for(secs(2))?;
    let told = talk.run.response(&talk.admin);
    check!(told == Some(AdminResponse::Ok), "the change is over, but the administrator was told {told:?}");
    talk.goes_on("after the change")
}

pub(crate) fn without_the_old_majority<D: Reconfigurable + Default>(
    test: &mut RunTest,
) -> Result<(), Failed> {
    without_a_majority::<D>(test, &[S1, S2], "a majority of the old voters")
}

pub(crate) fn without_the_new_majority<D: Reconfigurable + Default>(
    test: &mut RunTest,
) -> Result<(), Failed> {
    without_a_majority::<D>(test, &[S4, S5], "a majority of the new voters")
}

pub(crate) fn a_dead_server_is_no_voter<D: Reconfigurable + Default>(
    test: &mut RunTest,
) -> Result<(), Failed> {
    let mut talk = Talk::<D>::busy(test, 4)?;
    talk.run.crash(S4)?;
    talk.learn(S4)?;
    talk.run.send(&talk.admin, change(&[S1, S2, S3, S4]))?;
    talk.goes_on("while a dead server shall be added")?;
    let told = talk.run.response(&talk.admin);
    check!(told.is_none(), "a dead server shall become a voter, and the administrator was told {told:?}");
    for server in [S1, S2, S3] {
        let used = talk
            .run
            .inspect(|view| view.node::<D::Server>(server).and_then(|node| node.configuration().cloned()));
        let counts = used.is_some_and(|used| used.voters.contains(&S4));
        check!(!counts, "{server} counts server4 as a voter, which has never had an entry");
    }
    talk.run.restart(S4)?;
    let all = server_addresses(4);
    talk.agree(&all, &all)?;
    talk.goes_on("with four servers")
}

pub(crate) fn two_administrators<D: Reconfigurable + Default>(test: &mut RunTest) -> Result<(), Failed> {
    // A server that is removed may not know it; it must not keep the others from their work.
    let options = Options { check_quorum: true, ..with_noop() };
    let mut talk = Talk::<D>::new(test, 3, 5, &options, [client()])?;
    talk.learn(S4)?;
    talk.learn(S5)?;
    let other = talk.run.add_interactive(A2, D::default().admin(&talk.servers))?;
    talk.run.send(&talk.admin, change(&[S1, S2, S3, S4]))?;
    talk.run.send(&other, change(&[S1, S2, S5]))?;
    let (all, few): (BTreeSet<_>, BTreeSet<_>) = ([S1, S2, S3, S4].into(), [S1, S2, S5].into());
    talk.run.run_for(secs(10))?;
    let told = [talk.run.response(&talk.admin), talk.run.response(&other)];
    // Who came second may find that what it asks for makes no sense any more: it names a server that has left.
    let fine =
        |told: &Option<AdminResponse>| matches!(told, Some(AdminResponse::Ok | AdminResponse::Refused));
    check!(
        told.iter().all(fine),
        "the administrators were told {told:?}, expected Ok, or Refused for the second"
    );
    check!(told.contains(&Some(AdminResponse::Ok)), "neither change was made");
    let response = talk.run.ask(&other, AdminCommand::GetConfiguration, PATIENCE)?;
    let AdminResponse::Configuration(last) = response else {
        return Err(Failed::because(format!(
            "an administrator asked for the configuration and got {response:?}"
        )));
    };
    check!(
        last.voters == all || last.voters == few,
        "the voters are {last}, which is neither what one administrator asked for nor what the other did"
    );
    let voters: Vec<Address> = last.voters.iter().copied().collect();
    talk.agree(&voters, &voters)?;
    talk.goes_on("after both changes")
}

pub(crate) fn what_makes_no_sense<D: Reconfigurable + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut talk = Talk::<D>::busy(test, 5)?;
    // Nobody is left.
    talk.refused(change(&[]))?;
    // No learner: it has to catch up first.
    talk.refused(change(&[S1, S2, S3, S4]))?;
    // A voter is no learner.
    talk.refused(AdminCommand::RemoveLearner(S2))?;
    talk.expect(&[S1, S2, S3], &[])?;
    talk.learn(S4)?;
    talk.learn(S5)?;
    talk.done(AdminCommand::RemoveLearner(S5))?;
    talk.refused(change(&[S1, S2, S3, S5]))?;
    talk.expect(&[S1, S2, S3], &[S4])?;
    // What is so already is done.
    talk.change(&[S1, S2, S3])?;
    talk.learn(S4)?;
    talk.expect(&[S1, S2, S3], &[S4])?;
    talk.done(AdminCommand::ChangeMembership { voters: [S1, S2, S4].into(), retain: true })?;
    talk.expect(&[S1, S2, S4], &[S3])?;
    // Learners stay when voters change.
    talk.learn(S5)?;
    talk.change(&[S1, S2])?;
    talk.expect(&[S1, S2], &[S3, S5])?;
    talk.goes_on("after all that")
}

pub(crate) fn removed_servers_do_not_disturb<D: Reconfigurable + Default>(
    test: &mut RunTest,
) -> Result<(), Failed> {
    for pre_vote in [false, true] {
        let options = Options { check_quorum: true, pre_vote, ..with_noop() };
        let mut talk = Talk::<D>::new(test, 5, 5, &options, [client()])?;
        let all = server_addresses(5);
        let leader = talk.leader(&all)?;
        let removed = &without(&all, &[leader])[..2];
        let stay = without(&all, removed);
        talk.cut(removed);
        talk.change(&stay)?;
        talk.agree(&stay, &stay)?;
        let leader = talk.leader(&stay)?;
        let term = talk.term(leader);
        talk.heal();
        talk.run.run_for(secs(30))?;
        let how = if pre_vote { "with" } else { "without" };
        for server in &stay {
            check!(
                talk.term(*server) == term,
                "two servers were removed while they were cut off; {how} pre-votes they raised the term of {server} from \
                 {term} to {} in 30 s",
                talk.term(*server)
            );
        }
        talk.goes_on("while removed servers ask for votes")?;
    }
    Ok(())
}

pub(crate) fn who_was_away_catches_up<D: Reconfigurable + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let options = Options { snapshot_every: Some(5), ..with_noop() };
    let mut talk = Talk::<D>::new(test, 3, 5, &options, [client()])?;
    let leader = talk.leader(&[S1, S2, S3])?;
    let away = without(&[S1, S2, S3], &[leader])[0];
    talk.cut(&[away]);
    let all = server_addresses(5);
    let others = without(&all, &[away]);
    talk.learn(S4)?;
    talk.learn(S5)?;
    talk.change(&all)?;
    talk.change(&others)?;
    talk.goes_on("while one server is away")?;
    talk.learn(away)?;
    talk.change(&others)?;
    talk.heal();
    talk.change(&all)?;
    talk.agree(&all, &all)?;
    // Each starts again from what it saved: a snapshot that knows who is in the group.
    for server in &all {
        talk.run.crash(*server)?;
    }
    for server in &all {
        talk.run.restart(*server)?;
    }
    talk.agree(&all, &all)?;
    talk.goes_on("after all have started again")
}

pub(crate) fn members_come_and_go<D: Reconfigurable + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let options = Options { snapshot_every: Some(20), pre_vote: true, check_quorum: true, ..with_noop() };
    let workloads = vec![append_same_key_workload(15); 2];
    let setup = Setup::<D>::changing(3, 5, &options, workloads, &[])?;
    let clients = setup.clients.clone();
    let length = secs(40);
    let servers = server_addresses(5);
    let nemesis = Nemesis::new(servers.clone())
        .crashes(1)
        .isolations()
        .every(Duration::from_secs(1)..=Duration::from_secs(4));
    let settings = setup
        .watch_changes(test.simulated())
        .invariant(appends_linearizable(clients))
        .check(Check::EveryEvents(5))
        .network(Network::unreliable)
        .schedule(nemesis.schedule(test.seed(), length));
    let mut run = test.start(&setup.system, settings)?;
    let admin = run.add_interactive(A1, D::default().admin(&servers))?;
    let learn = AdminCommand::AddLearner;
    let steps = [
        learn(S4),
        change(&[S1, S2, S4]),
        learn(S3),
        learn(S5),
        change(&[S1, S2, S3, S4, S5]),
        change(&[S3, S4, S5]),
        learn(S1),
        AdminCommand::ChangeMembership { voters: [S1].into(), retain: true },
        change(&[S1, S3, S5]),
    ];
    for step in steps {
        let response = run.ask(&admin, step.clone(), LONG)?;
        check!(response == AdminResponse::Ok, "the administrator got {response:?} for {step:?}, expected Ok");
    }
    run.wait_for(&client_done(C1), LONG)?;
    run.wait_for_clients(LONG)?;
    linearizable(&run)?;
    let now = run.now();
    if now < length {
        run.run_for(length - now)?;
    }
    let last = [S1, S3, S5];
    for server in last {
        run.wait_for(&knows::<D::Server>(server, &settled(&last)), secs(60))?;
    }
    let roles = run.inspect(|view| {
        view.nodes::<D::Server>()
            .filter(|(server, node)| !last.contains(server) && node.role() == Role::Leader)
            .count()
    });
    check!(roles == 0, "a server that is not in the group any more leads");
    Ok(())
}

/// A leader that hears from one of the two majorities only steps down; learners do not count here either.
pub(crate) fn doubts_ask_both<D: Reconfigurable + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let options = Options { check_quorum: true, ..with_noop() };
    let mut talk = Talk::<D>::new(test, 3, 5, &options, [client()])?;
    let old = [S1, S2, S3];
    talk.learn(S4)?;
    talk.learn(S5)?;
    let mut leader = talk.leader(&old)?;
    for (change, whom) in [(false, "learners"), (true, "a majority of the new voters")] {
        let others = without(&old, &[leader]);
        talk.cut(&others);
        if change {
            talk.run.send(&talk.admin, self::change(&[leader, S4, S5]))?;
        }
        talk.run.run_for(secs(3))?;
        let leading = talk.run.inspect(leaders::<D::Server>);
        check!(
            leading.iter().all(|elected| elected.leader != leader),
            "{leader} was cut off from the other voters for 3 s, heard from {whom} only, and still leads"
        );
        talk.heal();
        if change {
            talk.agree(&[leader, S4, S5], &[leader, S4, S5])?;
        } else {
            leader = talk.leader(&old)?;
            talk.goes_on("after the leader was cut off")?;
        }
    }
    talk.goes_on("after the change")
}
