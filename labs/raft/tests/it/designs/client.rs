// INSTRUCTOR ONLY
//! The client and the administrator of the other designs: they ask all servers, or one and then another.

use clientserver::{AmoCommand, KvCommand, KvResponse};
use framework::{Address, Client, Context, Data, Node};
use raft::{AdminCommand, AdminRequest, AdminResponse};
use serde::{Deserialize, Serialize};

use super::message::{Message, Timer};
use super::variant::Routing;

type Ctx = Context<Message, Timer>;

/// Whom to ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Route {
    routing: Routing,
    servers: Vec<Address>,
    /// Whom, unless it is all.
    target: usize,
    /// Whom when nobody answers, each in turn: hints alone may lead from one server that is cut off to another.
    next: usize,
}

impl Route {
    fn new(routing: Routing, servers: &[Address]) -> Self {
        Self { routing, servers: servers.to_vec(), target: 0, next: 0 }
    }

    fn ask(&self, request: Message, ctx: &mut Ctx) {
        match self.routing {
            Routing::Broadcast => ctx.broadcast(&self.servers, &request),
            Routing::Redirect | Routing::Forward => ctx.send(self.servers[self.target], request),
        }
    }

    /// Whether there is such a server; it is asked next.
    fn turn_to(&mut self, leader: Address) -> bool {
        let Some(target) = self.servers.iter().position(|server| *server == leader) else { return false };
        self.target = target;
        true
    }

    fn turn_to_next(&mut self) {
        self.next = (self.next + 1) % self.servers.len();
        self.target = self.next;
    }
}

/// What is asked and answered.
pub(crate) trait Subject: Data {
    type Command: Data;
    type Response: Data;

    fn request(from: Address, sequence: u64, command: Self::Command) -> Message;

    /// The number and the response, if that is what it is.
    fn reply(message: Message) -> Option<(u64, Self::Response)>;
}

/// Commands for the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Store {}

/// Changes of the group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Members {}

/// The client.
pub(crate) type VariantClient = Asker<Store>;

/// The administrator.
pub(crate) type VariantAdmin = Asker<Members>;

impl Subject for Store {
    type Command = KvCommand;
    type Response = KvResponse;

    fn request(client: Address, sequence: u64, command: KvCommand) -> Message {
        Message::Request(AmoCommand { client, sequence, command })
    }

    fn reply(message: Message) -> Option<(u64, KvResponse)> {
        if let Message::Reply(reply) = message { Some((reply.sequence, reply.response)) } else { None }
    }
}

impl Subject for Members {
    type Command = AdminCommand;
    type Response = AdminResponse;

    fn request(admin: Address, sequence: u64, command: AdminCommand) -> Message {
        Message::Admin { admin, request: AdminRequest { sequence, command } }
    }

    fn reply(message: Message) -> Option<(u64, AdminResponse)> {
        if let Message::AdminReply(reply) = message { Some((reply.sequence, reply.response)) } else { None }
    }
}

/// Who asks until there is a response.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Asker<S: Subject> {
    route: Route,
    sequence: u64,
    command: Option<S::Command>,
    response: Option<S::Response>,
}

impl<S: Subject> Asker<S> {
    pub(crate) fn new(routing: Routing, servers: &[Address]) -> Self {
        Self { route: Route::new(routing, servers), sequence: 0, command: None, response: None }
    }

    fn ask(&self, ctx: &mut Ctx) {
        if let Some(command) = self.command.clone() {
            self.route.ask(S::request(ctx.address(), self.sequence, command), ctx);
        }
    }
}

impl<S: Subject> Client for Asker<S> {
    type Command = S::Command;
    type Response = S::Response;

    fn send_command(&mut self, command: S::Command, ctx: &mut Ctx) {
        self.sequence += 1;
        self.command = Some(command);
        self.response = None;
        self.ask(ctx);
        ctx.set_timer(Timer::Retry { sequence: self.sequence }, raft::CLIENT_RETRY);
    }

    fn response(&self) -> Option<S::Response> {
        self.response.clone()
    }
}

impl<S: Subject> Node for Asker<S> {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, _: Address, message: Message, ctx: &mut Ctx) {
        if self.command.is_none() {
            return;
        }
        match message {
            Message::NotLeader { sequence, leader: Some(leader) } => {
                if sequence == self.sequence && self.route.turn_to(leader) {
                    self.ask(ctx);
                }
            }
            other => {
                if let Some((sequence, response)) = S::reply(other)
                    && sequence == self.sequence
                {
                    self.command = None;
                    self.response = Some(response);
                }
            }
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx) {
        if let Timer::Retry { sequence } = timer
            && sequence == self.sequence
            && self.command.is_some()
        {
            self.route.turn_to_next();
            self.ask(ctx);
            ctx.set_timer(Timer::Retry { sequence }, raft::CLIENT_RETRY);
        }
    }
}
