//! The client worker: a node that feeds a workload to a client, one command at a time.

use std::any::{Any, TypeId};
use std::fmt;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::any_node::{AnyEffect, AnyNode, Effects, erase, expect_payload, kinds, speaks};
use crate::client::Client;
use crate::context::{Context, Durable};
use crate::encoding::{self, DecodeError, EncodeError};
use crate::node::{Data, Node};
use crate::payload::Payload;
use crate::value::Value;
use crate::workload::Workload;

/// A client with its workload. After every event it records the client's result, if there is one, and sends the next
/// command, in the same step.
///
/// Its identity is the client, the results, and how many commands were sent; the workload itself is fixed.
///
/// Source: DSLabs `ClientWorker`.
#[derive(Clone, Debug)]
pub struct ClientWorker<C: Client> {
    client: C,
    workload: Workload<C::Command, C::Response>,
    results: Vec<C::Response>,
    // Invariant: sent is results.len(), or one more while the client has an outstanding command.
    sent: usize,
    /// How many of the results, from the first, are known to be the expected ones. Results are only added, so nobody has
    /// to look at those again: a run asks after every event, and has thousands.
    right: Known,
}

/// A number that is remembered, and is no part of anything's identity.
#[derive(Debug, Default)]
struct Known(AtomicUsize);

impl Clone for Known {
    fn clone(&self) -> Self {
        Self(AtomicUsize::new(self.0.load(Ordering::Relaxed)))
    }
}

/// The timer of a worker whose workload has a pause between commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextCommand;

impl<C: Client> ClientWorker<C> {
    /// A worker that has not started.
    pub fn new(client: C, workload: Workload<C::Command, C::Response>) -> Self {
        Self { client, workload, results: Vec::new(), sent: 0, right: Known::default() }
    }

    /// The client.
    pub fn client(&self) -> &C {
        &self.client
    }

    /// Records a result and sends commands until the client is busy or nothing is left to do now.
    fn work(&mut self, address: Address, mut effects: Vec<AnyEffect>) -> Effects {
        loop {
            if self.sent > self.results.len() {
                let Some(response) = self.client.response() else { return Ok(effects) };
                self.results.push(response);
                if let (Some(length), Some(_)) =
                    (self.workload.interval(), self.workload.command(address, self.sent))
                {
                    let timer = Payload::new(NextCommand)?;
                    effects.push(AnyEffect::SetTimer { timer, length: length.into() });
                    return Ok(effects);
                }
            }
            if !self.send_next(address, &mut effects)? {
                return Ok(effects);
            }
        }
    }

    /// Sends the next command, if there is one.
    fn send_next(&mut self, address: Address, effects: &mut Vec<AnyEffect>) -> Result<bool, EncodeError> {
        let Some((command, _)) = self.workload.command(address, self.sent) else { return Ok(false) };
        self.sent += 1;
        let mut ctx = Context::new(address);
        self.client.send_command(command, &mut ctx);
        effects.extend(erase(ctx.into_effects())?);
        Ok(true)
    }

    /// Runs a handler of the client, then goes on with the workload.
    fn with_client(
        &mut self,
        address: Address,
        run: impl FnOnce(&mut C, &mut Context<C::Message, C::Timer>),
    ) -> Effects {
        let mut ctx = Context::new(address);
        run(&mut self.client, &mut ctx);
        let effects = erase(ctx.into_effects())?;
        // Between a result and the next command a rate-limited worker waits for its own timer only.
        if self.sent == self.results.len() && self.sent > 0 && self.workload.interval().is_some() {
            return Ok(effects);
        }
        self.work(address, effects)
    }
}

