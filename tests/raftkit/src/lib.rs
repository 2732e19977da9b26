//! What the suites of the Raft lab, `tests/part1.rs` to `tests/part8.rs`, share: groups of servers of any design, who may
//! talk to whom in a stage of a search, and leaders in runs.
//!
//! It knows servers through [`Inspect`](raft::Inspect) only, and no message and no timer of any solution. It is **not** a
//! harness (that is `testkit`), and has no tests of its own: the suites are judged by other right designs and by seeded
//! bugs.
//!
//! # The smallest test
//!
//! ```no_run
//! use raft::{Design, predicates};
//! use raftkit::{S1, S2, S3, Setup, only};
//! use testkit::{Failed, Reached, SearchTest};
//!
//! fn t08<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
//!     let setup = Setup::<D>::servers(3)?;
//!     setup.states(search);
//!     let start = setup.start(search)?;
//!     let led = predicates::leads::<D::Server>(S1);
//!     setup.election_stage(search, "server1 is leader").delivery(only(&[S1, S2, S3], &[S1])).goal(led).from(&start)
//! }
//! # let _ = t08::<raft::Handout>;
//! ```
//!
//! Where to read on: [`Setup`] for systems and what must hold in them, [`Setup::changing`] for groups whose members change,
//! [`only`] and [`alone`] for the network of a stage, [`Script`] for stages that follow each other, [`elect`] for runs.

mod members;
mod network;
mod run;
mod script;
mod setup;
mod talk;

use framework::Address;

pub use members::{
    A1, A2, about, all_have, follows, has, has_joint, has_learner, has_log_of, joint, knows, none_has,
    settled, snapshot_has, stays_in_term, uses, with_noop,
};
pub use network::{alone, only};
pub use run::{
    Elected, LONG, agree, agreed, elect, electing, leaders, linearizable, logs_agree, undisturbed, without,
};
pub use script::{
    Script, UNDECIDED, appends, committed_somewhere, crash_and_restart, crashes, deliver_all, in_term,
    last_entry_after, latest_term, stands, without_pending,
};
pub use setup::Setup;
pub use talk::Talk;

/// `server1`.
pub const S1: Address = Address::server(1);
/// `server2`.
pub const S2: Address = Address::server(2);
/// `server3`.
pub const S3: Address = Address::server(3);
/// `server4`.
pub const S4: Address = Address::server(4);
/// `server5`.
pub const S5: Address = Address::server(5);
/// `server6`.
pub const S6: Address = Address::server(6);
/// `client1`.
pub const C1: Address = Address::client(1);
/// `client2`.
pub const C2: Address = Address::client(2);
/// `client3`.
pub const C3: Address = Address::client(3);
/// `client4`.
pub const C4: Address = Address::client(4);
