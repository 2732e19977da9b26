// INSTRUCTOR ONLY
//! Solutions that are worth nothing.

use clientserver::{AmoApplication, AmoCommand, AmoResponse, KvCommand, KvResponse, KvStore};
use framework::{Address, Application, Client, Context, Durable, Node};
use raft::{
    AdminCommand, AdminReply, AdminRequest, AdminResponse, CLIENT_RETRY, Design, ELECTION_TIMEOUT, EntryKind,
    EntryView, Inspect, Options, Reconfigurable, Role,
};
use serde::{Deserialize, Serialize};

/// What a server does instead of Raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Null {
    DoesNothing,
    /// Votes for everybody who asks, and counts the votes.
    AlwaysGrants,
    /// Votes for nobody.
    NeverGrants,
    Panics,
    /// server1 executes the commands of all clients, and the others nothing.
    OneServer,
    /// As `OneServer`, but says that nothing happened at all.
    Silent,
    /// Does nothing, and says that server1 was elected and has committed everything.
    Pretends,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    Request(AmoCommand<KvCommand>),
    Reply(AmoResponse<KvResponse>),
    Vote(u64),
    Granted(u64),
    AdminRequest(AdminRequest),
    AdminReply(AdminReply),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Server {
    null: Null,
    own: Address,
    servers: Vec<Address>,
    term: u64,
    voted_for: Option<Address>,
    role: u8,
    log: Vec<AmoCommand<KvCommand>>,
    application: AmoApplication<KvStore>,
}

type Ctx = Context<Message, ()>;

impl Server {
    fn is_first(&self) -> bool {
        self.servers.first() == Some(&self.own)
    }

    fn votes(&self) -> bool {
        matches!(self.null, Null::AlwaysGrants | Null::NeverGrants)
    }
}

impl Node for Server {
    type Message = Message;
    type Timer = ();

    fn init(&mut self, ctx: &mut Ctx) {
        ctx.set_timer((), ELECTION_TIMEOUT);
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Ctx) {
        match message {
            Message::Request(command)
                if matches!(self.null, Null::OneServer | Null::Silent) && self.is_first() =>
            {
                if !self.application.already_executed(&command) {
                    self.log.push(command.clone());
                }
                if let Some(response) = self.application.execute(&command) {
                    ctx.send(command.client, Message::Reply(response));
                }
            }
            Message::Vote(term) if self.null == Null::AlwaysGrants => {
                self.term = self.term.max(term);
                self.voted_for = Some(from);
                ctx.send(from, Message::Granted(term));
            }
            Message::Granted(term) if self.role == 1 && term == self.term => self.role = 2,
            _ => assert!(self.null != Null::Panics, "a handler that is not written yet"),
        }
    }

    fn on_timer(&mut self, (): (), ctx: &mut Ctx) {
        assert!(self.null != Null::Panics, "a handler that is not written yet");
        if self.votes() {
            self.term += 1;
            self.voted_for = Some(self.own);
            self.role = 1;
            let peers: Vec<Address> = self.servers.iter().copied().filter(|s| *s != self.own).collect();
            ctx.broadcast(&peers, &Message::Vote(self.term));
        }
        self.init(ctx);
    }

    fn recover(&mut self, _: Option<Durable>, ctx: &mut Ctx) {
        self.init(ctx);
    }
}

impl Inspect for Server {
    fn current_term(&self) -> u64 {
        match self.null {
            Null::OneServer | Null::Pretends => 1,
            _ => self.term,
        }
    }
    fn voted_for(&self) -> Option<Address> {
        match self.null {
            Null::OneServer if self.is_first() => Some(self.own),
            Null::Pretends => self.servers.first().copied(),
            _ => self.voted_for,
        }
    }
    fn role(&self) -> Role {
        match self.null {
            Null::OneServer | Null::Pretends if self.is_first() => Role::Leader,
            _ => [Role::Follower, Role::Candidate, Role::Leader][usize::from(self.role)],
        }
    }
    fn commit_index(&self) -> u64 {
        self.last_index()
    }
    fn last_applied(&self) -> u64 {
        self.last_index()
    }
    fn last_index(&self) -> u64 {
        if self.null == Null::Silent { 0 } else { self.log.len() as u64 }
    }
    fn entry(&self, index: u64) -> Option<EntryView<'_>> {
        if self.null == Null::Silent {
            return None;
        }
        let command = self.log.get(usize::try_from(index).unwrap().checked_sub(1)?)?;
        Some(EntryView { term: 1, kind: EntryKind::Command(command) })
    }
    fn store(&self) -> &KvStore {
        self.application.application()
    }
}

