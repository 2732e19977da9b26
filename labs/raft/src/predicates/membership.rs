//! Who is in the group, and how that may change. (Section 6; Ongaro's dissertation, chapter 4)

use framework::{Address, Node, Outcome, Predicate};

use crate::admin::{AdminCommand, AdminResponse};
use crate::configuration::Configuration;
use crate::inspect::{EntryKind, Inspect, Role};
use crate::predicates::Group;
use crate::predicates::quorum::{configurations, is_quorum};

/// A server uses the newest configuration in its log, committed or not; if there is none, that of its snapshot.
/// (Section 6, "a server always uses the latest configuration in its log")
pub fn newest_configuration_is_used<N: Node + Inspect>() -> Predicate {
    Predicate::for_each("the newest configuration in the log is used", |server: Address, node: &N| {
        let (used, newest) = (node.configuration(), configurations(node).next());
        let in_log = newest.map(|(_, configuration)| configuration);
        if used == in_log {
            return Outcome::holds();
        }
        let name = |configuration: Option<&Configuration>| {
            configuration.map_or("the one it was made with".to_owned(), Configuration::to_string)
        };
        let place = newest.map_or(String::new(), |(index, _)| format!(", at index {index}"));
        Outcome::fails(format!(
            "{server} uses the configuration {}, but the newest in its log is {}{place}",
            name(used),
            name(in_log)
        ))
        .blaming(server, "configuration")
        .blaming(server, "log")
    })
}

/// A configuration follows another only when that one is committed, by its own majorities: one change at a time. (Section
/// 6, and the rule that the single-server changes of 2014 lacked)
pub fn earlier_configurations_are_committed<N: Node + Inspect>(group: &Group<N>) -> Predicate {
    let group = group.clone();
    Predicate::new("a configuration follows only one that is committed", move |view| {
        for (server, node) in view.nodes::<N>() {
            if node.configuration().is_none() {
                continue;
            }
            let mut all = configurations(node);
            let Some((newest, _)) = all.next() else { continue };
            for (index, configuration) in all {
                // What the snapshot has was applied.
                let Some(entry) = node.entry(index) else { continue };
                let holders = Group::holders(&group.look_at_all(view), index, entry.term);
                if is_quorum(configuration, |server| holders.contains(&server)) {
                    continue;
                }
                let holders: Vec<String> = holders.iter().map(Address::to_string).collect();
                return Outcome::fails(format!(
                    "{server} has another configuration at index {newest}, but the one before, {configuration} at index {index}, is \
                     only in the logs of {}, which is not enough for it",
                    holders.join(", ")
                ))
                .blaming(server, "log");
            }
        }
        Outcome::holds()
    })
}

/// Configurations are what they can be: there are voters; a change of voters goes from C<sub>old</sub> by
/// C<sub>old,new</sub> to C<sub>new</sub>; who is a learner is no voter.
pub fn configurations_are_well_formed<N: Node + Inspect>(group: &Group<N>) -> Predicate {
    let group = group.clone();
    Predicate::for_each("voters change by joint consensus", move |server: Address, node: &N| {
        if node.configuration().is_none() {
            return Outcome::holds();
        }
        let all: Vec<(u64, &Configuration)> = configurations(node).collect();
        for (position, (index, configuration)) in all.iter().enumerate() {
            let before = match all.get(position + 1) {
                Some((_, before)) => Some(*before),
                // What came before that of the snapshot, it hides.
                None if node.snapshot().is_some_and(|snapshot| snapshot.configuration.is_some()) => None,
                None => Some(&group.bootstrap),
            };
            if let Some(wrong) = wrong_in(configuration).or_else(|| wrong_after(before?, configuration)) {
                return Outcome::fails(format!(
                    "{server} has the configuration {configuration} at index {index}: {wrong}"
                ))
                .blaming(server, "log");
            }
        }
        Outcome::holds()
    })
}

fn wrong_in(configuration: &Configuration) -> Option<String> {
    let Configuration { voters, outgoing, learners, learners_next } = configuration;
    if voters.is_empty() {
        return Some("it has no voters".to_owned());
    }
    if let Some(both) = learners.iter().find(|learner| voters.contains(learner) || outgoing.contains(learner))
    {
        return Some(format!("{both} is both learner and voter"));
    }
    let next = learners_next.iter().find(|next| !outgoing.contains(next) || voters.contains(next));
    next.map(|next| format!("{next} shall become a learner, but is no voter that leaves"))
}

fn wrong_after(before: &Configuration, configuration: &Configuration) -> Option<String> {
    if configuration.is_joint() {
        if before.is_joint() {
            return Some(format!("the change before, {before}, is not over"));
        }
        return (configuration.outgoing != before.voters)
            .then(|| format!("its old voters are not those of the configuration before, {before}"));
    }
    if configuration.voters == before.voters {
        return None;
    }
    Some(if before.is_joint() {
        format!("the configuration before, {before}, leads to other voters")
    } else {
        format!("its voters are others than before, {before}, without a joint configuration between")
    })
}

