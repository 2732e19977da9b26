//! Runs one handler once for the search and once more to check it: deterministic, copy rebuilt from bytes, input
//! untouched, panics caught.

use std::sync::Arc;

use framework::{Address, During, EncodeError, Local, Payload, PendingTimer, Stimulus, Value};

use crate::guard::{self, Panic};
use crate::watch::{self, Activity, HandlerName, Watch};

/// An event as a handler sees it.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// A message arrives.
    Message { from: Address, message: Payload },
    /// A timer fires.
    Timer(PendingTimer),
    /// The node crashes.
    Crash,
    /// The node restarts.
    Restart,
    /// The node crashes in a handler, just before it persists something.
    Interrupted { input: Box<Input>, persist: usize },
}

impl Input {
    pub(crate) fn with_stimulus<R>(&self, handle: impl FnOnce(Stimulus<'_>) -> R) -> R {
        match self {
            Self::Interrupted { input, persist } => {
                let stimulus = input.plain_stimulus();
                handle(Stimulus::Crash(Some(During { stimulus: &stimulus, persist: *persist })))
            }
            input => handle(input.plain_stimulus()),
        }
    }

    fn plain_stimulus(&self) -> Stimulus<'_> {
        match self {
            Self::Message { from, message } => Stimulus::Message { from: *from, message },
            Self::Timer(timer) => Stimulus::Timer(timer),
            Self::Crash | Self::Interrupted { .. } => Stimulus::Crash(None),
            Self::Restart => Stimulus::Restart,
        }
    }

