//! A record of operations: who asked for what, when, and what came back.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::Address;

/// How an operation ended, as its client saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End<R> {
    /// It returned.
    Returned {
        /// When.
        at: u64,
        /// With this response.
        response: R,
    },
    /// It is still waiting: it may or may not have taken effect.
    Pending,
    /// Its client crashed before there was a response: it may or may not have taken effect, or may yet.
    Crashed {
        /// When.
        at: u64,
    },
}

/// A command with the time in which it was executed, if it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation<C, R> {
    /// Who asked.
    pub client: Address,
    /// What for.
    pub command: C,
    /// When.
    pub invoked_at: u64,
    /// What came of it.
    pub end: End<R>,
}

impl<C, R> Operation<C, R> {
    /// When it returned, if it did.
    pub fn returned_at(&self) -> Option<u64> {
        match self.end {
            End::Returned { at, .. } => Some(at),
            End::Pending | End::Crashed { .. } => None,
        }
    }

    /// Its response, if it returned.
    pub fn response(&self) -> Option<&R> {
        match &self.end {
            End::Returned { response, .. } => Some(response),
            End::Pending | End::Crashed { .. } => None,
        }
    }

    /// When its client was free again: its return or its client's crash.
    fn ended_at(&self) -> Option<u64> {
        match self.end {
            End::Returned { at, .. } | End::Crashed { at } => Some(at),
            End::Pending => None,
        }
    }
}

/// Why this is no history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// A return with nothing to return from.
    #[error(
        "{client} has a response at time {at}, but no operation that waits for one; record the invocation first"
    )]
    ReturnWithoutInvocation {
        /// The client.
        client: Address,
        /// The time of the return.
        at: u64,
    },
    /// A client is asked for something while it waits.
    #[error(
        "{client} invokes an operation at time {at} while `{running}`, invoked at {since}, still waits for its response; a client has one operation at a time, so give each its own address or record a return or a crash first"
    )]
    TwoOperations {
        /// The client.
        client: Address,
        /// The time of the second invocation.
        at: u64,
        /// The command of the first.
        running: String,
        /// The time of the first invocation.
        since: u64,
    },
    /// Something happens before what was recorded before it.
    #[error(
        "{client} has an event at time {at}, after one at time {last}; record events in the order of time"
    )]
    Backwards {
        /// The client of the later record.
        client: Address,
        /// Its time.
        at: u64,
        /// The time of the record before.
        last: u64,
    },
}

/// Operations of sequential clients, in the order in which they were invoked.
///
/// Times are numbers that grow: steps of a search, virtual or real time in any unit. An operation **precedes** another
/// if it returned at a smaller time than the other was invoked at, or if one client did both and did it first. Two
/// clients' events at one time are concurrent. A client that crashed may go on with new operations.
///
/// It serializes as the list of its operations, and refuses a list that is no history.
///
/// ```
/// use framework::Address;
/// use framework::linearizability::History;
///
/// let (alice, bob) = (Address::named("alice"), Address::named("bob"));
/// let mut history = History::<&str, u64>::new();
/// history.invoke(0, alice, "increment")?;
/// history.invoke(1, bob, "increment")?;
/// history.returned(2, alice, 1)?;
/// assert_eq!(history.to_string(), "\
/// 1  alice  0..2  \"increment\" -> 1
/// 2  bob    1..   \"increment\" -> pending
/// ");
/// # Ok::<(), framework::linearizability::HistoryError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Operation<C, R>>", into = "Vec<Operation<C, R>>")]
#[serde(bound(
    serialize = "C: Clone + fmt::Debug + Serialize, R: Clone + Serialize",
    deserialize = "C: fmt::Debug + Deserialize<'de>, R: Deserialize<'de>"
))]
pub struct History<C, R> {
    // Invariant: sorted by `invoked_at`; no client has two operations at once.
    operations: Vec<Operation<C, R>>,
    /// The operation of each client that waits.
    waiting: BTreeMap<Address, usize>,
    /// The time of the last record.
    last: u64,
}

impl<C, R> Default for History<C, R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C, R> History<C, R> {
    /// Nothing has happened.
    pub fn new() -> Self {
        Self { operations: Vec::new(), waiting: BTreeMap::new(), last: 0 }
    }

    /// The operations in the order in which they were invoked.
    pub fn operations(&self) -> &[Operation<C, R>] {
        &self.operations
    }

    /// The number of operations.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there are no operations.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Whether operation `a` has to come before operation `b` in every order that explains the history.
    ///
    /// # Panics
    ///
    /// Panics when there are not so many operations.
    pub fn precedes(&self, a: usize, b: usize) -> bool {
        let (first, second) = (&self.operations[a], &self.operations[b]);
        first
            .returned_at()
            .is_some_and(|at| at < second.invoked_at || (first.client == second.client && a < b))
    }

    fn at(&mut self, at: u64, client: Address) -> Result<(), HistoryError> {
        if at < self.last {
            return Err(HistoryError::Backwards { client, at, last: self.last });
        }
        self.last = at;
        Ok(())
    }

