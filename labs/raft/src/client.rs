//! The client: it sends a command to the servers and asks again until the response is there.
// STUB: #![allow(unused)] // Remove this line when you start.

use clientserver::{AmoCommand, AmoResponse, KvCommand, KvResponse};
use framework::{Address, Client, Context, Node};
use serde::{Deserialize, Serialize};

use crate::message::Message;
use crate::timer::{CLIENT_RETRY, Timer};

/// Sends one command at a time to a group of servers, whichever of them is the leader.
///
/// Source: DSLabs `PaxosClient`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RaftClient {
    servers: Vec<Address>,
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

impl RaftClient {
    /// A client of these servers.
    pub fn new(servers: Vec<Address>) -> Self {
        // BEGIN SOLUTION
        Self { servers, sequence: 0, outstanding: None, response: None }
        // END SOLUTION
        // STUB: Self { servers }
    }
    // BEGIN SOLUTION

    /// Sends the outstanding command, if there is one, and makes sure that this is called again.
    ///
    /// It goes to all servers. The leader is among them, the others ignore it, and the client need not know which is
    /// which.
    fn send_request(&self, ctx: &mut Context<Message, Timer>) {
        let Some(command) = self.outstanding.clone() else { return };
        let sequence = self.sequence;
        let request = Message::Request(AmoCommand { client: ctx.address(), sequence, command });
        ctx.broadcast(&self.servers, &request);
        ctx.set_timer(Timer::Retry { sequence }, CLIENT_RETRY);
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
        // STUB: todo!("part 1: keep the response if it is the one you wait for (docs/part1.md, \"The client\")")
    }
}

impl Client for RaftClient {
    type Command = KvCommand;
    type Response = KvResponse;

    /// Starts on a command. The first one has number 1, the next one 2: tests rely on it.
    fn send_command(&mut self, command: KvCommand, ctx: &mut Context<Message, Timer>) {
        // BEGIN SOLUTION
        self.sequence += 1;
        self.outstanding = Some(command);
        self.response = None;
        self.send_request(ctx);
        // END SOLUTION
        // STUB: todo!("part 1: number the command and send it (docs/part1.md, \"The client\"; paper, section 8)")
    }

    fn response(&self) -> Option<KvResponse> {
        // BEGIN SOLUTION
        self.response.clone()
        // END SOLUTION
        // STUB: todo!("part 1: the response to the last command, once it is there (docs/part1.md, \"The client\")")
    }
}

impl Node for RaftClient {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Message, Timer>) {
        if let Message::Reply(reply) = message {
            self.on_reply(reply);
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Message, Timer>) {
        // BEGIN SOLUTION
        if let Timer::Retry { sequence } = timer
            && sequence == self.sequence
        {
            self.send_request(ctx);
        }
        // END SOLUTION
        // STUB: todo!("part 1: ask again if the response is still missing (docs/part1.md, \"The client\")")
    }
}
