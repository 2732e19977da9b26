//! Clients that a test talks to: it sends a command and waits for the response.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use framework::{
    Address, AnyEffect, AnyNode, AnyResult, AnyWorker, Client, ClientWorker, Context, DecodeError, Durable,
    Effect, Effects, EncodeError, NextCommand, Payload, PendingTimer, TimerLength, Value, Workload,
    WrongResult, decode, encode_into,
};

/// A client that a test talks to; [`Run::add_interactive`](crate::Run::add_interactive) makes it.
pub struct Interactive<C: Client> {
    address: Address,
    commands: Commands<C>,
}

impl<C: Client> Interactive<C> {
    pub(crate) fn new(address: Address) -> Self {
        Self { address, commands: Commands(Arc::default()) }
    }

    /// Its address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The node that the run drives.
    pub(crate) fn node(&self, client: C) -> Box<dyn AnyNode> {
        Box::new(InteractiveWorker { client, commands: self.commands.clone(), results: Vec::new(), sent: 0 })
    }

    /// Adds a command; the node sends it when its timer fires.
    pub(crate) fn push(&self, command: C::Command) {
        self.commands.lock().push(command);
    }
}

impl<C: Client> fmt::Debug for Interactive<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interactive({})", self.address)
    }
}

/// The commands that the test has sent so far. The list only grows, so command `i` never changes once it is there, and
/// a replay finds it where the run did.
struct Commands<C: Client>(Arc<Mutex<Vec<C::Command>>>);

impl<C: Client> Commands<C> {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<C::Command>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, i: usize) -> Option<C::Command> {
        self.lock().get(i).cloned()
    }
}

impl<C: Client> Clone for Commands<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A worker whose next command comes when the test says so. In the model it is a worker that may pause for any time
/// before each command.
struct InteractiveWorker<C: Client> {
    client: C,
    commands: Commands<C>,
    results: Vec<C::Response>,
    // Invariant: sent is results.len(), or one more while the client has an outstanding command.
    sent: usize,
}

/// The timer before the next command. With neither minimum nor maximum it keeps no other timer waiting.
fn pause() -> Result<AnyEffect, EncodeError> {
    let length = TimerLength::from(Duration::ZERO..=Duration::MAX);
    Ok(AnyEffect::SetTimer { timer: Payload::new(NextCommand)?, length })
}

/// Whether a timer waits for the test.
pub(crate) fn is_held(timer: &PendingTimer) -> bool {
    timer.length.at_most() == Duration::MAX && timer.timer.get::<NextCommand>().is_some()
}

impl<C: Client> InteractiveWorker<C> {
    /// Records the response to the outstanding command, if it is there.
    fn record(&mut self, effects: Effects) -> Effects {
        let mut effects = effects?;
        if self.sent > self.results.len()
            && let Some(response) = self.client.response()
        {
            self.results.push(response);
            effects.push(pause()?);
        }
        Ok(effects)
    }

    fn send_next(&mut self, address: Address) -> Effects {
        let Some(command) = self.commands.get(self.sent) else { return Ok(vec![pause()?]) };
        self.sent += 1;
        let mut ctx = Context::new(address);
        self.client.send_command(command, &mut ctx);
        ctx.into_effects()
            .into_iter()
            .map(|effect| {
                Ok(match effect {
                    Effect::Send { to, message } => AnyEffect::Send { to, message: Payload::new(message)? },
                    Effect::SetTimer { timer, length } => {
                        AnyEffect::SetTimer { timer: Payload::new(timer)?, length }
                    }
                    Effect::Persist(durable) => AnyEffect::Persist(durable?),
                })
            })
            .collect()
    }
}

impl<C: Client> AnyNode for InteractiveWorker<C> {
    fn boxed(&self) -> Box<dyn AnyNode> {
        Box::new(Self {
            client: self.client.clone(),
            commands: self.commands.clone(),
            results: self.results.clone(),
            sent: self.sent,
        })
    }
    fn rebuild(&self, bytes: &[u8]) -> Result<Box<dyn AnyNode>, DecodeError> {
        let (client, results, sent) = decode(bytes)?;
        Ok(Box::new(Self { client, commands: self.commands.clone(), results, sent }))
    }
    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        encode_into(&(&self.client, &self.results, self.sent), out)
    }
    fn value(&self) -> Value {
        Value::Record {
            name: "InteractiveClient".to_owned(),
            fields: vec![
                ("client".to_owned(), Value::of(&self.client)),
                ("results".to_owned(), Value::of(&self.results)),
                ("sent".to_owned(), Value::of(&self.sent)),
            ],
        }
    }
    fn debug(&self) -> String {
        format!("{:#?}", self.client)
    }
    fn type_name(&self) -> &'static str {
        self.client.type_name()
    }
    fn speaks(&self) -> [(TypeId, &'static str); 2] {
        self.client.speaks()
    }
    fn kinds(&self) -> [&'static [&'static str]; 2] {
        self.client.kinds()
    }
    fn as_any(&self) -> &dyn Any {
        &self.client
    }
    fn as_worker(&self) -> Option<&dyn AnyWorker> {
        Some(self)
    }
    fn init(&mut self, address: Address) -> Effects {
        let mut effects = AnyNode::init(&mut self.client, address)?;
        effects.push(pause()?);
        Ok(effects)
    }
    fn on_message(&mut self, address: Address, from: Address, message: &Payload) -> Effects {
        let effects = AnyNode::on_message(&mut self.client, address, from, message);
        self.record(effects)
    }
    fn on_timer(&mut self, address: Address, timer: &Payload) -> Effects {
        let effects = if timer.get::<NextCommand>().is_some() {
            self.send_next(address)
        } else {
            AnyNode::on_timer(&mut self.client, address, timer)
        };
        self.record(effects)
    }
    fn recover(&mut self, address: Address, durable: Option<Durable>) -> Effects {
        let mut effects = AnyNode::recover(&mut self.client, address, durable)?;
        effects.push(pause()?);
        Ok(effects)
    }
}

impl<C: Client> AnyWorker for InteractiveWorker<C> {
    fn result_count(&self) -> usize {
        self.results.len()
    }
    fn result(&self, i: usize) -> &dyn AnyResult {
        &self.results[i]
    }
    fn results(&self) -> &dyn Any {
        &self.results
    }
    fn sent_count(&self) -> usize {
        self.sent
    }
    fn command_count(&self) -> Option<u64> {
        Some(self.commands.lock().len() as u64)
    }
    fn wrong_result(&self, _: Address) -> Option<WrongResult> {
        None
    }
    fn command_text(&self, _: Address, i: usize) -> Option<String> {
        self.commands.get(i).map(|command| format!("{command:?}"))
    }
    fn command(&self, _: Address, i: usize) -> Option<Box<dyn Any>> {
        self.commands.get(i).map(|command| Box::new(command) as Box<dyn Any>)
    }
    fn types(&self) -> [(TypeId, &'static str); 2] {
        ClientWorker::new(self.client.clone(), Workload::empty()).types()
    }
}
