// INSTRUCTOR ONLY
//! Who is in the group, what a majority of it is, and how a leader changes it.

use std::collections::{BTreeMap, BTreeSet};

use framework::Address;
use raft::{AdminCommand, AdminReply, AdminRequest, AdminResponse, Configuration};

use super::super::message::{Change, Content, Message, Slot};
use super::super::variant::{Farewell, Flaw, Known, Requests, Routing};
use super::{Out, Phase, Progress, VariantServer};

fn is_majority(voters: &BTreeSet<Address>, count: usize, half: bool) -> bool {
    2 * count + usize::from(half) > voters.len()
}

impl VariantServer {
    /// All configurations of the log, from the newest back, with their indexes.
    fn changes(&self) -> Vec<(u64, &Change)> {
        let late = |index: u64| self.has(Flaw::InForceLate) && index > self.commit;
        match self.variant.members.known {
            Known::Scan => self.saved.log.changes().filter(|(index, _)| !late(*index)).collect(),
            Known::List => self.list.iter().rev().map(|(index, change)| (*index, change)).collect(),
        }
    }

    pub(super) fn newest_change(&self) -> Option<(u64, &Change)> {
        match self.variant.members.known {
            Known::Scan if self.has(Flaw::InForceLate) => self.changes().first().copied(),
            Known::Scan => self.saved.log.changes().next(),
            Known::List => self.list.last().map(|(index, change)| (*index, change)),
        }
    }

    pub(super) fn configuration_in_force(&self) -> &Configuration {
        self.newest_change().map_or(&self.bootstrap, |(_, change)| &change.configuration)
    }

    /// The last entry is a configuration.
    pub(super) fn note_change(&mut self, change: Change) {
        if self.variant.members.known == Known::List {
            self.list.push((self.last(), change));
        }
    }

    /// The configuration in force, and those before it up to the first that is known to be committed.
    fn in_use(&self) -> Vec<&Configuration> {
        let mut in_use = Vec::new();
        for (index, change) in self.changes() {
            in_use.push(&change.configuration);
            if index <= self.commit {
                return in_use;
            }
        }
        in_use.push(&self.bootstrap);
        in_use
    }

    /// The voters of the configuration in force, of both halves.
    pub(super) fn voters(&self) -> BTreeSet<Address> {
        let Configuration { voters, outgoing, .. } = self.configuration_in_force();
        voters | outgoing
    }

    /// Whether these servers are a majority of the configuration in force.
    pub(super) fn is_quorum(&self, contains: impl Fn(Address) -> bool) -> bool {
        let half = self.has(Flaw::HalfIsEnough);
        let count = |voters: &BTreeSet<Address>| voters.iter().filter(|voter| contains(**voter)).count();
        let Configuration { voters, outgoing, learners, .. } = self.configuration_in_force();
        match self.variant.flaw {
            Flaw::OneCount => is_majority(&self.voters(), count(&self.voters()), half),
            Flaw::NewMajorityAlone => is_majority(voters, count(voters), half),
            Flaw::LearnersCount => is_majority(voters, count(voters) + count(learners), half),
            _ => {
                is_majority(voters, count(voters), half)
                    && (outgoing.is_empty() || is_majority(outgoing, count(outgoing), half))
            }
        }
    }

    /// The same, if `server` had one more vote: a mistake.
    pub(super) fn is_quorum_with(&self, server: Address, contains: impl Fn(Address) -> bool) -> bool {
        let Configuration { voters, .. } = self.configuration_in_force();
        let count = voters.iter().filter(|voter| contains(**voter)).count();
        is_majority(voters, count + usize::from(contains(server)), false)
    }

    /// Whether it may stand for election.
    pub(super) fn may_stand(&self) -> bool {
        self.in_use().iter().any(|used| used.voters.contains(&self.own) || used.outgoing.contains(&self.own))
    }

