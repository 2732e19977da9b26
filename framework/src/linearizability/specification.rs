//! What operations mean when they are executed one after the other.

use std::fmt;
use std::sync::Arc;

use crate::application::Application;
use crate::node::Data;

/// A sequential specification of an object: the response of each command if commands came one at a time.
///
/// It is deterministic: the same state and command always give the same next state and response. States, commands and
/// responses are compared by their bytes, as everywhere; an `Eq` that they may have is never asked.
///
/// ```
/// use framework::linearizability::Specification;
///
/// /// A number that clients add to; the response is the sum so far.
/// struct Counter;
///
/// impl Specification for Counter {
///     type State = u64;
///     type Command = u64;
///     type Response = u64;
///     fn initial(&self) -> u64 { 0 }
///     fn apply(&self, state: &mut u64, command: &u64) -> u64 {
///         *state += command;
///         *state
///     }
/// }
/// ```
///
/// Source: Herlihy and Wing, "Linearizability: a correctness condition for concurrent objects" (TOPLAS 1990), section
/// 2.1.
pub trait Specification: Send + Sync + 'static {
    /// What the object remembers.
    type State: Data;
    /// What clients ask for.
    type Command: Data;
    /// What they get.
    type Response: Data;

    /// The state before the first command.
    fn initial(&self) -> Self::State;

    /// Executes one command.
    fn apply(&self, state: &mut Self::State, command: &Self::Command) -> Self::Response;

    /// The part of the object that the command reads or changes, such as its key.
    ///
    /// Write it only if commands of different parts have nothing to do with each other: executing one never changes the
    /// response of the other. A command that touches two keys makes one part of both. Parts are checked one by one, which
    /// is sound for linearizability (it is a local property; Herlihy and Wing, theorem 1) and much faster. Sequential
    /// consistency is not local, so its check does not ask.
    fn partition(&self, command: &Self::Command) -> String {
        let _ = command;
        String::new()
    }

    /// Whether the command leaves every state as it is.
    ///
    /// Say so of what only reads: checks need not try it in different places, which makes them much faster, and a read
    /// that never returned is no matter.
    fn only_reads(&self, command: &Self::Command) -> bool {
        let _ = command;
        false
    }
}

type Partition<C> = Arc<dyn Fn(&C) -> String + Send + Sync>;
type OnlyReads<C> = Arc<dyn Fn(&C) -> bool + Send + Sync>;

/// The specification that an [`Application`] is: commands execute one after the other on a copy of it.
///
/// An application is often a student's. Its own mistakes are then the specification, and a checker that uses it says
/// only whether the replicated application looks like a single one.
pub struct ApplicationSpecification<A: Application> {
    initial: A,
    partition: Partition<A::Command>,
    only_reads: OnlyReads<A::Command>,
}

impl<A: Application> ApplicationSpecification<A> {
    /// The specification that begins with this application.
    pub fn new(initial: A) -> Self {
        Self { initial, partition: Arc::new(|_| String::new()), only_reads: Arc::new(|_| false) }
    }

    /// Says which part of the application a command is about; see [`Specification::partition`].
    #[must_use]
    pub fn partitioned_by(mut self, part: impl Fn(&A::Command) -> String + Send + Sync + 'static) -> Self {
        self.partition = Arc::new(part);
        self
    }

    /// Says which commands only read; see [`Specification::only_reads`].
    #[must_use]
    pub fn reading(mut self, only_reads: impl Fn(&A::Command) -> bool + Send + Sync + 'static) -> Self {
        self.only_reads = Arc::new(only_reads);
        self
    }
}

impl<A: Application> Specification for ApplicationSpecification<A> {
    type State = A;
    type Command = A::Command;
    type Response = A::Response;

    fn initial(&self) -> A {
        self.initial.clone()
    }

    fn apply(&self, state: &mut A, command: &A::Command) -> A::Response {
        state.execute(command)
    }

    fn partition(&self, command: &A::Command) -> String {
        (self.partition)(command)
    }

    fn only_reads(&self, command: &A::Command) -> bool {
        (self.only_reads)(command)
    }
}

impl<A: Application> Clone for ApplicationSpecification<A> {
    fn clone(&self) -> Self {
        Self {
            initial: self.initial.clone(),
            partition: Arc::clone(&self.partition),
            only_reads: Arc::clone(&self.only_reads),
        }
    }
}

impl<A: Application> fmt::Debug for ApplicationSpecification<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApplicationSpecification").field("initial", &self.initial).finish_non_exhaustive()
    }
}