impl<C: Client> AnyNode for ClientWorker<C> {
    fn boxed(&self) -> Box<dyn AnyNode> {
        Box::new(self.clone())
    }
    fn rebuild(&self, bytes: &[u8]) -> Result<Box<dyn AnyNode>, DecodeError> {
        let (client, results, sent) = encoding::decode(bytes)?;
        let right = Known::default();
        Ok(Box::new(Self { client, workload: self.workload.clone(), results, sent, right }))
    }
    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        encoding::encode_into(&(&self.client, &self.results, self.sent), out)
    }
    fn value(&self) -> Value {
        Value::Record {
            name: "ClientWorker".to_owned(),
            fields: vec![
                ("client".to_owned(), Value::of(&self.client)),
                ("results".to_owned(), Value::of(&self.results)),
                ("sent".to_owned(), Value::of(&self.sent)),
            ],
        }
    }
    fn debug(&self) -> String {
        let mut text = String::new();
        // The workload is left out: it never changes.
        let _infallible = write!(
            text,
            "{:#?}",
            fmt::from_fn(|f| {
                f.debug_struct("ClientWorker")
                    .field("client", &self.client)
                    .field("results", &self.results)
                    .field("sent", &self.sent)
                    .finish()
            })
        );
        text
    }
    fn type_name(&self) -> &'static str {
        encoding::short_type_name::<C>()
    }
    fn speaks(&self) -> [(TypeId, &'static str); 2] {
        speaks::<C>()
    }
    fn kinds(&self) -> [&'static [&'static str]; 2] {
        kinds::<C>()
    }
    fn as_any(&self) -> &dyn Any {
        &self.client
    }
    fn as_worker(&self) -> Option<&dyn AnyWorker> {
        Some(self)
    }
    fn init(&mut self, address: Address) -> Effects {
        self.with_client(address, |client, ctx| Node::init(client, ctx))
    }
    fn on_message(&mut self, address: Address, from: Address, message: &Payload) -> Effects {
        self.with_client(address, |client, ctx| Node::on_message(client, from, expect_payload(message), ctx))
    }
    fn on_timer(&mut self, address: Address, timer: &Payload) -> Effects {
        if timer.get::<NextCommand>().is_some() {
            let mut effects = Vec::new();
            self.send_next(address, &mut effects)?;
            return self.work(address, effects);
        }
        self.with_client(address, |client, ctx| Node::on_timer(client, expect_payload(timer), ctx))
    }
    fn recover(&mut self, address: Address, durable: Option<Durable>) -> Effects {
        self.with_client(address, |client, ctx| Node::recover(client, durable, ctx))
    }
}

/// A result that is not the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongResult {
    /// The place of the command in the workload, from 0.
    pub index: usize,
    /// The command.
    pub command: String,
    /// What the client got.
    pub response: String,
    /// What the workload expects.
    pub expected: String,
}

/// A client worker of any client type; [`Worker`] is what predicates use.
pub trait AnyWorker {
    /// The number of results so far.
    fn result_count(&self) -> usize;
    /// Result `i`.
    fn result(&self, i: usize) -> &dyn AnyResult;
    /// The list of results, a `Vec` of the client's response type.
    fn results(&self) -> &dyn Any;
    /// The number of commands sent so far.
    fn sent_count(&self) -> usize;
    /// The number of commands of the workload; `None` if there is no end.
    fn command_count(&self) -> Option<u64>;
    /// The first result that is not the expected one.
    fn wrong_result(&self, address: Address) -> Option<WrongResult>;
    /// Command `i` of the workload, as `Debug` prints it.
    fn command_text(&self, address: Address, i: usize) -> Option<String>;
    /// Command `i` of the workload, of the client's command type.
    fn command(&self, address: Address, i: usize) -> Option<Box<dyn Any>>;
    /// The types of the client's commands and responses.
    fn types(&self) -> [(TypeId, &'static str); 2];
}

/// A result of any type.
pub trait AnyResult {
    /// As `Debug` prints it.
    fn text(&self) -> String;
    /// The result as a payload: its bytes and its kind.
    ///
    /// # Errors
    ///
    /// When it has no canonical bytes.
    fn payload(&self) -> Result<Payload, EncodeError>;
}

impl<R: Data> AnyResult for R {
    fn text(&self) -> String {
        format!("{self:?}")
    }
    fn payload(&self) -> Result<Payload, EncodeError> {
        Payload::new(self.clone())
    }
}

impl<C: Client> AnyWorker for ClientWorker<C> {
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
        self.workload.len()
    }
    fn wrong_result(&self, address: Address) -> Option<WrongResult> {
        let known = self.right.0.load(Ordering::Relaxed);
        for (index, response) in self.results.iter().enumerate().skip(known) {
            if let Some((command, Some(expected))) = self.workload.command(address, index)
                // By bytes, as everywhere: a student's PartialEq could say anything.
                && let (Ok(found), Ok(wanted)) = (encoding::encode(response), encoding::encode(&expected))
                && found != wanted
            {
                return Some(WrongResult {
                    index,
                    command: format!("{command:?}"),
                    response: response.text(),
                    expected: expected.text(),
                });
            }
            self.right.0.store(index + 1, Ordering::Relaxed);
        }
        None
    }
    fn command_text(&self, address: Address, i: usize) -> Option<String> {
        self.workload.command(address, i).map(|(command, _)| format!("{command:?}"))
    }
    fn command(&self, address: Address, i: usize) -> Option<Box<dyn Any>> {
        self.workload.command(address, i).map(|(command, _)| Box::new(command) as Box<dyn Any>)
    }
    fn types(&self) -> [(TypeId, &'static str); 2] {
        [
            (TypeId::of::<C::Command>(), encoding::short_type_name::<C::Command>()),
            (TypeId::of::<C::Response>(), encoding::short_type_name::<C::Response>()),
        ]
    }
}

/// A client worker as predicates see it.
#[derive(Clone, Copy)]
pub struct Worker<'a> {
    address: Address,
    worker: &'a dyn AnyWorker,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(address: Address, worker: &'a dyn AnyWorker) -> Self {
        Self { address, worker }
    }