    /// Makes what a leader knows of others fit the configuration: of new ones it knows nothing, and begins with `next`.
    pub(super) fn refit(&mut self, next: u64) {
        let mut members = self.configuration_in_force().members();
        if self.variant.members.tells_leavers {
            members.extend(self.in_use().into_iter().flat_map(Configuration::members));
        }
        members.remove(&self.own);
        let Phase::Leader(lead) = &mut self.phase else { return };
        lead.progress.retain(|peer, _| members.contains(peer));
        for member in members {
            let new = Progress { next, matched: 0, confirmed: 0, silent: 0 };
            lead.progress.entry(member).or_insert(new);
        }
    }

    pub(super) fn on_admin(&mut self, from: Address, admin: Address, request: &AdminRequest, out: &mut Out) {
        if self.has(Flaw::IgnoresOptions) {
            return;
        }
        let sequence = request.sequence;
        if !matches!(self.phase, Phase::Leader(_)) && !self.has(Flaw::PretendsToChange) {
            match (self.variant.routing, self.leader) {
                (Routing::Redirect, leader) => out.push((from, Message::NotLeader { sequence, leader })),
                (Routing::Forward, Some(leader)) if from == admin => {
                    out.push((leader, Message::Admin { admin, request: request.clone() }));
                }
                _ => {}
            }
            return;
        }
        let response = match &request.command {
            _ if matches!(self.variant.flaw, Flaw::SaysOk | Flaw::PretendsToChange) => self.pretend(request),
            AdminCommand::TransferLeadership(target) => self.on_transfer(*target, (admin, sequence), out),
            AdminCommand::GetConfiguration => {
                self.is_settled().then(|| AdminResponse::Configuration(self.configuration_in_force().clone()))
            }
            AdminCommand::AddLearner(_)
            | AdminCommand::RemoveLearner(_)
            | AdminCommand::ChangeMembership { .. } => self.on_change(admin, request, out),
        };
        if let Some(response) = response {
            out.push((admin, Message::AdminReply(AdminReply { sequence, response })));
        }
    }

    /// Worth nothing: says that it is done.
    fn pretend(&mut self, request: &AdminRequest) -> Option<AdminResponse> {
        if request.command == AdminCommand::GetConfiguration {
            return Some(AdminResponse::Configuration(self.configuration_in_force().clone()));
        }
        if self.has(Flaw::PretendsToChange)
            && let Some(mut configuration) = self.changed(&request.command)
        {
            configuration.outgoing.clear();
            configuration.learners.append(&mut configuration.learners_next);
            self.list = vec![(0, Change { configuration, requests: BTreeMap::new() })];
        }
        Some(AdminResponse::Ok)
    }

    /// Whether the configuration in force is committed and not joint.
    fn is_settled(&self) -> bool {
        let committed = self.newest_change().is_none_or(|(index, _)| index <= self.commit);
        let early = self.has(Flaw::TellsEarly) && committed;
        early || (committed && !self.configuration_in_force().is_joint())
    }

    /// The latest request of an administrator that was executed.
    fn latest(&self, admin: Address) -> u64 {
        let requests = match self.variant.members.requests {
            Requests::Applied => Some(&self.done),
            Requests::InConfiguration => self.newest_change().map(|(_, change)| &change.requests),
        };
        requests.and_then(|requests| requests.get(&admin).copied()).unwrap_or(0)
    }

    fn on_change(&mut self, admin: Address, request: &AdminRequest, out: &mut Out) -> Option<AdminResponse> {
        let any_time = self.has(Flaw::ChangesAtAnyTime);
        let latest = self.latest(admin);
        if !(self.is_settled() || any_time) || request.sequence < latest {
            return None;
        }
        if request.sequence == latest {
            return Some(AdminResponse::Ok);
        }
        if !(self.knows_what_is_committed() || any_time) || self.is_transferring() {
            return None;
        }
        let Some(configuration) = self.changed(&request.command) else {
            return Some(AdminResponse::Refused);
        };
        if configuration == *self.configuration_in_force() {
            return Some(AdminResponse::Ok);
        }
        if !configuration.voters.iter().all(|voter| self.is_caught_up(*voter)) {
            return None;
        }
        let mut requests = match (self.variant.members.requests, self.newest_change()) {
            (Requests::InConfiguration, Some((_, change))) => change.requests.clone(),
            _ => BTreeMap::new(),
        };
        requests.insert(admin, request.sequence);
        self.append_change(Change { configuration, requests }, out);
        self.commit_what_most_have(out);
        None
    }

