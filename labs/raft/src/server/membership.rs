// SOLUTION FILE
//! Who is in the group: which configuration is in force, what a majority of it is, and how a leader changes it by joint
//! consensus. (Section 6; Ongaro's dissertation, chapter 4)

use std::collections::{BTreeMap, BTreeSet};

use framework::Address;
use serde::{Deserialize, Serialize};

use crate::admin::{AdminCommand, AdminReply, AdminRequest, AdminResponse};
use crate::configuration::Configuration;
use crate::message::Message;
use crate::server::log::{Entry, Payload};
use crate::server::{Ctx, Heard, RaftServer, RoleData};

/// A configuration, and which requests of administrators led to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Membership {
    /// The configuration.
    pub configuration: Configuration,
    /// The number of the latest request of each administrator that is in it: a request that comes again is not
    /// executed again.
    pub requests: BTreeMap<Address, u64>,
}

impl RaftServer {
    /// The configuration in force: the newest in the log, committed or not. (Section 6: "a server always uses the
    /// latest configuration in its log")
    pub(crate) fn in_force(&self) -> &Configuration {
        self.log.memberships().next().map_or(&self.bootstrap, |(_, membership)| &membership.configuration)
    }

    /// The one in force, and before it the one that it replaces as long as it is not known to be committed.
    fn in_use(&self) -> impl Iterator<Item = &Configuration> {
        let mut committed = false;
        let in_log = self.log.memberships().map(|(index, membership)| (index, &membership.configuration));
        in_log.chain([(0, &self.bootstrap)]).map_while(move |(index, configuration)| {
            let used = !committed;
            committed = index <= self.commit_index;
            used.then_some(configuration)
        })
    }

    /// Whether these servers are a majority of the configuration in force; of both halves if it is joint. Who is no
    /// voter in it is not counted, be it this very server.
    pub(crate) fn is_majority(&self, contains: impl Fn(&Address) -> bool) -> bool {
        let majority = |voters: &BTreeSet<Address>| {
            2 * voters.iter().filter(|voter| contains(voter)).count() > voters.len()
        };
        let Configuration { voters, outgoing, .. } = self.in_force();
        majority(voters) && (outgoing.is_empty() || majority(outgoing))
    }

    /// The other voters of the configuration in force, of both halves.
    pub(crate) fn other_voters(&self, own: Address) -> BTreeSet<Address> {
        let Configuration { voters, outgoing, .. } = self.in_force();
        voters.union(outgoing).copied().filter(|voter| *voter != own).collect()
    }

    /// Whether it may stand for election: it is a voter, or it was one until an entry that may still be lost. In the
    /// second case it does not count itself, but it may be the only one whose log lets it win. (Dissertation, 4.2.2)
    pub(crate) fn may_campaign(&self, own: Address) -> bool {
        self.in_use()
            .any(|Configuration { voters, outgoing, .. }| voters.contains(&own) || outgoing.contains(&own))
    }

    /// Whom a leader sends its log to: all members, and those who leave until it is certain that they do.
    pub(crate) fn followers(&self, own: Address) -> BTreeSet<Address> {
        let members = self.in_use().flat_map(Configuration::members);
        members.filter(|member| *member != own).collect()
    }

    /// Makes a leader's progress fit the configuration in force: of new followers it knows nothing.
    fn follow_configuration(&mut self, own: Address) {
        let followers = self.followers(own);
        let next = self.log.last_index() + 1;
        let RoleData::Leader(leader) = &mut self.role else { return };
        leader.next_index.retain(|follower, _| followers.contains(follower));
        leader.match_index.retain(|follower, _| followers.contains(follower));
        for follower in followers {
            leader.next_index.entry(follower).or_insert(next);
            leader.match_index.entry(follower).or_insert(0);
        }
    }

    /// An administrator asks; only a leader answers, and only if it can say that something is done or makes no sense.
    pub(crate) fn on_admin_request(&mut self, admin: Address, request: &AdminRequest, ctx: &mut Ctx) {
        let RoleData::Leader(_) = &self.role else { return };
        let response = match &request.command {
            AdminCommand::TransferLeadership(target) => self.on_transfer(*target, ctx),
            AdminCommand::GetConfiguration => {
                let settled = self.is_settled();
                settled.then(|| AdminResponse::Configuration(self.in_force().clone()))
            }
            AdminCommand::AddLearner(_)
            | AdminCommand::RemoveLearner(_)
            | AdminCommand::ChangeMembership { .. } => self.on_change(admin, request, ctx),
        };
        if let Some(response) = response {
            let reply = AdminReply { sequence: request.sequence, response };
            ctx.send(admin, Message::AdminReply(reply));
        }
    }

