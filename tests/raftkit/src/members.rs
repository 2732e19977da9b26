//! Groups that change: servers that wait to be added, administrators, and what stages and runs ask of configurations.

use std::fmt;

use clientserver::KvWorkload;
use framework::predicate::client_has_results;
use framework::{Address, Node, Outcome, Predicate, System, Workload};
use raft::predicates::{Group, leads};
use raft::{AdminParser, Configuration, EntryKind, Inspect, Options, Reconfigurable, Role, add_servers};
use runner::Settings;
use testkit::{Failed, Reached, SearchTest, Starts};

use crate::run::ends_like;
use crate::{Script, Setup, only};

/// The first administrator of a system.
pub const A1: Address = Address::named("admin");
/// The second one.
pub const A2: Address = Address::numbered("admin", 2);

/// What servers are asked to do when members change: a new leader appends an empty entry, so that it can finish what it
/// finds.
pub fn with_noop() -> Options {
    Options { noop: true, ..Options::default() }
}

impl<D: Reconfigurable + Default> Setup<D> {
    /// `members` servers that are the group when it begins, others up to `count` that wait to be added, a client for each
    /// workload, and an administrator for each list of commands.
    ///
    /// # Errors
    ///
    /// When there are more nodes than addresses, or a command does not parse.
    pub fn changing(
        members: u16,
        count: u16,
        options: &Options,
        workloads: impl IntoIterator<Item = KvWorkload>,
        admins: &[&[&str]],
    ) -> Result<Self, Failed> {
        let design = D::default();
        let mut system = System::new();
        let servers = add_servers(&mut system, &design, members, count, options)?;
        let clients: Vec<_> = (1..).map(Address::client).zip(workloads).collect();
        for (address, workload) in &clients {
            system.add_client(*address, design.client(&servers), workload.clone())?;
        }
        for (address, commands) in [A1, A2].into_iter().zip(admins) {
            let workload = Workload::parse(AdminParser, commands.to_vec())?;
            system.add_client(address, design.admin(&servers), workload)?;
        }
        let group = Group::of(&system).with_members((1..=members).map(Address::server));
        Ok(Self { system, group, clients })
    }

    /// All stages from here on check what must hold of states while members change: part 8.
    pub fn changes(&self, search: &mut SearchTest) {
        self.states(search);
        for invariant in self.group.membership_invariants() {
            search.invariant(invariant);
        }
    }

    /// All stages from here on check that, and what must hold of steps, which takes longer.
    pub fn changes_and_steps(&self, search: &mut SearchTest) {
        self.everything(search);
        for invariant in self.group.membership_invariants() {
            search.invariant(invariant);
        }
    }

    /// A run checks what must hold of states and steps while members change: part 8.
    #[must_use]
    pub fn watch_changes(&self, settings: Settings) -> Settings {
        self.watch_everything(settings).invariants(self.group.membership_invariants())
    }
}

/// A configuration with these voters, to compare with: learners do not matter.
pub fn settled(voters: &[Address]) -> Configuration {
    Configuration::of(voters.iter().copied())
}

/// The joint configuration on the way from `old` to `new`, to compare with: learners do not matter.
pub fn joint(old: &[Address], new: &[Address]) -> Configuration {
    Configuration { outgoing: old.iter().copied().collect(), ..settled(new) }
}

fn is_like(configuration: &Configuration, wanted: &Configuration) -> bool {
    (&configuration.voters, &configuration.outgoing) == (&wanted.voters, &wanted.outgoing)
}

/// Something about one server that is up.
pub fn about<N: Node + Inspect>(
    server: Address,
    name: impl fmt::Display,
    check: impl Fn(&N) -> bool + Send + Sync + 'static,
) -> Predicate {
    Predicate::new(name.to_string(), move |view| match view.node::<N>(server) {
        Some(node) if check(node) => Outcome::holds(),
        Some(node) => {
            let configuration = match node.configuration() {
                Some(configuration) => configuration.to_string(),
                None => "the configuration that it was made with".to_owned(),
            };
            Outcome::fails(format!(
                "{server} is {:?} in term {}, has {configuration}, commit_index {}, and a log that ends at {}",
                node.role(),
                node.current_term(),
                node.commit_index(),
                node.last_index()
            ))
            .blaming(server, "")
        }
        None => Outcome::fails(format!("{server} is down, or no server of this design")),
    })
}

