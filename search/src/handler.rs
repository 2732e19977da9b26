//! Runs one handler once for the search and once more to check it: deterministic, copy rebuilt from bytes, input
//! untouched, panics caught.

use std::sync::Arc;

use framework::{Address, Local, Payload, PendingTimer, Stimulus, Value};

use crate::guard::{self, Panic};

/// An event as a handler sees it.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// A message arrives.
    Message { from: Address, message: Payload },
    /// A timer fires.
    Timer(PendingTimer),
}

impl Input {
    fn stimulus(&self) -> Stimulus<'_> {
        match self {
            Self::Message { from, message } => Stimulus::Message { from: *from, message },
            Self::Timer(timer) => Stimulus::Timer(timer),
        }
    }

    /// The handler and the kind of what it handles: `on_message(RequestVote)`.
    pub(crate) fn handler(&self) -> String {
        match self {
            Self::Message { message, .. } => format!("on_message({})", message.kind()),
            Self::Timer(timer) => format!("on_timer({})", timer.timer.kind()),
        }
    }
}

/// What an event makes of a node.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// Nothing: the node is as before, and nothing was sent.
    None,
    /// A change.
    Change {
        /// The node afterwards with its bytes, unless they are as before.
        local: Option<(Arc<Local>, Box<[u8]>)>,
        /// What was sent, in order, without repetitions.
        sent: Vec<(Address, Payload)>,
    },
    /// The handler panicked.
    Panicked(String),
    /// The handler fails a check.
    Unsound(String),
}

/// A node on which several events are tried.
pub(crate) struct Subject {
    pub(crate) address: Address,
    pub(crate) local: Arc<Local>,
    pub(crate) bytes: Arc<[u8]>,
}

/// What one run of a handler left behind.
type Run = Result<(Local, Box<[u8]>, Vec<(Address, Payload)>), Panic>;

impl Subject {
    fn run(&self, local: &Local, input: &Input) -> Result<Run, String> {
        let mut local = local.clone();
        let sent = match guard::catch(|| local.handle(self.address, input.stimulus())) {
            Err(panic) => return Ok(Err(panic)),
            Ok(sent) => sent.map_err(|error| error.to_string())?,
        };
        let bytes = local.encode().map_err(|error| error.to_string())?.into_boxed_slice();
        Ok(Ok((local, bytes, sent)))
    }

    /// Tries every input on the node; calls `before` with the number of each just before its handler runs.
    ///
    /// Every handler runs twice, the second time on a copy rebuilt from the node's bytes: a field that serde skips, the
    /// order of a hash map, a shared or static variable, a clock or a random number shows as a difference.
    pub(crate) fn try_all(&self, inputs: &[Input], before: impl Fn(usize)) -> Vec<Effect> {
        let copy = match self.rebuild() {
            Ok(copy) => copy,
            Err(problem) => return vec![Effect::Unsound(problem); inputs.len()],
        };
        let mut effects: Vec<Effect> = inputs
            .iter()
            .enumerate()
            .map(|(i, input)| {
                before(i);
                self.try_one(&copy, input).unwrap_or_else(Effect::Unsound)
            })
            .collect();
        if let Some(problem) = self.touched() {
            effects.fill(Effect::Unsound(problem));
        }
        effects
    }

    fn try_one(&self, copy: &Local, input: &Input) -> Result<Effect, String> {
        let first = self.run(&self.local, input)?;
        let second = self.run(copy, input)?;
        match (first, second) {
            (Ok(first), Ok(second)) => {
                if first.1 != second.1 || first.2 != second.2 {
                    return Err(difference(&first, &second));
                }
                let (local, bytes, mut sent) = first;
                if bytes[..] == self.bytes[..] && sent.is_empty() {
                    return Ok(Effect::None);
                }
                let mut seen = 0;
                while seen < sent.len() {
                    let again = sent[..seen].contains(&sent[seen]);
                    if again {
                        sent.remove(seen);
                    } else {
                        seen += 1;
                    }
                }
                let local = (bytes[..] != self.bytes[..]).then(|| (Arc::new(local), bytes));
                Ok(Effect::Change { local, sent })
            }
            (Err(first), Err(second)) if first == second => Ok(Effect::Panicked(first.text)),
            (Err(first), Err(second)) => Err(format!(
                "it panicked in two ways on the same input: `{}`, then `{}`; {CAUSES}",
                first.text, second.text
            )),
            (Ok(_), Err(panic)) | (Err(panic), Ok(_)) => {
                Err(format!("it panicked in one of two runs on the same input: `{}`; {CAUSES}", panic.text))
            }
        }
    }

