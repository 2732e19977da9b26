// INSTRUCTOR ONLY
//! The server of the other designs: its state, and which message goes where.

mod commit;
mod election;
mod inspect;
mod leading;
mod members;
mod read;
mod replication;
mod snapshot;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use clientserver::{AmoApplication, KvStore};
use framework::{Address, Context, Durable, Node};
use raft::{Configuration, Options};
use serde::{Deserialize, Serialize};

use super::log::Log;
use super::message::{Bytes, Change, Command, Message, Place, Timer};
use super::variant::{Flaw, Variant};

/// A leader sends heartbeats at every tick; a follower stands for election at the third without one: it may hear of the
/// leader just before a tick, so that only the further two are whole.
const TICK: RangeInclusive<Duration> = Duration::from_millis(60)..=Duration::from_millis(90);
const PATIENCE: u8 = 3;

/// What a leader knows of another server.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Progress {
    next: u64,
    matched: u64,
    /// The last round of reads that it has confirmed.
    confirmed: u64,
    /// Ticks since it answered, if they are counted; otherwise 0 if it has since the leader last looked.
    silent: u8,
}

/// A read that waits at the leader.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Waiting {
    /// The client, or the follower that answers it.
    asker: Address,
    command: Command,
    /// The round that confirms it; 0 if that has not begun.
    round: u64,
    /// What was committed when it began.
    index: u64,
}

/// A leader that hands over.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Transfer {
    target: Address,
    tell: Option<(Address, u64)>,
    ticks: u8,
}