/// The newest configuration of `server` is like this one.
pub fn uses<N: Node + Inspect>(server: Address, wanted: &Configuration) -> Predicate {
    let wanted = wanted.clone();
    about(server, format!("{server} uses {wanted}"), move |node: &N| {
        node.configuration().is_some_and(|used| is_like(used, &wanted))
    })
}

/// The configurations like this one in the log of a server, and that of its snapshot, with their indexes.
fn places<'a, N: Inspect>(node: &'a N, wanted: &'a Configuration) -> impl Iterator<Item = u64> + 'a {
    let in_log = (node.first_index()..=node.last_index()).filter(move |index| {
        matches!(node.entry(*index).map(|entry| entry.kind),
            Some(EntryKind::Configuration(configuration)) if is_like(configuration, wanted))
    });
    let snapshot = node.snapshot().filter(|snapshot| {
        snapshot.configuration.is_some_and(|configuration| is_like(configuration, wanted))
    });
    in_log.chain(snapshot.map(|snapshot| snapshot.last_included_index))
}

/// `server` has a configuration like this one in its log or its snapshot.
pub fn has<N: Node + Inspect>(server: Address, wanted: &Configuration) -> Predicate {
    let wanted = wanted.clone();
    about(server, format!("{server} has {wanted}"), move |node: &N| places(node, &wanted).next().is_some())
}

/// All of `servers` have a configuration like this one.
pub fn all_have<N: Node + Inspect>(servers: &[Address], wanted: &Configuration) -> Predicate {
    let all = servers.iter().map(|server| has::<N>(*server, wanted));
    all.reduce(|all, one| all.and(&one)).unwrap_or_else(Predicate::always)
}

/// None of `servers` has a configuration like this one.
pub fn none_has<N: Node + Inspect>(servers: &[Address], wanted: &Configuration) -> Predicate {
    let all = servers.iter().map(|server| has::<N>(*server, wanted).not());
    all.reduce(|all, one| all.and(&one)).unwrap_or_else(Predicate::always)
}

/// `server` knows a configuration like this one to be committed.
pub fn knows<N: Node + Inspect>(server: Address, wanted: &Configuration) -> Predicate {
    let wanted = wanted.clone();
    about(server, format!("{server} knows {wanted} to be committed"), move |node: &N| {
        places(node, &wanted).any(|index| index <= node.commit_index())
    })
}

/// The snapshot of `server` has a configuration like this one.
pub fn snapshot_has<N: Node + Inspect>(server: Address, wanted: &Configuration) -> Predicate {
    let wanted = wanted.clone();
    about(server, format!("the snapshot of {server} has {wanted}"), move |node: &N| {
        let configuration = node.snapshot().and_then(|snapshot| snapshot.configuration);
        configuration.is_some_and(|configuration| is_like(configuration, &wanted))
    })
}

/// `learner` is a learner in the configuration that `server` uses.
pub fn has_learner<N: Node + Inspect>(server: Address, learner: Address) -> Predicate {
    about(server, format!("{learner} is a learner for {server}"), move |node: &N| {
        node.configuration().is_some_and(|configuration| configuration.learners.contains(&learner))
    })
}

/// `server` has some joint configuration.
pub fn has_joint<N: Node + Inspect>(server: Address) -> Predicate {
    about(server, format!("{server} has a joint configuration"), |node: &N| {
        (node.first_index()..=node.last_index()).any(|index| {
            matches!(node.entry(index).map(|entry| entry.kind),
                Some(EntryKind::Configuration(configuration)) if configuration.is_joint())
        })
    })
}

/// `server` is a follower.
pub fn follows<N: Node + Inspect>(server: Address) -> Predicate {
    about(server, format!("{server} is a follower"), |node: &N| node.role() == Role::Follower)
}

