// INSTRUCTOR ONLY
//! Predicates of configurations on logs of which a snapshot covers a part, and on entries between two configurations:
//! places at which right designs differ from the reference.

use std::collections::BTreeSet;

use clientserver::KvStore;
use framework::{Address, Context, Node, Predicate, System};
use raft::predicates::{self as p, Group};
use raft::{Configuration, EntryKind, EntryView, Inspect, Role, SnapshotView};
use search::State;
use serde::{Deserialize, Serialize};

use crate::support::server;

/// A server with a log in which an entry is a configuration or empty; all entries are of term 1.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Holder {
    log: Vec<Option<Configuration>>,
    /// How many entries were discarded before those.
    discarded: u64,
    /// The last index that the snapshot covers, and its configuration.
    snapshot: Option<(u64, Option<Configuration>)>,
    commit_index: u64,
}

impl Node for Holder {
    type Message = ();
    type Timer = ();
    fn on_message(&mut self, _: Address, (): (), _: &mut Context<(), ()>) {}
    fn on_timer(&mut self, (): (), _: &mut Context<(), ()>) {}
}

impl Inspect for Holder {
    fn current_term(&self) -> u64 {
        1
    }
    fn voted_for(&self) -> Option<Address> {
        None
    }
    fn role(&self) -> Role {
        Role::Follower
    }
    fn commit_index(&self) -> u64 {
        self.commit_index
    }
    fn last_applied(&self) -> u64 {
        self.commit_index
    }
    fn first_index(&self) -> u64 {
        self.discarded + 1
    }
    fn last_index(&self) -> u64 {
        self.discarded + self.log.len() as u64
    }
    fn entry(&self, index: u64) -> Option<EntryView<'_>> {
        let position = usize::try_from(index.checked_sub(self.first_index())?).unwrap();
        let kind = self.log.get(position)?.as_ref().map_or(EntryKind::Noop, EntryKind::Configuration);
        Some(EntryView { term: 1, kind })
    }
    fn store(&self) -> &KvStore {
        unreachable!("these predicates are not about stores")
    }
    fn snapshot(&self) -> Option<SnapshotView<'_>> {
        self.snapshot.as_ref().map(|(last_included_index, configuration)| SnapshotView {
            last_included_index: *last_included_index,
            last_included_term: 1,
            configuration: configuration.as_ref(),
        })
    }
    fn configuration(&self) -> Option<&Configuration> {
        let snapshot = self.snapshot.as_ref().and_then(|(_, configuration)| configuration.as_ref());
        self.log.iter().rev().flatten().next().or(snapshot)
    }
}

fn servers(numbers: &[u16]) -> BTreeSet<Address> {
    numbers.iter().copied().map(server).collect()
}

/// C_old,new of {1,2,3} → {2,3,4}.
fn joint() -> Configuration {
    Configuration { voters: servers(&[2, 3, 4]), outgoing: servers(&[1, 2, 3]), ..Configuration::default() }
}

fn settled() -> Configuration {
    Configuration::of(servers(&[2, 3, 4]))
}

/// Whether a predicate holds of these servers, of which the first three are the group when it begins.
fn holds(predicate: impl FnOnce(&Group<Holder>) -> Predicate, holders: &[Holder]) -> bool {
    let mut system = System::new();
    for (number, holder) in (1..).zip(holders) {
        system.add(server(number), holder.clone()).unwrap();
    }
    let group = Group::of(&system).with_members((1..=3).map(server));
    predicate(&group).check(&State::initial(&system).unwrap().view()).is_ok()
}

/// The joint configuration is at index 1, then an entry, then perhaps C_new.
fn log(length: usize, commit_index: u64) -> Holder {
    let all = [Some(joint()), None, Some(settled())];
    Holder { log: all[..length].to_vec(), commit_index, ..Holder::default() }
}

/// An entry between C_old,new and C_new is committed by the new voters alone once C_new is appended; a follower may know of
/// it and not have C_new, and the leader may have lost it again.
#[test]
fn between_two_configurations_the_new_voters_decide() {
    let none = Holder::default;
    for (leader, follower) in [(log(3, 2), log(2, 0)), (log(3, 0), log(2, 2)), (log(2, 0), log(2, 2))] {
        assert!(holds(p::committed_on_majority, &[log(1, 0), leader, log(1, 0), follower]));
    }
    // Not if C_old,new is not committed, nor if one of the new voters has the entry, nor for C_old,new itself.
    for wrong in [
        [none(), log(3, 2), none(), log(2, 0)],
        [log(2, 0), log(3, 2), log(1, 0), log(1, 0)],
        [none(), log(2, 1), none(), log(2, 0)],
    ] {
        assert!(!holds(p::committed_on_majority, &wrong));
    }
}

/// A server may keep entries that its snapshot covers: then the configuration of the snapshot is one of them.
#[test]
fn what_a_snapshot_covers_may_still_be_there() {
    let snapshot = |index, configuration| Some((index, Some(configuration)));
    let keeps_joint = Holder { snapshot: snapshot(2, joint()), ..log(3, 2) };
    // What came before C_new is not known any more.
    let keeps_settled = Holder {
        log: vec![None, Some(settled())],
        discarded: 1,
        snapshot: snapshot(3, settled()),
        commit_index: 3,
    };
    // C_old,new was discarded; it is in the snapshot.
    let discarded = Holder {
        log: vec![None, Some(settled())],
        discarded: 1,
        snapshot: snapshot(2, joint()),
        commit_index: 2,
    };
    for holder in [keeps_joint, keeps_settled, discarded] {
        assert!(holds(p::configurations_are_well_formed, std::slice::from_ref(&holder)), "{holder:?}");
        assert!(
            holds(|_| p::newest_configuration_is_used::<Holder>(), std::slice::from_ref(&holder)),
            "{holder:?}"
        );
    }
    // Nothing was discarded or covered: C_new follows the configuration of the beginning.
    let jumps = Holder { log: vec![Some(settled())], ..Holder::default() };
    assert!(!holds(p::configurations_are_well_formed, &[jumps]));
}
