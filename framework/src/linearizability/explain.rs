//! Why a history is not consistent: the operations that conflict, in words and drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::address::Address;
use crate::encoding::EncodeError;
use crate::linearizability::check::{Consistency, ops, parts};
use crate::linearizability::core::Core;
use crate::linearizability::drawing::{COLUMNS, Style, draw};
use crate::linearizability::history::{End, History, Operation};
use crate::linearizability::object::Object;
use crate::linearizability::residual::Residual;
use crate::linearizability::search::{Found, Op, Task};
use crate::linearizability::specification::Specification;

/// A text that `Debug` prints as it is.
#[derive(Clone)]
struct Text(String);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a history is not linearizable or not sequentially consistent.
///
/// The **core** is a set of operations with this guarantee: no order explains their responses, even if each other
/// operation of the same part of the object that was invoked by then took effect at any moment that suits, before it was
/// invoked or after it returned, or not at all, and had any response. So nothing that is left out could help. And it is minimal: were any one operation of the core such
/// an operation, there would be an explanation ([`is_minimal`](Self::is_minimal) is false if that could not be shown in
/// the steps allowed). There may be other cores.
///
/// `Display` prints the sentence, the drawing and the list of the core, in 100 columns.
#[derive(Clone, Debug)]
pub struct Explanation {
    consistency: Consistency,
    part: String,
    sentence: String,
    /// The core, in the order of the history, each with its place in it.
    core: Vec<(usize, Operation<Text, Text>)>,
    /// The place of the operation that cannot be explained any more.
    last: usize,
    others: usize,
    minimal: bool,
    consistent_until: Option<u64>,
}

impl Explanation {
    /// What the history is not.
    pub fn consistency(&self) -> Consistency {
        self.consistency
    }

    /// The part of the object in which the conflict is; the empty text if it has none.
    pub fn part(&self) -> &str {
        &self.part
    }

    /// The conflict in one sentence.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The places of the operations of the core in the history.
    pub fn core(&self) -> Vec<usize> {
        self.core.iter().map(|(place, _)| *place).collect()
    }

    /// Whether it is known that no operation of the core could be left out.
    pub fn is_minimal(&self) -> bool {
        self.minimal
    }

    /// The last time until which the history is linearizable, everything at that time included; nothing if it was not
    /// looked for, as for sequential consistency, which is no matter of time, or not found in the steps allowed.
    pub fn consistent_until(&self) -> Option<u64> {
        self.consistent_until
    }

    /// The text that `Display` prints, for another style or width.
    pub fn text(&self, style: Style, columns: usize) -> String {
        let mut text = String::new();
        let part = match self.part.as_str() {
            "" => String::new(),
            part => format!(" (`{part}`)"),
        };
        let drawn: Vec<(usize, &Operation<Text, Text>)> =
            self.core.iter().enumerate().map(|(i, (_, operation))| (i + 1, operation)).collect();
        let clients =
            drawn.iter().map(|(_, operation)| operation.client.to_string().len()).max().unwrap_or(0);
        wrap(&mut text, &format!("not {}{part}: {}", self.consistency, self.sentence), columns);
        text.push('\n');
        text.push_str(&draw(&drawn, style, columns));
        text.push('\n');
        for ((place, _), (number, operation)) in self.core.iter().zip(&drawn) {
            let mark = if *place == self.last { '!' } else { ' ' };
            let client = operation.client.to_string();
            let line = format!("{mark} {number}  {client:clients$}  {operation}");
            text.push_str(&shortened(&line, style, columns));
            text.push('\n');
        }
        text.push('\n');
        wrap(&mut text, &self.guarantee(), columns);
        if let Some(time) = self.consistent_until {
            wrap(&mut text, &format!("Until time {time} the history is {}.", self.consistency), columns);
        }
        text
    }