    /// The handler and the kind of what it handles: `on_message(RequestVote)`.
    pub(crate) fn handler(&self) -> String {
        match self {
            Self::Message { message, .. } => format!("on_message({})", message.kind()),
            Self::Timer(timer) => format!("on_timer({})", timer.timer.kind()),
            Self::Crash => "crash".to_owned(),
            Self::Restart => "recover".to_owned(),
            Self::Interrupted { input, .. } => input.handler(),
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
        /// Before how many of its calls of persist, from the first, a crash has to be considered.
        interruptions: usize,
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

/// What the trials of one node lend each other.
#[derive(Default)]
struct Lent {
    bytes: (Vec<u8>, Vec<u8>),
    /// The node that the last first run left as it was. The next first run takes it, which saves a copy; the second run
    /// never does, so anything that stays behind in it where no byte shows it makes the two differ.
    unchanged: Option<Local>,
}

/// What one run of a handler left behind.
struct Run {
    local: Local,
    bytes: Vec<u8>,
    sent: Vec<(Address, Payload)>,
    interruptions: usize,
}

impl Subject {
    /// Runs the handler on a node that `copy` makes. `bytes` lends memory.
    fn run(
        &self,
        copy: impl FnOnce() -> Local,
        input: &Input,
        mut bytes: Vec<u8>,
    ) -> Result<Result<Run, Panic>, String> {
        // Cloning and encoding may run a student's code as well.
        let run = guard::catch(|| -> Result<Run, EncodeError> {
            let mut local = copy();
            let (sent, interruptions) =
                input.with_stimulus(|stimulus| local.handle_and_count(self.address, stimulus))?;
            bytes.clear();
            local.encode_into(&mut bytes)?;
            Ok(Run { local, bytes, sent, interruptions })
        });
        match run {
            Ok(run) => run.map(Ok).map_err(|error| error.to_string()),
            Err(panic) => Ok(Err(panic)),
        }
    }

    /// Tries every input on the node; calls `before` with the number of each just before its handler runs, and notes it.
    /// What is done to the node before the first handler runs is noted as that one.
    ///
    /// Every handler runs twice, the second time on a copy rebuilt from the node's bytes: a field that serde skips, the
    /// order of a hash map, a shared or static variable, a clock or a random number shows as a difference.
    pub(crate) fn try_all(&self, inputs: &[Input], watch: &Watch, before: impl Fn(usize)) -> Vec<Effect> {
        let digest =
            if watch.journal.is_some() { watch::digest_of_local(self.address, &self.bytes) } else { 0 };
        let named = |i: usize| {
            inputs[i].with_stimulus(|stimulus| {
                (HandlerName::of(stimulus), watch::digest_of_input(digest, stimulus))
            })
        };
        let noted = watch.journal.as_deref().filter(|_| !inputs.is_empty()).map(|journal| {
            let (text, digest) = named(0);
            journal.begin(Activity::Handler, &self.address, &text, digest)
        });
        let rebuilt = guard::catch(|| self.rebuild())
            .unwrap_or_else(|panic| Err(format!("the node cannot be copied: {}", panic.text)));
        let copy = match rebuilt {
            Ok(copy) => copy,
            Err(problem) => return vec![Effect::Unsound(problem); inputs.len()],
        };
        let mut lent = Lent::default();
        let mut effects: Vec<Effect> = inputs
            .iter()
            .enumerate()
            .map(|(i, input)| {
                before(i);
                if let Some(noted) = noted.as_ref().filter(|_| i > 0) {
                    let (text, digest) = named(i);
                    noted.next(Activity::Handler, &self.address, &text, digest);
                }
                self.try_one(&copy, input, watch, &mut lent).unwrap_or_else(Effect::Unsound)
            })
            .collect();
        if let Ok(Some(problem)) = guard::catch(|| self.touched()) {
            effects.fill(Effect::Unsound(problem));
        }
        effects
    }

    fn try_one(&self, copy: &Local, input: &Input, watch: &Watch, lent: &mut Lent) -> Result<Effect, String> {
        let used = lent.unchanged.take();
        let first_copy = || used.unwrap_or_else(|| Local::clone(&self.local));
        let first = self.run(first_copy, input, std::mem::take(&mut lent.bytes.0))?;
        let second = self.run(|| copy.clone(), input, std::mem::take(&mut lent.bytes.1))?;
        match (first, second) {
            (Ok(first), Ok(second)) => {
                if first.bytes != second.bytes || first.sent != second.sent {
                    return Err(difference(&first, &second));
                }
                let Run { local, bytes, mut sent, interruptions } = first;
                if watch.try_debug {
                    try_debug(&local, &sent);
                }
                let changed = bytes[..] != self.bytes[..];
                let mut seen = 0;
                while seen < sent.len() {
                    if sent[..seen].contains(&sent[seen]) {
                        sent.remove(seen);
                    } else {
                        seen += 1;
                    }
                }
                let effect = if changed {
                    let local = Some((Arc::new(local), bytes[..].into()));
                    Effect::Change { local, sent, interruptions }
                } else {
                    lent.unchanged = Some(local);
                    // One that saves two things and ends with what was saved before can be interrupted in between.
                    if sent.is_empty() && interruptions == 0 {
                        Effect::None
                    } else {
                        Effect::Change { local: None, sent, interruptions }
                    }
                };
                lent.bytes = (bytes, second.bytes);
                Ok(effect)
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
        let mut copy = Local::clone(&self.local);
        copy.node = node;
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

/// Does what reports do with a node and its messages. What panics there is caught there; this is for what cannot be.
pub(crate) fn try_debug(local: &Local, sent: &[(Address, Payload)]) {
    // Only that it returns is of interest.
    let _text = guard::catch(|| {
        for (_, message) in sent {
            let _text = (format!("{message:?}"), message.value());
        }
        (format!("{:?}", local.timers), local.node.debug(), local.node.value())
    });
}

/// What usually makes a handler differ from run to run.
pub(crate) const CAUSES: &str = "look for a static or shared variable, a field that is not serialized, HashMap or HashSet order, the clock, or randomness";

/// Where two runs of a handler on the same input differ.
fn difference(first: &Run, second: &Run) -> String {
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
    let what = match local(&first.local).changes(&local(&second.local)).first() {
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
            let (a, b) = (sent(&first.sent), sent(&second.sent));
            let at = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
            let side = |list: &[String]| list.get(at).map_or("nothing more".to_owned(), |m| format!("`{m}`"));
            format!("it sent {} in one run and {} in the other", side(&a), side(&b))
        }
    };
    format!("two runs on the same input differ: {what}; {CAUSES}")
}
