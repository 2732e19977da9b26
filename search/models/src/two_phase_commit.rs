//! Two-phase commit without timers: a finite space that other checkers have counted up to ten million states.
//!
//! Its counts are those of TLC and Stateright for the TLA+ module `TwoPhase` (Gray and Lamport, "Consensus on
//! Transaction Commit", section 3). What that module lets a process do by itself is here a message to itself that is in
//! the network from the start.

use std::collections::BTreeSet;

use framework::{Address, Context, Node, Outcome, Predicate, System};
use serde::{Deserialize, Serialize};

use crate::add;

/// The transaction manager `tm` and `resource_managers` resource managers `rm1`, `rm2`, and so on.
///
/// | resource managers | distinct states |
/// |---|---|
/// | 3 | 288 |
/// | 5 | 8,832 |
/// | 6 | 50,816 |
/// | 7 | 296,448 |
/// | 8 | 1,745,408 |
/// | 9 | 10,340,352 |
pub fn system(resource_managers: u16) -> System {
    let mut system = System::new();
    let manager = Address::named("tm");
    let addresses: Vec<Address> = (1..=resource_managers).map(|i| Address::numbered("rm", i)).collect();
    let tm = TransactionManager {
        resource_managers: addresses.clone(),
        state: TransactionState::Init,
        prepared: BTreeSet::new(),
    };
    add(&mut system, manager, tm);
    for address in addresses {
        add(&mut system, address, ResourceManager { manager, state: ResourceState::Working });
    }
    system
}

/// Invariant: no resource manager has committed while another has aborted.
pub fn consistent() -> Predicate {
    type Rm<'a> = (Address, &'a ResourceManager);
    Predicate::for_each_pair("consistent", |(a, first): Rm<'_>, (b, second): Rm<'_>| {
        let (committed, aborted) = match (first.state, second.state) {
            (ResourceState::Committed, ResourceState::Aborted) => (a, b),
            (ResourceState::Aborted, ResourceState::Committed) => (b, a),
            _ => return Outcome::holds(),
        };
        Outcome::fails(format!("{committed} committed, but {aborted} aborted"))
            .blaming(committed, "state")
            .blaming(aborted, "state")
    })
}

/// Goal: every resource manager has committed.
pub fn all_committed() -> Predicate {
    all_are("all committed", ResourceState::Committed)
}

/// Goal: every resource manager has aborted.
pub fn all_aborted() -> Predicate {
    all_are("all aborted", ResourceState::Aborted)
}

fn all_are(name: &str, state: ResourceState) -> Predicate {
    Predicate::new(name, move |view| {
        match view.nodes::<ResourceManager>().find(|(_, rm)| rm.state != state) {
            Some((address, rm)) => {
                Outcome::fails(format!("{address} is {:?}", rm.state)).blaming(address, "state")
            }
            None => Outcome::holds(),
        }
    })
}

/// What the managers say, to each other and to themselves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// To itself: a resource manager may prepare.
    DoPrepare,
    /// To itself: a resource manager may choose to abort, or the transaction manager to abort the transaction.
    DoAbort,
    /// To itself: the transaction manager may commit, once every resource manager is prepared.
    DoCommit,
    /// A resource manager is prepared.
    Prepared,
    /// The transaction is committed.
    Commit,
    /// The transaction is aborted.
    Abort,
}

/// There are no timers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Timer {}

/// What the transaction manager has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransactionState {
    /// Nothing yet.
    Init,
    /// To commit.
    Committed,
    /// To abort.
    Aborted,
}

/// The transaction manager.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransactionManager {
    /// Who takes part. Never changes.
    pub resource_managers: Vec<Address>,
    /// What it has decided.
    pub state: TransactionState,
    /// Who it knows to be prepared.
    pub prepared: BTreeSet<Address>,
}

impl Node for TransactionManager {
    type Message = Message;
    type Timer = Timer;

    fn init(&mut self, ctx: &mut Context<Message, Timer>) {
        let me = ctx.address();
        ctx.send(me, Message::DoCommit);
        ctx.send(me, Message::DoAbort);
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Message, Timer>) {
        if self.state != TransactionState::Init {
            return;
        }
        match message {
            Message::Prepared => {
                self.prepared.insert(from);
            }
            Message::DoCommit if self.prepared.len() == self.resource_managers.len() => {
                self.state = TransactionState::Committed;
                ctx.broadcast(&self.resource_managers, &Message::Commit);
            }
            Message::DoAbort => {
                self.state = TransactionState::Aborted;
                ctx.broadcast(&self.resource_managers, &Message::Abort);
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, _: &mut Context<Message, Timer>) {
        match timer {}
    }
}

/// How far a resource manager is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResourceState {
    /// It may still choose.
    Working,
    /// It will do as the transaction manager says.
    Prepared,
    /// It has committed.
    Committed,
    /// It has aborted.
    Aborted,
}

/// A resource manager.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResourceManager {
    /// The transaction manager. Never changes.
    pub manager: Address,
    /// How far it is.
    pub state: ResourceState,
}

impl Node for ResourceManager {
    type Message = Message;
    type Timer = Timer;

    fn init(&mut self, ctx: &mut Context<Message, Timer>) {
        let me = ctx.address();
        ctx.send(me, Message::DoPrepare);
        ctx.send(me, Message::DoAbort);
    }

    fn on_message(&mut self, _: Address, message: Message, ctx: &mut Context<Message, Timer>) {
        match message {
            Message::DoPrepare if self.state == ResourceState::Working => {
                self.state = ResourceState::Prepared;
                ctx.send(self.manager, Message::Prepared);
            }
            Message::DoAbort if self.state == ResourceState::Working => self.state = ResourceState::Aborted,
            // As in the TLA+ module, a decision is obeyed in any state.
            Message::Commit => self.state = ResourceState::Committed,
            Message::Abort => self.state = ResourceState::Aborted,
            _ => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, _: &mut Context<Message, Timer>) {
        match timer {}
    }
}