    /// What a command makes of the configuration in force; `None` if it makes no sense.
    pub(super) fn changed(&self, command: &AdminCommand) -> Option<Configuration> {
        let now = self.configuration_in_force();
        let mut changed = now.clone();
        match command {
            AdminCommand::AddLearner(server) if !now.voters.contains(server) => {
                changed.learners.insert(*server);
            }
            AdminCommand::RemoveLearner(server) if now.voters.contains(server) => return None,
            AdminCommand::RemoveLearner(server) => {
                changed.learners.remove(server);
            }
            AdminCommand::ChangeMembership { voters, retain } if *voters != now.voters => {
                let known = now.voters.union(&now.learners).copied().collect();
                if voters.is_empty() || !voters.is_subset(&known) {
                    return None;
                }
                let leaving = &now.voters - voters;
                changed = Configuration {
                    voters: voters.clone(),
                    outgoing: now.voters.clone(),
                    learners: &now.learners - voters,
                    learners_next: if *retain { leaving } else { BTreeSet::new() },
                };
            }
            _ => {}
        }
        Some(changed)
    }

    fn is_caught_up(&self, server: Address) -> bool {
        let enough = if self.variant.members.whole_log_first { self.last() } else { self.commit };
        server == self.own
            || self.configuration_in_force().voters.contains(&server)
            || self.progress_of(server).is_some_and(|peer| peer.matched >= enough)
    }

    fn append_change(&mut self, change: Change, out: &mut Out) {
        self.saved.log.push(Slot { term: self.saved.term, content: Content::Change(change.clone()) });
        self.note_change(change);
        self.refit(self.last());
        self.send_last(out);
    }

    /// More is committed: a transition ends, whoever began it; or this leader has to leave.
    pub(super) fn go_on_with_change(&mut self, out: &mut Out) {
        let members = self.variant.members;
        let Some((index, change)) = self.newest_change() else { return };
        if index > self.commit || !matches!(self.phase, Phase::Leader(_)) {
            return;
        }
        if change.configuration.is_joint() {
            if members.leaves_at_once {
                self.end_transition(out);
            }
        } else if change.configuration.voters.contains(&self.own) {
            self.refit(self.last());
        } else if members.farewell != Farewell::NextTick {
            self.say_farewell(out);
        }
    }

    fn end_transition(&mut self, out: &mut Out) {
        let Some((_, change)) = self.newest_change() else { return };
        let mut change = change.clone();
        let configuration = &mut change.configuration;
        configuration.outgoing.clear();
        configuration.learners.append(&mut configuration.learners_next);
        self.append_change(change, out);
        self.commit_what_most_have(out);
    }

    /// At a tick: what was not done when it could be. Says whether this leader leads no more.
    pub(super) fn leaves_at_tick(&mut self, out: &mut Out) -> bool {
        let Some((index, change)) = self.newest_change() else { return false };
        if index > self.commit {
            return false;
        }
        if change.configuration.is_joint() {
            if !self.is_transferring() {
                self.end_transition(out);
            }
        } else if !change.configuration.voters.contains(&self.own) {
            self.say_farewell(out);
        }
        !matches!(self.phase, Phase::Leader(_))
    }

    fn say_farewell(&mut self, out: &mut Out) {
        // The others learn that it is committed.
        self.send_news(out);
        if self.variant.members.farewell == Farewell::HandsOver {
            let voters = self.configuration_in_force().voters.clone();
            let has_all =
                |voter: &&Address| self.progress_of(**voter).is_some_and(|peer| peer.matched == self.last());
            if let Some(next) = voters.iter().find(has_all) {
                let last = self.saved.log.end();
                out.push((*next, Message::TimeoutNow { term: self.saved.term, last, tell: None }));
            }
        }
        self.lead_no_more();
    }
}