/// While a leader of a later term leads, no majority of an earlier leader's configuration is left in its term or before:
/// the two cannot both commit. (The group is not split, long before anything is committed twice)
pub fn one_active_leader<N: Node + Inspect>(group: &Group<N>) -> Predicate {
    let group = group.clone();
    Predicate::new("only one leader can commit", move |view| {
        let leaders = || view.nodes::<N>().filter(|(_, node)| node.role() == Role::Leader);
        if leaders().count() < 2 {
            return Outcome::holds();
        }
        let servers = group.look_at_all(view);
        for (old, node) in leaders() {
            let term = node.current_term();
            let Some((new, later)) = leaders().find(|(_, later)| later.current_term() > term) else {
                continue;
            };
            let configuration = group.in_force(node);
            let stayed = |server: Address| {
                servers.iter().any(|(other, node)| *other == server && node.current_term() <= term)
            };
            if is_quorum(configuration, stayed) {
                return Outcome::fails(format!(
                    "{new} is leader in term {}, but {old}, leader in term {term}, still has a majority of {configuration}",
                    later.current_term()
                ))
                .blaming(old, "role")
                .blaming(new, "role");
            }
        }
        Outcome::holds()
    })
}

/// Only voters stand for election and lead: neither learners, nor servers that wait to be added, nor those that know that
/// they were removed. Who was a voter until an entry that may still be lost is one. (Dissertation, 4.2.2)
pub fn only_voters_campaign<N: Node + Inspect>(group: &Group<N>) -> Predicate {
    let group = group.clone();
    let votes = |configuration: &Configuration, server: Address| {
        configuration.voters.contains(&server) || configuration.outgoing.contains(&server)
    };
    Predicate::for_each("only voters stand for election", move |server: Address, node: &N| {
        let role = match node.role() {
            Role::Follower => return Outcome::holds(),
            Role::PreCandidate => "asks for votes",
            Role::Candidate => "stands for election",
            // It leads on until it has told that it is removed, and perhaps until its next timer; until then it may take in
            // whatever a leader may. That it leaves in the end is a goal.
            Role::Leader => "leads",
        };
        let mut newest =
            configurations(node).map(|(_, configuration)| configuration).chain([&group.bootstrap]);
        let allowed = if node.role() == Role::Leader {
            let hidden = node.snapshot().is_some_and(|snapshot| snapshot.configuration.is_some());
            hidden || newest.any(|configuration| votes(configuration, server))
        } else {
            group.in_use(node).iter().any(|configuration| votes(configuration, server))
        };
        if allowed {
            return Outcome::holds();
        }
        Outcome::fails(format!(
            "{server} {role} in term {}, but is no voter of its configuration, {}",
            node.current_term(),
            group.in_force(node)
        ))
        .blaming(server, "role")
        .blaming(server, "log")
    })
}

/// A change of voters of which an administrator was told that it is done is committed: its C<sub>new</sub> is in the logs
/// of a majority of the new voters. Groups in which somebody has discarded the beginning of its log are not judged.
pub fn finished_changes_are_committed<N: Node + Inspect>(group: &Group<N>) -> Predicate {
    let group = group.clone();
    Predicate::new("finished changes are in the logs of a majority", move |view| {
        for worker in view.workers() {
            let results = worker.results::<AdminResponse>().unwrap_or_default();
            for i in (0..results.len()).filter(|i| results[*i] == AdminResponse::Ok) {
                let Some(AdminCommand::ChangeMembership { voters, .. }) = worker.command(i) else { continue };
                let servers = group.look_at_all(view);
                if voters == group.bootstrap.voters || servers.iter().any(|(_, node)| node.first_index() > 1)
                {
                    continue;
                }
                let committed = servers.iter().any(|(_, node)| {
                    (1..=node.last_index()).any(|index| {
                        let Some(entry) = node.entry(index) else { return false };
                        let EntryKind::Configuration(configuration) = entry.kind else { return false };
                        if configuration.is_joint() || configuration.voters != voters {
                            return false;
                        }
                        let holders = Group::holders(&servers, index, entry.term);
                        is_quorum(configuration, |server| holders.contains(&server))
                    })
                });
                if !committed {
                    return Outcome::fails(format!(
                        "{} was told that its command {} is done, but no majority of {} has that configuration",
                        worker.address(),
                        i + 1,
                        Configuration::of(voters)
                    ))
                    .blaming(worker.address(), format!("results[{i}]"));
                }
            }
        }
        Outcome::holds()
    })
}
