//! The check of a recorded history.

use std::collections::BTreeMap;
use std::fmt;

use crate::address::Address;
use crate::encoding::EncodeError;
use crate::linearizability::history::{End, History};
use crate::linearizability::object::Object;
use crate::linearizability::search::{Found, Op, Task};
use crate::linearizability::specification::Specification;

/// How many commands a check executes at most, unless the caller says otherwise: about a second.
pub const STEPS_MAX: u64 = 1_000_000;

/// What a history shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consistency {
    /// Every operation takes effect at one moment between its invocation and its return.
    ///
    /// Source: Herlihy and Wing 1990.
    Linearizable,
    /// The operations of each client take effect in its order; when they do is not looked at.
    ///
    /// Source: Lamport, "How to make a multiprocessor computer that correctly executes multiprocess programs" (1979).
    SequentiallyConsistent,
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linearizable => "linearizable",
            Self::SequentiallyConsistent => "sequentially consistent",
        })
    }
}

/// What a check found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Some order explains the history.
    Consistent {
        /// For each part of the object such an order: indices of operations. Operations without a response are in it if
        /// they took effect.
        orders: BTreeMap<String, Vec<usize>>,
    },
    /// No order does.
    Inconsistent {
        /// The first part of the object whose operations cannot be explained; the empty text if there are no parts.
        part: String,
    },
    /// Not known: the check ran out of steps, and found nothing wrong so far. Never take it for a pass.
    Undecided {
        /// The steps it took.
        steps: u64,
    },
}

impl Verdict {
    /// Whether some order explains the history.
    pub fn is_consistent(&self) -> bool {
        matches!(self, Self::Consistent { .. })
    }

    /// Whether no order explains the history.
    pub fn is_inconsistent(&self) -> bool {
        matches!(self, Self::Inconsistent { .. })
    }
}

/// Whether some order of the operations explains their responses.
///
/// An operation without a response may have taken effect at any time after its invocation, or not at all. `steps_max`
/// bounds how many commands are executed ([`STEPS_MAX`] is a good choice), in all parts of the object together; the
/// question is NP-complete, so some histories are out of reach.
///
/// ```
/// use framework::Address;
/// use framework::linearizability::{Consistency, History, STEPS_MAX, Specification, check};
/// # struct Counter;
/// # impl Specification for Counter {
/// #     type State = u64;
/// #     type Command = u64;
/// #     type Response = u64;
/// #     fn initial(&self) -> u64 { 0 }
/// #     fn apply(&self, state: &mut u64, command: &u64) -> u64 { *state += command; *state }
/// # }
///
/// let (alice, bob) = (Address::named("alice"), Address::named("bob"));
/// let mut history = History::new();
/// history.invoke(0, alice, 1)?;
/// history.returned(1, alice, 3)?;
/// history.invoke(2, bob, 2)?;
/// history.returned(3, bob, 2)?;
/// // Alice's 3 counts Bob's 2, but she had it before Bob asked.
/// assert!(check(&Counter, &history, Consistency::Linearizable, STEPS_MAX)?.is_inconsistent());
/// assert!(check(&Counter, &history, Consistency::SequentiallyConsistent, STEPS_MAX)?.is_consistent());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// When a state, command or response has no canonical bytes.
///
/// # Panics
///
/// Panics when the specification does.
pub fn check<S: Specification>(
    specification: &S,
    history: &History<S::Command, S::Response>,
    consistency: Consistency,
    steps_max: u64,
) -> Result<Verdict, EncodeError> {
    let mut steps = steps_max;
    let mut object = Object::new(specification)?;
    let mut orders = BTreeMap::new();
    let mut undecided = false;
    for (part, indices) in parts(specification, history, consistency) {
        let ops = ops(&mut object, history, &indices)?;
        let real_time = consistency == Consistency::Linearizable;
        match Task::new(&object, ops, real_time).search(&mut object, &mut steps)? {
            Found::Order(order) => {
                orders.insert(part, order.into_iter().map(|op| indices[op]).collect());
            }
            Found::Nothing => return Ok(Verdict::Inconsistent { part }),
            Found::OutOfSteps => undecided = true,
        }
    }
    Ok(if undecided { Verdict::Undecided { steps: steps_max } } else { Verdict::Consistent { orders } })
}

/// The operations of each part that can be checked by itself.
pub(crate) fn parts<S: Specification>(
    specification: &S,
    history: &History<S::Command, S::Response>,
    consistency: Consistency,
) -> BTreeMap<String, Vec<usize>> {
    let mut parts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, operation) in history.operations().iter().enumerate() {
        let part = match consistency {
            Consistency::Linearizable => specification.partition(&operation.command),
            // Two parts may each have an order and both together none (Herlihy and Wing 1990, section 3.3).
            Consistency::SequentiallyConsistent => String::new(),
        };
        parts.entry(part).or_default().push(i);
    }
    parts
}

/// Some operations of a history, as the search sees them.
pub(crate) fn ops<S: Specification>(
    object: &mut Object<'_, S>,
    history: &History<S::Command, S::Response>,
    indices: &[usize],
) -> Result<Vec<Op>, EncodeError> {
    let mut clients: BTreeMap<Address, usize> = BTreeMap::new();
    let mut ops = Vec::with_capacity(indices.len());
    for i in indices {
        let operation = &history.operations()[*i];
        let next = clients.len();
        let (returned, response) = match &operation.end {
            End::Returned { at, response } => (*at, Some(object.number_response(response)?)),
            End::Pending | End::Crashed { .. } => (u64::MAX, None),
        };
        ops.push(Op {
            command: object.number_command(&operation.command)?,
            response,
            client: *clients.entry(operation.client).or_insert(next),
            invoked: operation.invoked_at,
            returned,
            free: false,
        });
    }
    Ok(ops)
}