/// An honest client: a solution that is worth nothing may still have one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Asking {
    servers: Vec<Address>,
    sequence: u64,
    outstanding: Option<KvCommand>,
    response: Option<KvResponse>,
    timer_runs: bool,
}

impl Asking {
    fn ask(&self, ctx: &mut Ctx) {
        let Some(command) = self.outstanding.clone() else { return };
        let request =
            Message::Request(AmoCommand { client: ctx.address(), sequence: self.sequence, command });
        ctx.broadcast(&self.servers, &request);
    }
}

impl Node for Asking {
    type Message = Message;
    type Timer = ();
    fn on_message(&mut self, _: Address, message: Message, _: &mut Ctx) {
        if let Message::Reply(reply) = message
            && reply.sequence == self.sequence
        {
            self.outstanding = None;
            self.response = Some(reply.response);
        }
    }
    fn on_timer(&mut self, (): (), ctx: &mut Ctx) {
        self.timer_runs = self.outstanding.is_some();
        if self.timer_runs {
            self.ask(ctx);
            ctx.set_timer((), CLIENT_RETRY);
        }
    }
}

impl Client for Asking {
    type Command = KvCommand;
    type Response = KvResponse;
    fn send_command(&mut self, command: KvCommand, ctx: &mut Ctx) {
        self.sequence += 1;
        self.outstanding = Some(command);
        self.response = None;
        self.ask(ctx);
        if !self.timer_runs {
            self.timer_runs = true;
            ctx.set_timer((), CLIENT_RETRY);
        }
    }
    fn response(&self) -> Option<KvResponse> {
        self.response.clone()
    }
}

impl Design for Null {
    type Server = Server;
    type Client = Asking;

    fn server(&self, own: Address, servers: &[Address], _: &Options) -> Server {
        Server {
            null: *self,
            own,
            servers: servers.to_vec(),
            term: 0,
            voted_for: None,
            role: 0,
            log: Vec::new(),
            application: AmoApplication::new(KvStore::default()),
        }
    }

    fn client(&self, servers: &[Address]) -> Asking {
        Asking {
            servers: servers.to_vec(),
            sequence: 0,
            outstanding: None,
            response: None,
            timer_runs: false,
        }
    }
}

impl Reconfigurable for Null {
    type Admin = Administrator;

    fn admin(&self, servers: &[Address]) -> Administrator {
        Administrator { servers: servers.to_vec(), sequence: 0, outstanding: None, response: None }
    }
}

/// An honest administrator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Administrator {
    servers: Vec<Address>,
    sequence: u64,
    outstanding: Option<AdminCommand>,
    response: Option<AdminResponse>,
}

impl Administrator {
    fn ask(&self, ctx: &mut Ctx) {
        let Some(command) = self.outstanding.clone() else { return };
        let request = AdminRequest { sequence: self.sequence, command };
        ctx.broadcast(&self.servers, &Message::AdminRequest(request));
        ctx.set_timer((), CLIENT_RETRY);
    }
}

impl Node for Administrator {
    type Message = Message;
    type Timer = ();
    fn on_message(&mut self, _: Address, message: Message, _: &mut Ctx) {
        if let Message::AdminReply(reply) = message
            && reply.sequence == self.sequence
        {
            self.outstanding = None;
            self.response = Some(reply.response);
        }
    }
    fn on_timer(&mut self, (): (), ctx: &mut Ctx) {
        self.ask(ctx);
    }
}

impl Client for Administrator {
    type Command = AdminCommand;
    type Response = AdminResponse;
    fn send_command(&mut self, command: AdminCommand, ctx: &mut Ctx) {
        self.sequence += 1;
        self.outstanding = Some(command);
        self.response = None;
        self.ask(ctx);
    }
    fn response(&self) -> Option<AdminResponse> {
        self.response.clone()
    }
}