    /// Records the response of what the client waits for.
    ///
    /// # Errors
    ///
    /// When it waits for nothing, or the time is before that of the record before.
    pub fn returned(&mut self, at: u64, client: Address, response: R) -> Result<(), HistoryError> {
        self.at(at, client)?;
        let Some(index) = self.waiting.remove(&client) else {
            return Err(HistoryError::ReturnWithoutInvocation { client, at });
        };
        self.operations[index].end = End::Returned { at, response };
        Ok(())
    }

    /// Records that the client crashed. What it waits for stays without response for ever; it may begin anew.
    ///
    /// # Errors
    ///
    /// When the time is before that of the record before.
    pub fn crashed(&mut self, at: u64, client: Address) -> Result<(), HistoryError> {
        self.at(at, client)?;
        if let Some(index) = self.waiting.remove(&client) {
            self.operations[index].end = End::Crashed { at };
        }
        Ok(())
    }

    /// What had happened up to a time, including everything at that time.
    #[must_use]
    pub fn until(&self, time: u64) -> Self
    where
        C: Clone,
        R: Clone,
    {
        let mut prefix = Self { last: time.min(self.last), ..Self::new() };
        for operation in self.operations.iter().filter(|operation| operation.invoked_at <= time) {
            let mut operation = operation.clone();
            if operation.ended_at().is_none_or(|at| at > time) {
                operation.end = End::Pending;
                prefix.waiting.insert(operation.client, prefix.operations.len());
            }
            prefix.operations.push(operation);
        }
        prefix
    }
}

impl<C: fmt::Debug, R> History<C, R> {
    /// Records that a client asks for something.
    ///
    /// # Errors
    ///
    /// When it still waits for its last operation, or the time is before that of the record before.
    pub fn invoke(&mut self, at: u64, client: Address, command: C) -> Result<(), HistoryError> {
        self.at(at, client)?;
        if let Some(running) = self.waiting.get(&client) {
            let running = &self.operations[*running];
            return Err(HistoryError::TwoOperations {
                client,
                at,
                running: format!("{:?}", running.command),
                since: running.invoked_at,
            });
        }
        self.waiting.insert(client, self.operations.len());
        self.operations.push(Operation { client, command, invoked_at: at, end: End::Pending });
        Ok(())
    }

    /// The history of these operations. Those of one client are in its order; apart from that, the order of the list
    /// says nothing.
    ///
    /// # Errors
    ///
    /// When an operation ends before it begins, or a client begins one before its last has ended.
    pub fn from_operations(mut operations: Vec<Operation<C, R>>) -> Result<Self, HistoryError> {
        let mut waiting: BTreeMap<Address, usize> = BTreeMap::new();
        let mut previous: BTreeMap<Address, usize> = BTreeMap::new();
        let mut last = 0;
        // Stable, so operations of a client that begin at one time stay in their order; one that begins before the one
        // ahead of it in the list is found below.
        for (i, operation) in operations.iter().enumerate() {
            let (client, at) = (operation.client, operation.invoked_at);
            if let Some(before) = previous.insert(client, i).map(|before| &operations[before]) {
                if at < before.invoked_at {
                    return Err(HistoryError::Backwards { client, at, last: before.invoked_at });
                }
                if before.ended_at().is_none_or(|end| end > at) {
                    return Err(HistoryError::TwoOperations {
                        client,
                        at,
                        running: format!("{:?}", before.command),
                        since: before.invoked_at,
                    });
                }
            }
            if let Some(end) = operation.ended_at().filter(|end| *end < at) {
                return Err(HistoryError::Backwards { client, at: end, last: at });
            }
            last = last.max(at).max(operation.ended_at().unwrap_or(0));
        }
        operations.sort_by_key(|operation| operation.invoked_at);
        for (i, operation) in operations.iter().enumerate() {
            if operation.ended_at().is_none() {
                waiting.insert(operation.client, i);
            }
        }
        Ok(Self { operations, waiting, last })
    }
}

impl<C: fmt::Debug, R> TryFrom<Vec<Operation<C, R>>> for History<C, R> {
    type Error = HistoryError;

    fn try_from(operations: Vec<Operation<C, R>>) -> Result<Self, HistoryError> {
        Self::from_operations(operations)
    }
}

impl<C, R> From<History<C, R>> for Vec<Operation<C, R>> {
    fn from(history: History<C, R>) -> Self {
        history.operations
    }
}

impl<C: fmt::Debug, R: fmt::Debug> fmt::Display for Operation<C, R> {
    /// The command and what came of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.end {
            End::Returned { response, .. } => write!(f, "{:?} -> {response:?}", self.command),
            End::Pending => write!(f, "{:?} -> pending", self.command),
            End::Crashed { .. } => write!(f, "{:?} -> client crashed", self.command),
        }
    }
}

