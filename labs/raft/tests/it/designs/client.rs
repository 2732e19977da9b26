// INSTRUCTOR ONLY
//! The client of the other designs: it asks all servers, or one and then another.

use clientserver::{AmoCommand, KvCommand, KvResponse};
use framework::{Address, Client, Context, Node};
use serde::{Deserialize, Serialize};

use super::Routing;
use super::message::{Message, Timer};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VariantClient {
    routing: Routing,
    servers: Vec<Address>,
    /// Whom it asks, unless it asks all.
    target: usize,
    /// Whom it asks when nobody answers, each in turn: hints alone may lead from one server that is cut off to another.
    next: usize,
    sequence: u64,
    command: Option<KvCommand>,
    response: Option<KvResponse>,
}

impl VariantClient {
    pub(crate) fn new(routing: Routing, servers: &[Address]) -> Self {
        Self {
            routing,
            servers: servers.to_vec(),
            target: 0,
            next: 0,
            sequence: 0,
            command: None,
            response: None,
        }
    }

    fn ask(&self, ctx: &mut Context<Message, Timer>) {
        let Some(command) = self.command.clone() else { return };
        let request =
            Message::Request(AmoCommand { client: ctx.address(), sequence: self.sequence, command });
        match self.routing {
            Routing::Broadcast => ctx.broadcast(&self.servers, &request),
            Routing::Redirect | Routing::Forward => ctx.send(self.servers[self.target], request),
        }
    }
}

impl Client for VariantClient {
    type Command = KvCommand;
    type Response = KvResponse;

    fn send_command(&mut self, command: KvCommand, ctx: &mut Context<Message, Timer>) {
        self.sequence += 1;
        self.command = Some(command);
        self.response = None;
        self.ask(ctx);
        ctx.set_timer(Timer::Retry { sequence: self.sequence }, raft::CLIENT_RETRY);
    }

    fn response(&self) -> Option<KvResponse> {
        self.response.clone()
    }
}

impl Node for VariantClient {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, _: Address, message: Message, ctx: &mut Context<Message, Timer>) {
        match message {
            Message::Reply(reply) if reply.sequence == self.sequence && self.command.is_some() => {
                self.command = None;
                self.response = Some(reply.response);
            }
            Message::NotLeader { sequence, leader: Some(leader) } if sequence == self.sequence => {
                if let Some(target) = self.servers.iter().position(|server| *server == leader)
                    && self.command.is_some()
                {
                    self.target = target;
                    self.ask(ctx);
                }
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Message, Timer>) {
        if let Timer::Retry { sequence } = timer
            && sequence == self.sequence
            && self.command.is_some()
        {
            self.next = (self.next + 1) % self.servers.len();
            self.target = self.next;
            self.ask(ctx);
            ctx.set_timer(Timer::Retry { sequence }, raft::CLIENT_RETRY);
        }
    }
}
