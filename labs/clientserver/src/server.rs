//! The server: it executes the commands of all clients, one after the other.
// STUB: #![allow(unused)] // Remove this line when you start.

use framework::{Address, Application, Context, Node};
use serde::{Deserialize, Serialize};

use crate::amo::{AmoApplication, AmoCommand};
use crate::kvstore::{KvCommand, KvStore};
use crate::message::Message;
use crate::timer::ClientTimer;

/// A key-value store with an address.
///
/// Source: DSLabs `SimpleServer`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SimpleServer {
    // BEGIN SOLUTION
    application: AmoApplication<KvStore>,
    // END SOLUTION
    // STUB: // Your fields: the store; in step 2 the store inside an `AmoApplication`.
}

impl SimpleServer {
    /// A server of this store.
    pub fn new(store: KvStore) -> Self {
        // BEGIN SOLUTION
        Self { application: AmoApplication::new(store) }
        // END SOLUTION
        // STUB: Self {}
    }

    fn on_request(
        &mut self,
        from: Address,
        command: AmoCommand<KvCommand>,
        ctx: &mut Context<Message, ClientTimer>,
    ) {
        // BEGIN SOLUTION
        if let Some(response) = self.application.execute(&command) {
            ctx.send(from, Message::Reply(response));
        }
        // END SOLUTION
        // STUB: todo!("step 1: execute the command and reply (README, \"The server\")")
    }
}

impl Node for SimpleServer {
    type Message = Message;
    type Timer = ClientTimer;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Message, ClientTimer>) {
        match message {
            Message::Request(command) => self.on_request(from, command, ctx),
            // Only servers send these.
            Message::Reply(_) => {}
        }
    }

    fn on_timer(&mut self, _: ClientTimer, _: &mut Context<Message, ClientTimer>) {
        // The server sets no timer.
    }
}