impl<C: fmt::Debug, R: fmt::Debug> fmt::Display for History<C, R> {
    /// One operation a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<(String, String)> = self
            .operations
            .iter()
            .map(|operation| {
                let end = operation.ended_at().map(|at| at.to_string()).unwrap_or_default();
                (operation.client.to_string(), format!("{}..{end}", operation.invoked_at))
            })
            .collect();
        let number = rows.len().to_string().len();
        let client = rows.iter().map(|row| row.0.len()).max().unwrap_or(0);
        let interval = rows.iter().map(|row| row.1.len()).max().unwrap_or(0);
        for (i, (operation, row)) in self.operations.iter().zip(&rows).enumerate() {
            let i = i + 1;
            writeln!(f, "{i:>number$}  {:client$}  {:interval$}  {operation}", row.0, row.1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Address = Address::client(1);
    const B: Address = Address::client(10);

    fn history() -> History<String, u32> {
        let mut history = History::new();
        history.invoke(0, A, "increment".to_owned()).unwrap();
        history.invoke(7, B, "increment".to_owned()).unwrap();
        history.returned(7, A, 1).unwrap();
        history.invoke(7, A, "read".to_owned()).unwrap();
        history.crashed(12, B).unwrap();
        history.invoke(12, B, "read".to_owned()).unwrap();
        history.returned(13, A, 2).unwrap();
        history
    }

    #[test]
    fn prints_one_operation_a_line() {
        insta::assert_snapshot!(history(), @r#"
        1  client1   0..7   "increment" -> 1
        2  client10  7..12  "increment" -> client crashed
        3  client1   7..13  "read" -> 2
        4  client10  12..   "read" -> pending
        "#);
    }

    #[test]
    fn precedence_is_by_time_and_within_a_client_by_order() {
        let history = history();
        let precedes: Vec<(usize, usize)> = (0..4)
            .flat_map(|a| (0..4).map(move |b| (a, b)))
            .filter(|(a, b)| history.precedes(*a, *b))
            .collect();
        assert_eq!(precedes, [(0, 2), (0, 3)]);
    }

    #[test]
    fn a_prefix_has_what_had_happened() {
        insta::assert_snapshot!(history().until(11), @r#"
        1  client1   0..7  "increment" -> 1
        2  client10  7..   "increment" -> pending
        3  client1   7..   "read" -> pending
        "#);
        assert_eq!(history().until(13), history());
        let mut prefix = history().until(7);
        prefix.returned(9, B, 2).unwrap();
        insta::assert_snapshot!(prefix, @r#"
        1  client1   0..7  "increment" -> 1
        2  client10  7..9  "increment" -> 2
        3  client1   7..   "read" -> pending
        "#);
    }

    #[test]
    fn says_what_is_no_history() {
        let refusal = |error: Result<(), HistoryError>| error.unwrap_err().to_string();
        let mut history = history();
        insta::assert_snapshot!(refusal(history.returned(13, A, 1)), @"client1 has a response at time 13, but no operation that waits for one; record the invocation first");
        insta::assert_snapshot!(refusal(history.invoke(14, B, "read".to_owned())), @r#"client10 invokes an operation at time 14 while `"read"`, invoked at 12, still waits for its response; a client has one operation at a time, so give each its own address or record a return or a crash first"#);
        insta::assert_snapshot!(refusal(history.crashed(3, A)), @"client1 has an event at time 3, after one at time 14; record events in the order of time");
    }

    #[test]
    fn serializes_as_its_operations_and_refuses_others() {
        let history = history();
        let bytes = crate::encode(&history).unwrap();
        assert_eq!(bytes, crate::encode(&history.operations().to_vec()).unwrap());
        assert_eq!(crate::decode::<History<String, u32>>(&bytes).unwrap(), history);

        let mut reversed = history.operations().to_vec();
        reversed.reverse();
        let error = History::from_operations(reversed).unwrap_err();
        insta::assert_snapshot!(error, @"client10 has an event at time 7, after one at time 12; record events in the order of time");
        let mut overlapping = history.operations().to_vec();
        overlapping[0].end = End::Returned { at: 8, response: 1 };
        let error = History::from_operations(overlapping.clone()).unwrap_err();
        insta::assert_snapshot!(error, @r#"client1 invokes an operation at time 7 while `"increment"`, invoked at 0, still waits for its response; a client has one operation at a time, so give each its own address or record a return or a crash first"#);
        overlapping[0].end = End::Pending;
        History::from_operations(overlapping.clone()).unwrap_err();
        overlapping[0].end = End::Crashed { at: 7 };
        History::from_operations(overlapping.clone()).unwrap();
        overlapping[3].end = End::Returned { at: 11, response: 1 };
        let error = History::from_operations(overlapping.clone()).unwrap_err();
        insta::assert_snapshot!(error, @"client10 has an event at time 11, after one at time 12; record events in the order of time");
        assert!(crate::decode::<History<String, u32>>(&crate::encode(&overlapping).unwrap()).is_err());
    }
}