    /// Whether the configuration in force is here to stay: it is committed, and not joint.
    fn is_settled(&self) -> bool {
        let newest = self.log.memberships().next();
        !self.in_force().is_joint() && newest.is_none_or(|(index, _)| index <= self.commit_index)
    }

    /// Starts a change, if none is under way.
    fn on_change(&mut self, admin: Address, request: &AdminRequest, ctx: &mut Ctx) -> Option<AdminResponse> {
        let newest = self.log.memberships().next();
        let mut requests = newest.map(|(_, membership)| membership.requests.clone()).unwrap_or_default();
        let latest = requests.get(&admin).copied().unwrap_or(0);
        if !self.is_settled() || request.sequence < latest {
            return None;
        }
        if request.sequence == latest {
            return Some(AdminResponse::Ok);
        }
        // What earlier leaders committed is known only when an entry of this term is committed.
        if !self.knows_what_is_committed() || self.is_transferring() {
            return None;
        }
        let Some(configuration) = self.changed(&request.command) else {
            return Some(AdminResponse::Refused);
        };
        if configuration == *self.in_force() {
            return Some(AdminResponse::Ok);
        }
        if !configuration.voters.iter().all(|voter| self.is_caught_up(*voter, ctx.address())) {
            return None;
        }
        requests.insert(admin, request.sequence);
        self.append_membership(Membership { configuration, requests }, ctx);
        self.advance_commit_index(ctx);
        None
    }

    /// What a command makes of the configuration in force; `None` if it makes no sense.
    fn changed(&self, command: &AdminCommand) -> Option<Configuration> {
        let mut changed = self.in_force().clone();
        match command {
            AdminCommand::AddLearner(server) => {
                if !changed.voters.contains(server) {
                    changed.learners.insert(*server);
                }
            }
            AdminCommand::RemoveLearner(server) if changed.voters.contains(server) => return None,
            AdminCommand::RemoveLearner(server) => {
                changed.learners.remove(server);
            }
            AdminCommand::ChangeMembership { voters, retain } => {
                let members = changed.members();
                if voters.is_empty() || !voters.is_subset(&members) {
                    return None;
                }
                if *voters == changed.voters {
                    return Some(changed);
                }
                changed.outgoing = std::mem::replace(&mut changed.voters, voters.clone());
                changed.learners.retain(|learner| !voters.contains(learner));
                if *retain {
                    changed.learners_next = &changed.outgoing - voters;
                }
            }
            AdminCommand::TransferLeadership(_) | AdminCommand::GetConfiguration => {}
        }
        Some(changed)
    }

    /// Whether a server has all that is committed: a voter that lacks it would make the next commits wait.
    fn is_caught_up(&self, server: Address, own: Address) -> bool {
        let RoleData::Leader(leader) = &self.role else { return false };
        server == own
            || self.in_force().voters.contains(&server)
            || leader.match_index.get(&server).is_some_and(|matched| *matched >= self.commit_index)
    }

    fn append_membership(&mut self, membership: Membership, ctx: &mut Ctx) {
        self.log.append(Entry { term: self.current_term, payload: Payload::Membership(membership) });
        self.persist(ctx);
        self.follow_configuration(ctx.address());
        self.send_entries_to_all(ctx);
    }

    /// What a leader does when more is committed: it ends a transition, whoever began it, and leaves when it has led
    /// the group out of its own hands.
    pub(crate) fn go_on_with_change(&mut self, ctx: &mut Ctx) {
        let Some((index, membership)) = self.log.memberships().next() else { return };
        if index > self.commit_index || !matches!(self.role, RoleData::Leader(_)) {
            return;
        }
        if membership.configuration.is_joint() {
            let mut membership = membership.clone();
            let configuration = &mut membership.configuration;
            configuration.outgoing.clear();
            configuration.learners.append(&mut configuration.learners_next);
            self.append_membership(membership, ctx);
            self.advance_commit_index(ctx);
        } else if membership.configuration.voters.contains(&ctx.address()) {
            self.follow_configuration(ctx.address());
        } else {
            // The others learn that it is committed, those who leave too; then it has nothing more to do.
            self.send_entries_to_all(ctx);
            self.role = RoleData::Follower { heard: Heard::No };
        }
    }
}