    fn guarantee(&self) -> String {
        let these = match self.core.len() {
            1 => "No order explains this response".to_owned(),
            count => format!("No order of these {count} operations explains their responses"),
        };
        let even = match self.others {
            0 => String::new(),
            1 => ", even if the one other operation took effect at any time or not at all".to_owned(),
            others => {
                format!(
                    ", even if each of the {others} other operations took effect at any time or not at all"
                )
            }
        };
        let minimal = match (self.minimal, self.core.len()) {
            (_, 1) => "",
            (true, _) => "; it takes all of them",
            (false, _) => "; fewer may do, but the check ran out of steps",
        };
        format!("{these}{even}{minimal}.")
    }
}

/// Appends a text in lines of at most so many columns, where its words allow it.
fn wrap(text: &mut String, sentence: &str, columns: usize) {
    let mut used = 0;
    for word in sentence.split(' ') {
        let len = word.chars().count();
        if used > 0 && used + 1 + len > columns {
            text.push('\n');
            used = 0;
        }
        if used > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += len;
    }
    text.push('\n');
}

/// A line that is cut if it is too long.
fn shortened(line: &str, style: Style, columns: usize) -> String {
    if line.chars().count() <= columns {
        return line.to_owned();
    }
    let room = columns.saturating_sub(style.ellipsis().chars().count());
    line.chars().take(room).collect::<String>() + style.ellipsis()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Style::Unicode, COLUMNS))
    }
}

/// Why a history is not consistent; `None` if it is, or if it is not known in `steps_max` steps
/// ([`check`](fn@crate::linearizability::check) tells the two apart).
///
/// As many steps again are spent on a small core.
///
/// # Errors
///
/// When a state, command or response has no canonical bytes.
///
/// # Panics
///
/// Panics when the specification does.
pub fn explain<S: Specification>(
    specification: &S,
    history: &History<S::Command, S::Response>,
    consistency: Consistency,
    steps_max: u64,
) -> Result<Option<Explanation>, EncodeError> {
    let mut object = Object::new(specification)?;
    let mut steps = steps_max;
    let mut all_known = true;
    let mut first: Option<Conflict> = None;
    for (part, places) in parts(specification, history, consistency) {
        let whole = ops(&mut object, history, &places)?;
        let real_time = consistency == Consistency::Linearizable;
        match Task::new(&object, whole.clone(), real_time).search(&mut object, &mut steps)? {
            Found::Order(_) => continue,
            Found::OutOfSteps => {
                all_known = false;
                continue;
            }
            Found::Nothing => {}
        }
        let conflict = if real_time {
            let (shortest, known) = shortest_prefix(&mut object, &whole, &mut steps)?;
            all_known &= known;
            let ops = prefix(&whole, shortest);
            Conflict { part, places, ops, at: shortest }
        } else {
            Conflict { part, places, ops: whole, at: u64::MAX }
        };
        if first.as_ref().is_none_or(|first| conflict.at < first.at) {
            first = Some(conflict);
        }
    }
    let Some(conflict) = first else { return Ok(None) };
    let until = match consistency {
        Consistency::Linearizable if all_known => last_time_before(history, conflict.at),
        _ => None,
    };
    conflict.explain(&mut object, history, consistency, steps_max, until).map(Some)
}

/// The operations of one part that have no explanation.
struct Conflict {
    part: String,
    places: Vec<usize>,
    /// As they were at the time when there was no explanation any more.
    ops: Vec<Op>,
    at: u64,
}

/// What had happened up to a time.
fn prefix(whole: &[Op], time: u64) -> Vec<Op> {
    let until = |op: &Op| match op.returned {
        returned if returned > time => Op { response: None, returned: u64::MAX, ..op.clone() },
        _ => op.clone(),
    };
    whole.iter().filter(|op| op.invoked <= time).map(until).collect()
}