/// What only a leader knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Lead {
    progress: BTreeMap<Address, Progress>,
    /// The number of the last round of reads.
    round: u64,
    waiting: Vec<Waiting>,
    /// The number of the latest read of each client that was confirmed, and how far it may be answered from.
    confirmed: BTreeMap<Address, (u64, u64)>,
    /// Ticks since it last looked who answered.
    ticks: u8,
    transfer: Option<Transfer>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Phase {
    Follower { missed: u8 },
    Asking { votes: BTreeSet<Address> },
    Candidate { votes: BTreeSet<Address> },
    Leader(Lead),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Saved {
    term: u64,
    vote: Option<Address>,
    log: Log,
    commit: u64,
}

/// What has come of a snapshot that is sent in pieces.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pieces {
    term: u64,
    last: Place,
    count: u8,
    bytes: Bytes,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VariantServer {
    variant: Variant,
    options: Options,
    own: Address,
    bootstrap: Configuration,
    saved: Saved,
    commit: u64,
    applied: u64,
    leader: Option<Address>,
    phase: Phase,
    /// With [`Quirk::CountsLateVotes`](super::variant::Quirk), the votes of a candidate that has given up in this term.
    late_votes: BTreeSet<Address>,
    application: AmoApplication<KvStore>,
    /// With [`Requests::Applied`](super::variant::Requests), the latest request of each administrator that is applied.
    done: BTreeMap<Address, u64>,
    /// With [`Known::List`](super::variant::Known), the configurations in the log, the oldest first.
    list: Vec<(u64, Change)>,
    pieces: Option<Pieces>,
    /// Reads of clients that this server answers when its log is applied so far, once the leader has said how far.
    reads: BTreeMap<Address, (Command, Option<u64>)>,
    /// The leader wants it to stand when it has this entry.
    summons: Option<Place>,
    /// Whom to tell when it leads.
    tell: Option<(Address, u64)>,
}

/// What a handler wants to send.
type Out = Vec<(Address, Message)>;

impl VariantServer {
    pub(crate) fn new(variant: Variant, own: Address, members: &[Address], options: &Options) -> Self {
        let ignores = variant.flaw == Flaw::IgnoresOptions;
        Self {
            variant,
            options: if ignores { Options::default() } else { options.clone() },
            own,
            bootstrap: Configuration::of(members.iter().copied()),
            saved: Saved { term: 0, vote: None, log: Log::default(), commit: 0 },
            commit: 0,
            applied: 0,
            leader: None,
            phase: Phase::Follower { missed: PATIENCE - 1 },
            late_votes: BTreeSet::new(),
            application: AmoApplication::new(KvStore::default()),
            done: BTreeMap::new(),
            list: Vec::new(),
            pieces: None,
            reads: BTreeMap::new(),
            summons: None,
            tell: None,
        }
    }

    /// Runs a handler, then saves what it changed, then sends what it wants to send.
    fn run(&mut self, ctx: &mut Context<Message, Timer>, handler: impl FnOnce(&mut Self, &mut Out)) {
        let before = self.saved.clone();
        let mut out = Vec::new();
        handler(self, &mut out);
        if self.variant.save_commit {
            self.saved.commit = self.commit;
        }
        if self.variant.snapshots.saved_at_once {
            self.compact(false);
        }
        let late = self.has(Flaw::SavesLate);
        if self.saved != before && !late {
            ctx.persist(self.saved.clone());
        }
        for (to, message) in out {
            ctx.send(to, message);
        }
        if self.saved != before && late {
            ctx.persist(self.saved.clone());
        }
        self.compact(false);
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.variant.flaw == flaw
    }

    fn last(&self) -> u64 {
        self.saved.log.last()
    }

    /// The last entry, as votes are given by it.
    fn end(&self) -> Place {
        if self.has(Flaw::EmptyLogIsOld) && self.saved.log.base() == self.last() {
            return (0, self.last());
        }
        self.saved.log.end()
    }

    fn term_of(&self, index: u64) -> Option<u64> {
        self.saved.log.term_of(index)
    }

    /// Goes on to a later term, if it is one.
    fn follow(&mut self, term: u64) {
        if term > self.saved.term {
            self.saved.term = term;
            self.saved.vote = None;
            self.leader = None;
            self.summons = None;
            self.tell = None;
            // A later term is no sign of a leader: who hears of one only, must be able to stand for election soon.
            let missed = if let Phase::Follower { missed } = self.phase { missed } else { 0 };
            self.phase = Phase::Follower { missed };
            self.late_votes.clear();
        }
    }
}

impl Node for VariantServer {
    type Message = Message;
    type Timer = Timer;

    fn init(&mut self, ctx: &mut Context<Message, Timer>) {
        ctx.set_timer(Timer::Tick, TICK);
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Message, Timer>) {
        self.run(ctx, |server, out| match message {
            Message::Request(command) => server.on_request(from, command, out),
            Message::Admin { admin, request } => server.on_admin(from, admin, &request, out),
            Message::Vote { term, last, ballot } => server.on_vote(from, term, last, ballot, out),
            Message::VoteReply { term, granted, about } => {
                server.follow(term);
                if let Some(about) = about {
                    server.on_answer(from, about, granted, out);
                } else if term == server.saved.term && granted {
                    server.on_granted(from, out);
                }
            }
            Message::Append(append) => server.on_append(from, append, out),
            Message::AppendReply { term, matches, index, hint, round } => {
                if server.hears_follower(from, term, round, out) {
                    server.on_append_reply(from, (matches, index, hint), out);
                    server.hand_over(out);
                }
            }
            Message::Heartbeat { term, commit, round } => server.on_heartbeat(from, term, commit, round, out),
            Message::HeartbeatReply { term, round } => {
                if server.hears_follower(from, term, round, out) {
                    let progress = server.progress_of(from);
                    if progress.is_some_and(|progress| progress.matched < server.last()) {
                        server.append_to(from, out);
                    }
                    server.hand_over(out);
                }
            }
            Message::Snapshot(piece) => server.on_piece(from, piece, out),
            Message::SnapshotReply { term, last, wants } => {
                if server.hears_follower(from, term, 0, out) {
                    server.on_wanted(from, last, wants, out);
                }
            }
            Message::ReadAt(command) => server.on_read(from, command, out),
            Message::ReadAtReply { client, sequence, index } => {
                server.on_read_index(client, sequence, index, out);
            }
            Message::TimeoutNow { term, last, tell } => server.on_timeout_now(term, last, tell, out),
            Message::Reply(_) | Message::AdminReply(_) | Message::NotLeader { .. } => {}
        });
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Message, Timer>) {
        if matches!(timer, Timer::Retry { .. }) {
            return;
        }
        ctx.set_timer(Timer::Tick, TICK);
        self.run(ctx, |server, out| {
            match &mut server.phase {
                Phase::Leader(_) => server.lead(out),
                Phase::Follower { missed } if *missed + 1 < PATIENCE => *missed += 1,
                _ => server.stand(out),
            }
            server.compact(true);
        });
    }

    fn recover(&mut self, durable: Option<Durable>, ctx: &mut Context<Message, Timer>) {
        self.init(ctx);
        if let Some(durable) = durable {
            self.saved = durable.to().unwrap();
            if self.has(Flaw::LosesVote) {
                self.saved.vote = None;
            }
            if self.has(Flaw::LosesSnapshot) {
                self.saved.log.lose_snapshot();
            }
            self.load_snapshot();
            self.commit = self.saved.commit.max(self.applied);
            // The clients have their answers, or ask again.
            self.apply(&mut Vec::new());
            self.remember_changes();
            self.compact(false);
        }
    }
}