    /// A copy of the node made of its bytes, or what is wrong with it.
    fn rebuild(&self) -> Result<Local, String> {
        let node = self
            .local
            .node
            .rebuild(Local::node_bytes(&self.bytes))
            .map_err(|error| format!("the node cannot be rebuilt from its bytes: {error}"))?;
        let copy = Local { node, ..Local::clone(&self.local) };
        let bytes = copy.encode().map_err(|error| error.to_string())?;
        if bytes[..] == self.bytes[..] {
            return Ok(copy);
        }
        let changes = self.local.node.value().changes(&copy.node.value());
        let field = changes.first().map_or_else(String::new, |change| format!(" in `{change}`"));
        Err(format!(
            "a copy of the node differs from it{field}; use BTreeMap and BTreeSet (or im::OrdMap), whose order is the same in every copy, and derive Serialize and Deserialize"
        ))
    }

    /// What is wrong if the node changed although handlers ran on copies of it only.
    fn touched(&self) -> Option<String> {
        let bytes = self.local.encode().ok()?;
        (bytes[..] != self.bytes[..]).then(|| {
            let after = self.local.node.value();
            let before = self.local.node.rebuild(Local::node_bytes(&self.bytes)).map(|node| node.value());
            let change = before.ok().and_then(|before| before.changes(&after).into_iter().next());
            let field = change.map_or_else(String::new, |change| format!(" (`{change}`)"));
            format!(
                "it changed a node that it did not run on{field}: two copies of a node share memory; remove Rc, Arc, Cell and the like from its fields"
            )
        })
    }
}

/// What usually makes a handler differ from run to run.
const CAUSES: &str = "look for a static or shared variable, a field that is not serialized, HashMap or HashSet order, the clock, or randomness";

/// Where two runs of a handler on the same input differ.
fn difference(
    first: &(Local, Box<[u8]>, Vec<(Address, Payload)>),
    second: &(Local, Box<[u8]>, Vec<(Address, Payload)>),
) -> String {
    let local = |local: &Local| Value::Record {
        name: String::new(),
        fields: vec![
            ("node".to_owned(), local.node.value()),
            (
                "timers".to_owned(),
                Value::List(
                    local.timers.as_slice().iter().map(|timer| Value::Text(format!("{timer:?}"))).collect(),
                ),
            ),
            ("durable".to_owned(), local.durable.as_ref().map_or(Value::None, Payload::value)),
        ],
    };
    let sent = |sent: &[(Address, Payload)]| -> Vec<String> {
        sent.iter().map(|(to, message)| format!("{message:?} to {to}")).collect()
    };
    let what = match local(&first.0).changes(&local(&second.0)).first() {
        Some(change) => {
            let path = change.path.strip_prefix("node.").unwrap_or(&change.path);
            let side = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
            format!(
                "`{path}` became {} in one run and {} in the other",
                side(&change.before),
                side(&change.after)
            )
        }
        None => {
            let (a, b) = (sent(&first.2), sent(&second.2));
            let at = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
            let side = |list: &[String]| list.get(at).map_or("nothing more".to_owned(), |m| format!("`{m}`"));
            format!("it sent {} in one run and {} in the other", side(&a), side(&b))
        }
    };
    format!("two runs on the same input differ: {what}; {CAUSES}")
}