/// The first time at which operations that have no explanation have none, and whether it is known to be the first.
fn shortest_prefix<S: Specification>(
    object: &mut Object<'_, S>,
    whole: &[Op],
    steps: &mut u64,
) -> Result<(u64, bool), EncodeError> {
    let returns: BTreeSet<u64> =
        whole.iter().filter(|op| op.response.is_some()).map(|op| op.returned).collect();
    let returns: Vec<u64> = returns.into_iter().collect();
    // Invariant: there is an explanation before `low` (if all is known), and none at `high`.
    let (mut low, mut high) = (0, returns.len().saturating_sub(1));
    let mut known = true;
    while low < high {
        let middle = usize::midpoint(low, high);
        match Task::new(object, prefix(whole, returns[middle]), true).search(object, steps)? {
            Found::Nothing => high = middle,
            Found::Order(_) => low = middle + 1,
            Found::OutOfSteps => {
                known = false;
                low = middle + 1;
            }
        }
    }
    Ok((returns.get(high).copied().unwrap_or(u64::MAX), known))
}

/// The time of the last event before a time.
fn last_time_before<C, R>(history: &History<C, R>, time: u64) -> Option<u64> {
    let operations = history.operations().iter();
    let times = operations.flat_map(|operation| [Some(operation.invoked_at), operation.returned_at()]);
    times.flatten().filter(|at| *at < time).max()
}

impl Conflict {
    fn explain<S: Specification>(
        self,
        object: &mut Object<'_, S>,
        history: &History<S::Command, S::Response>,
        consistency: Consistency,
        steps: u64,
        consistent_until: Option<u64>,
    ) -> Result<Explanation, EncodeError> {
        let real_time = consistency == Consistency::Linearizable;
        let places: Vec<usize> = self
            .places
            .iter()
            .copied()
            .filter(|place| history.operations()[*place].invoked_at <= self.at)
            .collect();
        let possible = if real_time { self.possible(object, history) } else { None };
        let mut core = Core::new(object, self.ops, real_time, steps);
        core.reduce()?;
        let order = core.decisive_order()?;
        let ops = core.operations();
        let returned = |op: &&usize| history.operations()[places[**op]].response().is_some();
        let last = *ops.iter().rfind(returned).expect("what never returned conflicts with nothing");
        let facts = Facts { history, places: &places, core: &ops, last, real_time };
        let sentence = facts.sentence(order, possible);
        let mut core_places: Vec<usize> = ops.iter().map(|op| places[*op]).collect();
        core_places.sort_unstable();
        Ok(Explanation {
            consistency,
            part: self.part,
            sentence,
            last: places[last],
            others: places.len() - ops.len(),
            minimal: core.is_minimal(),
            consistent_until,
            core: core_places.iter().map(|place| (*place, in_words(&history.operations()[*place]))).collect(),
        })
    }

    /// The responses that the operation which first could not be explained could have had, as texts; `None` if there are
    /// too many orders to know.
    fn possible<S: Specification>(
        &self,
        object: &mut Object<'_, S>,
        history: &History<S::Command, S::Response>,
    ) -> Option<Vec<String>> {
        let mut events: BTreeMap<u64, Vec<(usize, bool)>> = BTreeMap::new();
        for (i, op) in self.ops.iter().enumerate() {
            events.entry(op.invoked).or_default().push((i, false));
            let end = match history.operations()[self.places[i]].end {
                End::Crashed { at } if at <= self.at => at,
                _ => op.returned,
            };
            if end <= self.at {
                events.entry(end).or_default().push((i, true));
            }
        }
        let client = |i: usize| history.operations()[self.places[i]].client;
        let mut waiting: BTreeSet<Address> = BTreeSet::new();
        let mut in_order = Vec::new();
        for mut events in events.into_values() {
            events.sort_unstable();
            if events.iter().any(|(i, _)| client(*i) != client(events[0].0)) {
                // Events of different clients at one time are concurrent: as if all invocations came first.
                events.sort_by_key(|(_, ends)| *ends);
            }
            for (i, ends) in events {
                let can_be = if ends { waiting.remove(&client(i)) } else { waiting.insert(client(i)) };
                if !can_be {
                    // Within one client it is not so, and both together are no order of events.
                    return None;
                }
                in_order.push((i, ends));
            }
        }
        let mut residual = Residual::new(Object::<S>::INITIAL);
        for (i, ends) in in_order {
            let (op, client) = (&self.ops[i], client(i));
            match (ends, op.response) {
                (false, _) => residual.invoke(client, op.command),
                (true, None) => residual.lose(object, client).ok()?,
                (true, Some(response)) => {
                    if let Some(possible) = residual.returned(object, client, response).ok()? {
                        let texts = possible.iter().map(|number| format!("{:?}", object.response(*number)));
                        return Some(texts.collect());
                    }
                }
            }
        }
        None
    }
}

