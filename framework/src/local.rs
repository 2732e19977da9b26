//! Everything that belongs to one node alone, and what one event makes of it.

use std::fmt;
use std::sync::Arc;

use crate::address::Address;
use crate::any_node::{AnyEffect, AnyNode};
use crate::context::Durable;
use crate::encoding::EncodeError;
use crate::payload::Payload;
use crate::timer::{PendingTimer, TimerQueue};
use crate::workload::NextCommand;

/// What happens to a node.
#[derive(Clone, Copy, Debug)]
pub enum Stimulus<'a> {
    /// It starts.
    Init,
    /// A message arrives.
    Message {
        /// Who sent it.
        from: Address,
        /// The message.
        message: &'a Payload,
    },
    /// A timer fires.
    Timer(&'a PendingTimer),
    /// It crashes, between handlers or in one.
    Crash(Option<During<'a>>),
    /// It starts again.
    Restart,
}

/// A handler that a crash interrupts; see [`Interrupted`](crate::Interrupted).
#[derive(Clone, Copy, Debug)]
pub struct During<'a> {
    /// What is handled: [`Stimulus::Message`] or [`Stimulus::Timer`].
    pub stimulus: &'a Stimulus<'a>,
    /// Which call of [`Context::persist`](crate::Context::persist) does not happen any more, from 0.
    pub persist: usize,
}

/// A node with its timer queue and its durable state: what an event at this node reads and changes.
#[derive(Clone)]
pub struct Local {
    /// The node. While it is down, the node as it was first made.
    pub node: Box<dyn AnyNode>,
    /// Its pending timers.
    pub timers: TimerQueue,
    /// What it last persisted.
    pub durable: Option<Durable>,
    /// Whether it runs. A node that has crashed does not, nor does one that is not started yet.
    pub up: bool,
    made: Arc<dyn AnyNode>,
}

/// A message with its receiver, as a handler sent it.
pub type Sent = (Address, Payload);

impl Local {
    /// A node that is about to start: [`Stimulus::Init`] comes first.
    pub fn new(node: Box<dyn AnyNode>) -> Self {
        let made = Arc::from(node.boxed());
        Self { node, timers: TimerQueue::default(), durable: None, up: true, made }
    }

    /// A node that is down: [`Stimulus::Restart`] starts it.
    pub fn new_down(node: Box<dyn AnyNode>) -> Self {
        Self { up: false, ..Self::new(node) }
    }

    /// Lets one thing happen to the node and returns what it sent, in order.
    ///
    /// A timer that fires is removed after its handler ran: one that sets an equal timer again moves it to the end.
    /// Nothing reaches a node that is down but a restart, and a node that is up cannot restart; a crash in a handler that
    /// does not persist so often does not happen.
    ///
    /// # Errors
    ///
    /// When something the handler sent, set or persisted has no canonical bytes. The node may have changed.
    ///
    /// # Panics
    ///
    /// Panics when the handler does.
    pub fn handle(&mut self, address: Address, stimulus: Stimulus<'_>) -> Result<Vec<Sent>, EncodeError> {
        self.handle_and_count(address, stimulus).map(|(sent, _)| sent)
    }

    /// As [`handle`](Self::handle); says also how many of the handler's calls of persist, from the first, have to be
    /// considered as places where a crash makes a difference: one more than the number of the last before which
    /// something was sent or saved. So it is 0 for a handler that saves before it sends.
    ///
    /// # Errors
    ///
    /// As [`handle`](Self::handle).
    pub fn handle_and_count(
        &mut self,
        address: Address,
        stimulus: Stimulus<'_>,
    ) -> Result<(Vec<Sent>, usize), EncodeError> {
        if self.up == matches!(stimulus, Stimulus::Restart) {
            return Ok((Vec::new(), 0));
        }
        let effects = match stimulus {
            Stimulus::Init => self.node.init(address),
            Stimulus::Message { from, message } => self.node.on_message(address, from, message),
            Stimulus::Timer(pending) => self.node.on_timer(address, &pending.timer),
            Stimulus::Restart => {
                self.up = true;
                self.node.recover(address, self.durable.clone())
            }
            Stimulus::Crash(None) => {
                self.crash();
                return Ok((Vec::new(), 0));
            }
            Stimulus::Crash(Some(during)) => return self.crash_during(address, during).map(|sent| (sent, 0)),
        }?;
        let mut sent = Vec::new();
        let (mut persists, mut interruptions) = (0, 0);
        let mut saved = false;
        for effect in effects {
            match effect {
                AnyEffect::Send { to, message } => sent.push((to, message)),
                AnyEffect::SetTimer { timer, length } => self.timers.set(PendingTimer { timer, length }),
                AnyEffect::Persist(durable) => {
                    persists += 1;
                    if self.durable.as_ref() != Some(&durable) {
                        if saved || !sent.is_empty() {
                            interruptions = persists;
                        }
                        saved = true;
                        self.durable = Some(durable);
                    }
                }
            }
        }
        if let Stimulus::Timer(pending) = stimulus {
            self.timers.remove(pending);
        }
        Ok((sent, interruptions))
    }