    /// Its address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The number of results so far.
    pub fn result_count(&self) -> usize {
        self.worker.result_count()
    }

    /// The results so far, if the client's response type is `R`.
    pub fn results<R: Data>(&self) -> Option<&'a [R]> {
        self.worker.results().downcast_ref::<Vec<R>>().map(Vec::as_slice)
    }

    /// Result `i` as `Debug` prints it.
    ///
    /// # Panics
    ///
    /// Panics when there are not so many results.
    pub fn result_text(&self, i: usize) -> String {
        self.worker.result(i).text()
    }

    /// All results as `Debug` prints them.
    pub fn results_text(&self) -> String {
        let results: Vec<String> = (0..self.result_count()).map(|i| self.result_text(i)).collect();
        format!("[{}]", results.join(", "))
    }

    /// The kind of result `i`: the variant of an enum, or the name of the type.
    ///
    /// # Panics
    ///
    /// Panics when there are not so many results.
    pub fn result_kind(&self, i: usize) -> String {
        self.worker.result(i).payload().map(|payload| payload.kind()).unwrap_or_default()
    }

    /// Whether result `i` has the bytes of `expected`.
    ///
    /// # Panics
    ///
    /// Panics when there are not so many results.
    pub fn result_is<R: Data>(&self, i: usize, expected: &R) -> bool {
        let bytes = |payload: Result<Payload, EncodeError>| payload.ok().map(|p| p.bytes().to_vec());
        bytes(self.worker.result(i).payload()) == bytes(Payload::new(expected.clone()))
    }

    /// Whether both have the same list of results.
    pub fn same_results(&self, other: &Self) -> bool {
        self.result_count() == other.result_count()
            && (0..self.result_count())
                .all(|i| self.worker.result(i).payload() == other.worker.result(i).payload())
    }

    /// The number of commands of the workload; `None` if there is no end.
    pub fn command_count(&self) -> Option<u64> {
        self.worker.command_count()
    }

    /// The number of commands sent so far: as many as there are results, or one more.
    pub fn sent_count(&self) -> usize {
        self.worker.sent_count()
    }

    /// Command `i` of the workload (from 0), as `Debug` prints it.
    pub fn command_text(&self, i: usize) -> Option<String> {
        self.worker.command_text(self.address, i)
    }

    /// Command `i` of the workload (from 0), if there is one and the client's command type is `C`.
    pub fn command<C: Data>(&self, i: usize) -> Option<C> {
        self.worker.command(self.address, i)?.downcast().ok().map(|command| *command)
    }

    /// The names of the types of the client's commands and responses.
    pub fn type_names(&self) -> [&'static str; 2] {
        self.worker.types().map(|(_, name)| name)
    }

    /// Whether every command of the workload has its result.
    pub fn is_done(&self) -> bool {
        self.command_count() == Some(self.result_count() as u64)
    }

    /// The first result that is not the expected one.
    pub fn wrong_result(&self) -> Option<WrongResult> {
        self.worker.wrong_result(self.address)
    }
}

impl fmt::Debug for Worker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.results_text())
    }
}