fn in_words<C: fmt::Debug, R: fmt::Debug>(operation: &Operation<C, R>) -> Operation<Text, Text> {
    let end = match &operation.end {
        End::Returned { at, response } => End::Returned { at: *at, response: Text(format!("{response:?}")) },
        End::Pending => End::Pending,
        End::Crashed { at } => End::Crashed { at: *at },
    };
    Operation {
        client: operation.client,
        command: Text(format!("{:?}", operation.command)),
        invoked_at: operation.invoked_at,
        end,
    }
}

/// What can be said of the operations of a core.
struct Facts<'a, C, R> {
    history: &'a History<C, R>,
    places: &'a [usize],
    /// In the order of their returns.
    core: &'a [usize],
    /// The last that returned.
    last: usize,
    real_time: bool,
}

impl<C: fmt::Debug, R: fmt::Debug> Facts<'_, C, R> {
    fn operation(&self, op: usize) -> &Operation<C, R> {
        &self.history.operations()[self.places[op]]
    }

    /// Two facts that conflict: the response of the last operation, and the order of two, or the response of another.
    fn sentence(&self, order: Option<(usize, usize)>, possible: Option<Vec<String>>) -> String {
        let last = self.last;
        let client = self.operation(last).client;
        let got = |op: usize| {
            let operation = self.operation(op);
            let response = operation.response().map(|r| format!("{r:?}")).unwrap_or_default();
            format!("{} got {response} for {:?}", operation.client, operation.command)
        };
        let whose = |op: usize| {
            let operation = self.operation(op);
            let its_own = operation.client == client;
            let whose = if its_own { "its own".to_owned() } else { format!("{}'s", operation.client) };
            format!("{whose} {operation}")
        };
        let before = if self.real_time { "had returned before" } else { "came before" };
        let was_invoked = if self.real_time { " was invoked" } else { "" };
        let others =
            || self.core.iter().filter(|op| **op != last && self.operation(**op).response().is_some());
        let fact = match (order, others().next_back()) {
            (Some((first, second)), _) if first == last => format!(" before {}{was_invoked}", whose(second)),
            (Some((first, second)), _) if second == last => {
                format!(", although {} {before} that{was_invoked}", whose(first))
            }
            (Some((first, second)), _) => {
                format!(", although {} {before} {}{was_invoked}", whose(first), whose(second))
            }
            (None, None) => ", which no order of the operations gives".to_owned(),
            (None, Some(other)) if self.core.len() == 2 => {
                format!(", but {}: no order gives both", got(*other))
            }
            (None, Some(other)) => format!(", but {}: no order gives both and the rest", got(*other)),
        };
        let possible = match possible {
            Some(possible) if possible.len() == 1 => format!("; only {} was possible", possible[0]),
            Some(mut possible) if possible.len() <= 4 => {
                possible.sort();
                format!("; only {} were possible", possible.join(" or "))
            }
            _ => String::new(),
        };
        format!("{}{fact}{possible}", got(last))
    }
}