    /// Loses everything but the durable state.
    fn crash(&mut self) {
        self.node = self.made.boxed();
        self.timers.clear();
        self.up = false;
    }

    /// Handles something up to some call of persist, and crashes there if that makes a difference: something was sent or
    /// saved before it, and the call would change what is saved. Otherwise nothing happens.
    fn crash_during(&mut self, address: Address, during: During<'_>) -> Result<Vec<Sent>, EncodeError> {
        let mut handled = self.clone();
        let effects = match during.stimulus {
            Stimulus::Message { from, message } => handled.node.on_message(address, *from, message),
            Stimulus::Timer(pending) => handled.node.on_timer(address, &pending.timer),
            Stimulus::Init | Stimulus::Crash(_) | Stimulus::Restart => return Ok(Vec::new()),
        }?;
        let mut sent = Vec::new();
        let mut persists = 0;
        for effect in effects {
            match effect {
                AnyEffect::Send { to, message } => sent.push((to, message)),
                AnyEffect::SetTimer { .. } => {}
                AnyEffect::Persist(durable) if persists == during.persist => {
                    let changes = handled.durable.as_ref() != Some(&durable);
                    let done = !sent.is_empty() || handled.durable != self.durable;
                    if !changes || !done {
                        return Ok(Vec::new());
                    }
                    handled.crash();
                    *self = handled;
                    return Ok(sent);
                }
                AnyEffect::Persist(durable) => {
                    persists += 1;
                    handled.durable = Some(durable);
                }
            }
        }
        Ok(Vec::new())
    }

    /// The bytes that are the identity of this node, its timers and its durable state.
    ///
    /// # Errors
    ///
    /// When the node has no canonical bytes.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(64);
        self.encode_into(&mut out)?;
        Ok(out)
    }

    /// As [`encode`](Self::encode), into an empty vector whose memory is used again.
    ///
    /// # Errors
    ///
    /// When the node has no canonical bytes.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        debug_assert!(out.is_empty(), "the length of the node's own bytes is counted from the beginning");
        self.node.encode_into(out)?;
        self.encode_rest(out);
        Ok(())
    }

    /// The part of [`encode`](Self::encode)'s bytes that is the node's own, from which
    /// [`AnyNode::rebuild`] makes a copy.
    pub fn node_bytes(local_bytes: &[u8]) -> &[u8] {
        let (rest, len) = local_bytes.split_at(local_bytes.len() - 4);
        let len = u32::from_le_bytes(len.try_into().expect("four bytes were split off"));
        &rest[..len as usize]
    }

    /// Appends the bytes of the timers and the durable state. Every part is preceded by its length, and the length of
    /// the node's own bytes comes last, so that different locals never have equal bytes.
    fn encode_rest(&self, out: &mut Vec<u8>) {
        let node_len = out.len();
        number(out, self.timers.as_slice().len());
        for pending in self.timers.as_slice() {
            for length in [pending.length.at_least(), pending.length.at_most()] {
                // Longer than 584 years is as good as never.
                let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
                out.extend_from_slice(&nanos.to_le_bytes());
            }
            part(out, &pending.timer);
        }
        if !self.up {
            // No part and no absence of one begins like this.
            out.push(3);
        }
        match &self.durable {
            Some(durable) => part(out, durable),
            None => out.push(0),
        }
        number(out, node_len);
    }
}

fn number(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&u32::try_from(number).expect("a node is smaller than 4 GiB").to_le_bytes());
}

/// Appends a payload; a mark keeps a worker's own timers apart from its client's.
fn part(out: &mut Vec<u8>, payload: &Payload) {
    out.push(if payload.get::<NextCommand>().is_some() { 2 } else { 1 });
    number(out, payload.bytes().len());
    out.extend_from_slice(payload.bytes());
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local")
            .field("node", &self.node)
            .field("timers", &self.timers)
            .field("durable", &self.durable)
            .field("up", &self.up)
            .finish_non_exhaustive()
    }
}
