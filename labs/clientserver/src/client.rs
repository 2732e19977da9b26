//! The client: it sends a command and asks again until the response is there.
// STUB: #![allow(unused)] // Remove this line when you start.

use framework::{Address, Client, Context, Node};
use serde::{Deserialize, Serialize};

use crate::amo::{AmoCommand, AmoResponse};
use crate::kvstore::{KvCommand, KvResponse};
use crate::message::Message;
use crate::timer::{CLIENT_RETRY, ClientTimer};

/// Sends one command at a time to the server.
///
/// Source: DSLabs `SimpleClient`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SimpleClient {
    server: Address,
    // BEGIN SOLUTION
    /// The number of the last command; 0 before the first.
    sequence: u64,
    /// The last command, as long as it has no response.
    outstanding: Option<KvCommand>,
    /// The response to the last command, once it is there.
    response: Option<KvResponse>,
    // END SOLUTION
    // STUB: // Your fields.
}

impl SimpleClient {
    /// A client of the server at `server`.
    pub fn new(server: Address) -> Self {
        // BEGIN SOLUTION
        Self { server, sequence: 0, outstanding: None, response: None }
        // END SOLUTION
        // STUB: Self { server }
    }
    // BEGIN SOLUTION

    /// Sends the outstanding command, if there is one, and makes sure that this is called again.
    fn send_request(&self, ctx: &mut Context<Message, ClientTimer>) {
        let Some(command) = self.outstanding.clone() else { return };
        let sequence = self.sequence;
        ctx.send(self.server, Message::Request(AmoCommand { client: ctx.address(), sequence, command }));
        ctx.set_timer(ClientTimer { sequence }, CLIENT_RETRY);
    }
    // END SOLUTION

    fn on_reply(&mut self, reply: AmoResponse<KvResponse>) {
        // BEGIN SOLUTION
        // Replies to older commands, and further ones to this command, may still be on their way.
        if self.outstanding.is_some() && reply.sequence == self.sequence {
            self.outstanding = None;
            self.response = Some(reply.response);
        }
        // END SOLUTION
        // STUB: todo!("step 1: keep the response if it is the one you wait for (README, \"The client\")")
    }
}

impl Client for SimpleClient {
    type Command = KvCommand;
    type Response = KvResponse;

    fn send_command(&mut self, command: KvCommand, ctx: &mut Context<Message, ClientTimer>) {
        // BEGIN SOLUTION
        self.sequence += 1;
        self.outstanding = Some(command);
        self.response = None;
        self.send_request(ctx);
        // END SOLUTION
        // STUB: todo!("step 1: number the command and send it (README, \"The client\")")
    }

    fn response(&self) -> Option<KvResponse> {
        // BEGIN SOLUTION
        self.response.clone()
        // END SOLUTION
        // STUB: todo!("step 1: the response to the last command, once it is there (README, \"The client\")")
    }
}

impl Node for SimpleClient {
    type Message = Message;
    type Timer = ClientTimer;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Message, ClientTimer>) {
        match message {
            Message::Reply(reply) => self.on_reply(reply),
            // Only clients send these.
            Message::Request(_) => {}
        }
    }

    fn on_timer(&mut self, timer: ClientTimer, ctx: &mut Context<Message, ClientTimer>) {
        // BEGIN SOLUTION
        if timer.sequence == self.sequence {
            self.send_request(ctx);
        }
        // END SOLUTION
        // STUB: todo!("step 2: ask again if the response is still missing (README, \"Asking again\")")
    }
}
