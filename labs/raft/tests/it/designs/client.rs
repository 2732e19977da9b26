// INSTRUCTOR ONLY
//! The client and the administrator of the other designs: they ask all servers, or one and then another.

use clientserver::{AmoCommand, KvCommand, KvResponse};
use framework::{Address, Client, Context, Node};
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

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VariantClient {
    route: Route,
    sequence: u64,
    command: Option<KvCommand>,
    response: Option<KvResponse>,
}

impl VariantClient {
    pub(crate) fn new(routing: Routing, servers: &[Address]) -> Self {
        Self { route: Route::new(routing, servers), sequence: 0, command: None, response: None }
    }

    fn ask(&self, ctx: &mut Ctx) {
        let Some(command) = self.command.clone() else { return };
        let command = AmoCommand { client: ctx.address(), sequence: self.sequence, command };
        self.route.ask(Message::Request(command), ctx);
    }
}

impl Client for VariantClient {
    type Command = KvCommand;
    type Response = KvResponse;

    fn send_command(&mut self, command: KvCommand, ctx: &mut Ctx) {
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

    fn on_message(&mut self, _: Address, message: Message, ctx: &mut Ctx) {
        match message {
            Message::Reply(reply) if reply.sequence == self.sequence && self.command.is_some() => {
                self.command = None;
                self.response = Some(reply.response);
            }
            Message::NotLeader { sequence, leader: Some(leader) }
                if sequence == self.sequence && self.command.is_some() && self.route.turn_to(leader) =>
            {
                self.ask(ctx);
            }
            _ => {}
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

/// The administrator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VariantAdmin {
    route: Route,
    sequence: u64,
    command: Option<AdminCommand>,
    response: Option<AdminResponse>,
}

impl VariantAdmin {
    pub(crate) fn new(routing: Routing, servers: &[Address]) -> Self {
        Self { route: Route::new(routing, servers), sequence: 0, command: None, response: None }
    }

    fn ask(&self, ctx: &mut Ctx) {
        let Some(command) = self.command.clone() else { return };
        let request = AdminRequest { sequence: self.sequence, command };
        self.route.ask(Message::Admin { admin: ctx.address(), request }, ctx);
    }
}

impl Client for VariantAdmin {
    type Command = AdminCommand;
    type Response = AdminResponse;

    fn send_command(&mut self, command: AdminCommand, ctx: &mut Ctx) {
        self.sequence += 1;
        self.command = Some(command);
        self.response = None;
        self.ask(ctx);
        ctx.set_timer(Timer::Retry { sequence: self.sequence }, raft::CLIENT_RETRY);
    }

    fn response(&self) -> Option<AdminResponse> {
        self.response.clone()
    }
}

impl Node for VariantAdmin {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, _: Address, message: Message, ctx: &mut Ctx) {
        match message {
            Message::AdminReply(reply) if reply.sequence == self.sequence && self.command.is_some() => {
                self.command = None;
                self.response = Some(reply.response);
            }
            Message::NotLeader { sequence, leader: Some(leader) }
                if sequence == self.sequence && self.command.is_some() && self.route.turn_to(leader) =>
            {
                self.ask(ctx);
            }
            _ => {}
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