/// `server` is in no term after `term`.
pub fn stays_in_term<N: Node + Inspect>(server: Address, term: u64) -> Predicate {
    about(server, format!("{server} is in no term after {term}"), move |node: &N| node.current_term() <= term)
}

/// `server` has the log of `leader`, up to the end.
pub fn has_log_of<N: Node + Inspect>(server: Address, leader: Address) -> Predicate {
    Predicate::holds(format!("{server} has the whole log of {leader}"), move |view| {
        let (Some(node), Some(other)) = (view.node::<N>(server), view.node::<N>(leader)) else {
            return false;
        };
        ends_like(node, other)
    })
}

impl<N: Node + Inspect> Script<'_, N> {
    /// `leader` is leader, an entry of its term is committed, `learners` are learners one after the other, as the first
    /// administrator asks, and have the leader's log. Only `majority` of the members take part.
    ///
    /// # Errors
    ///
    /// When that cannot happen, or anything is violated on the way.
    pub fn learners_ready<S: Starts + ?Sized>(
        &mut self,
        leader: Address,
        majority: &[Address],
        learners: &[Address],
        from: &S,
    ) -> Result<Reached, Failed> {
        let led = self.elect(&format!("{leader} is leader"), leader, majority, from)?;
        self.learners_added(leader, majority, learners, &led)
    }

    /// The same without the election.
    ///
    /// # Errors
    ///
    /// When that cannot happen, or anything is violated on the way.
    pub fn learners_added<S: Starts + ?Sized>(
        &mut self,
        leader: Address,
        majority: &[Address],
        learners: &[Address],
        from: &S,
    ) -> Result<Reached, Failed> {
        let mut reached: Option<Reached> = None;
        for (count, learner) in (1..).zip(learners) {
            let nodes = [majority, &[A1, *learner]].concat();
            let told = client_has_results(A1, count);
            let goal = told.and(&has_log_of::<N>(*learner, leader)).and(&leads::<N>(leader));
            let name = format!("{learner} is a learner and has the log");
            let states = reached.as_ref().map_or(from.states(), Starts::states);
            reached =
                Some(self.reach(&name, only(&nodes, &[leader, A1]), goal.named(name.clone()), states)?);
        }
        reached.ok_or_else(|| Failed::because("the test names no learner"))
    }

    /// Each of `followers` gets the whole log of `leader`, one after the other: all at once are many more states in a
    /// design that sends its entries one by one.
    ///
    /// # Errors
    ///
    /// When that cannot happen, or anything is violated on the way.
    pub fn all_follow<S: Starts + ?Sized>(
        &mut self,
        leader: Address,
        followers: &[Address],
        from: &S,
    ) -> Result<Reached, Failed> {
        let mut reached: Option<Reached> = None;
        for follower in followers.iter().filter(|follower| **follower != leader) {
            let goal = has_log_of::<N>(*follower, leader).and(&leads::<N>(leader));
            let name = format!("{follower} has the log of {leader}");
            let net = [leader, *follower];
            let states = reached.as_ref().map_or(from.states(), Starts::states);
            reached = Some(self.reach(&name, only(&net, &[leader]), goal.named(name.clone()), states)?);
        }
        reached.ok_or_else(|| Failed::because("the test names no follower"))
    }

    /// `leader` appends a joint configuration, as the first administrator asks, and no server that joins has it yet. Those
    /// take part, for the leader has to know that they have its log.
    ///
    /// # Errors
    ///
    /// When that cannot happen, or anything is violated on the way.
    pub fn change_begun<S: Starts + ?Sized>(
        &mut self,
        leader: Address,
        joining: &[Address],
        change: &Configuration,
        from: &S,
    ) -> Result<Reached, Failed> {
        let from = self.all_follow(leader, joining, from)?;
        let nodes = [&[leader, A1], joining].concat();
        let goal = has::<N>(leader, change).and(&none_has::<N>(joining, change));
        let name = format!("C_old,new is on {leader} alone");
        self.reach(&name, only(&nodes, &[leader, A1]), goal.named(name.clone()), &from)
    }
}
