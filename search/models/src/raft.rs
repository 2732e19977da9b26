// INSTRUCTOR ONLY
//! A small replicated key-value store on Raft, for benchmarks: fields are `String`, `Vec`, `BTreeMap` and `BTreeSet`, as
//! a student would write them.
//!
//! No other checker has counted it: the counts up to depth 8 come from the enumerator in `tests/counts.rs`, the deeper
//! ones from one like it that remembers what handlers did. The space is finite, as terms are bounded, but too large to
//! exhaust: a search needs a depth limit.
//!
//! It is Figure 2 of Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", without durable state:
//! run it without crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use framework::{Address, Client, Context, Node, Outcome, Predicate, System, Workload};
use serde::{Deserialize, Serialize};

use crate::add;

/// `server1` to `serverN`, and `client1` to `clientM` with `commands_per_client` commands each.
///
/// A client has a key of its own, and puts and gets in turn: `PUT:client1:1`, `GET:client1`, `PUT:client1:3`, and so on.
/// The workload says what each should return, so [`results_ok`](framework::predicate::results_ok) is an invariant.
///
/// A server whose term is `max_term` starts no further election; that is what bounds the space. To run the system
/// instead of searching it, give [`u64::MAX`].
///
/// | servers | clients | commands | `max_term` | depth limit | distinct states |
/// |---|---|---|---|---|---|
/// | 3 | 1 | 1 | 2 | 8 | 30,359 |
/// | 3 | 1 | 1 | 2 | 12 | 1,742,284 |
/// | 3 | 1 | 1 | 2 | 14 | 9,705,490 |
/// | 3 | 1 | 1 | 2 | 15 | 21,671,588 |
/// | 3 | 2 | 2 | 3 | 10 | 1,025,483 |
pub fn system(servers: u16, clients: u16, commands_per_client: usize, max_term: u64) -> System {
    let mut system = System::new();
    let addresses: Vec<Address> = (1..=servers).map(Address::server).collect();
    for address in &addresses {
        let peers = addresses.iter().copied().filter(|peer| peer != address).collect();
        add(&mut system, *address, Server::new(peers, max_term));
    }
    for address in (1..=clients).map(Address::client) {
        let client =
            StoreClient { servers: addresses.clone(), sequence: 0, command: String::new(), response: None };
        system.add_client(address, client, workload(address, commands_per_client)).expect(crate::ADDED);
    }
    system
}

fn workload(client: Address, commands: usize) -> Workload<String, String> {
    Workload::expecting((1..=commands).map(|i| {
        if i % 2 == 1 {
            (format!("PUT:{client}:{i}"), "ok".to_owned())
        } else {
            (format!("GET:{client}"), (i - 1).to_string())
        }
    }))
}

/// Invariant: at most one server is leader in a term. (Figure 3, Election Safety; of two leaders at the same time)
pub fn election_safety() -> Predicate {
    Predicate::for_each_pair(
        "election safety",
        |(a, first): (Address, &Server), (b, second): (Address, &Server)| {
            let both_lead = matches!((&first.role, &second.role), (Role::Leader { .. }, Role::Leader { .. }));
            if !both_lead || first.current_term != second.current_term {
                return Outcome::holds();
            }
            Outcome::fails(format!("{a} and {b} are both leader in term {}", first.current_term))
                .blaming(a, "role")
                .blaming(b, "role")
        },
    )
}

/// Invariant: if two logs have an entry with the same index and term, they are the same up to that entry.
/// (Figure 3, Log Matching)
pub fn log_matching() -> Predicate {
    Predicate::for_each_pair(
        "log matching",
        |(a, first): (Address, &Server), (b, second): (Address, &Server)| {
            let pairs = || first.log.iter().zip(&second.log).enumerate();
            let Some((matching, _)) = pairs().rfind(|(_, (x, y))| x.term == y.term) else {
                return Outcome::holds();
            };
            match pairs().take(matching + 1).find(|(_, (x, y))| x != y) {
                Some((at, _)) => Outcome::fails(format!(
                    "{a} and {b} have the same term at index {}, but differ at index {}",
                    matching + 1,
                    at + 1
                ))
                .blaming(a, format!("log[{at}]"))
                .blaming(b, format!("log[{at}]")),
                None => Outcome::holds(),
            }
        },
    )
}

/// Invariant: what two servers have both committed is the same. (Figure 3, State Machine Safety)
pub fn state_machine_safety() -> Predicate {
    Predicate::for_each_pair(
        "state machine safety",
        |(a, first): (Address, &Server), (b, second): (Address, &Server)| {
            let committed = first.commit_index.min(second.commit_index);
            match (0..committed).find(|i| first.log.get(*i) != second.log.get(*i)) {
                Some(at) => {
                    Outcome::fails(format!("{a} and {b} committed different entries at index {}", at + 1))
                        .blaming(a, format!("log[{at}]"))
                        .blaming(b, format!("log[{at}]"))
                }
                None => Outcome::holds(),
            }
        },
    )
}

/// Goal: some server is leader.
pub fn leader_elected() -> Predicate {
    Predicate::new("a leader is elected", |view| {
        match view.nodes::<Server>().find(|(_, server)| matches!(server.role, Role::Leader { .. })) {
            Some((address, server)) => {
                Outcome::holds().because(format!("{address} is leader in term {}", server.current_term))
            }
            None => Outcome::fails("no server is leader"),
        }
    })
}

/// An entry of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The term of the leader that appended it.
    pub term: u64,
    /// The client whose command it is.
    pub client: Address,
    /// The number that the client gave the command, from 1.
    pub sequence: u64,
    /// The command.
    pub command: String,
}

/// What servers and clients say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// A candidate asks for a vote.
    RequestVote {
        /// The candidate's term.
        term: u64,
        /// The index of the candidate's last entry; 0 if its log is empty.
        last_log_index: usize,
        /// The term of that entry; 0 if its log is empty.
        last_log_term: u64,
    },
    /// The answer to `RequestVote`.
    RequestVoteReply {
        /// The term of the server that answers.
        term: u64,
        /// Whether the candidate has its vote.
        vote_granted: bool,
    },
    /// A leader sends entries, or none to say that it is there.
    AppendEntries {
        /// The leader's term.
        term: u64,
        /// The index of the entry before the new ones.
        prev_log_index: usize,
        /// The term of that entry.
        prev_log_term: u64,
        /// The new entries.
        entries: Vec<Entry>,
        /// The leader's `commit_index`.
        leader_commit: usize,
    },
    /// The answer to `AppendEntries`.
    AppendEntriesReply {
        /// The term of the server that answers.
        term: u64,
        /// Whether it had the entry before the new ones.
        success: bool,
        /// If so, the index of the last entry that is now known to match; else the `prev_log_index` that did not.
        index: usize,
    },
    /// A client asks for a command. Only leaders care.
    Request {
        /// The number of the command.
        sequence: u64,
        /// The command.
        command: String,
    },
    /// The leader answers a client.
    Response {
        /// The number of the command.
        sequence: u64,
        /// What it returned.
        response: String,
    },
}

/// The timers of servers and clients.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// A server has waited long enough for its leader.
    Election,
    /// A leader shows that it is there.
    Heartbeat {
        /// The term in which it leads; it is not the leader's timer any more in a later one.
        term: u64,
    },
    /// A client has waited long enough for the response to a command.
    Retry {
        /// The number of the command.
        sequence: u64,
    },
}

const ELECTION: RangeInclusive<Duration> = Duration::from_millis(150)..=Duration::from_millis(300);
const HEARTBEAT: Duration = Duration::from_millis(50);
const RETRY: Duration = Duration::from_millis(100);

type Ctx = Context<Message, Timer>;

/// What a server is in its term.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Role {
    /// It follows a leader, if there is one.
    Follower,
    /// It wants to be leader.
    Candidate {
        /// Who votes for it, itself included.
        votes: BTreeSet<Address>,
    },
    /// It is leader.
    Leader {
        /// For each peer, the index of the next entry to send.
        next_index: BTreeMap<Address, usize>,
        /// For each peer, the highest index up to which its log is known to match.
        // Invariant: match_index < next_index, peer by peer.
        match_index: BTreeMap<Address, usize>,
    },
}

/// A server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Server {
    /// The other servers. Never changes.
    pub peers: Vec<Address>,
    /// The last term for which it starts an election. Never changes.
    pub max_term: u64,
    /// The latest term it has seen.
    pub current_term: u64,
    /// Who has its vote in that term.
    pub voted_for: Option<Address>,
    /// Its log. Indexes start at 1, so entry `i` is `log[i - 1]`.
    pub log: Vec<Entry>,
    /// The highest index known to be committed.
    // Invariant: last_applied == commit_index <= log.len() between events.
    pub commit_index: usize,
    /// The highest index applied to the store.
    pub last_applied: usize,
    /// What it is in its term.
    pub role: Role,
    /// Whether it heard from a leader or gave its vote since its election timer last fired.
    pub heard: bool,
    /// The key-value store.
    pub store: BTreeMap<String, String>,
    /// For each client, the number of its last executed command and the response: a command is executed at most once.
    pub last_responses: BTreeMap<Address, (u64, String)>,
}

impl Server {
    fn new(peers: Vec<Address>, max_term: u64) -> Self {
        Self {
            peers,
            max_term,
            current_term: 0,
            voted_for: None,
            log: Vec::new(),
            commit_index: 0,
            last_applied: 0,
            role: Role::Follower,
            heard: false,
            store: BTreeMap::new(),
            last_responses: BTreeMap::new(),
        }
    }

    /// Whether `count` servers are more than half of all.
    fn is_majority(&self, count: usize) -> bool {
        2 * count > self.peers.len() + 1
    }

    /// The term of the entry at `index`; 0 for index 0, and `None` behind the end.
    fn term_at(&self, index: usize) -> Option<u64> {
        match index {
            0 => Some(0),
            _ => self.log.get(index - 1).map(|entry| entry.term),
        }
    }

    fn last_log_term(&self) -> u64 {
        self.log.last().map_or(0, |entry| entry.term)
    }

    fn on_election(&mut self, ctx: &mut Ctx) {
        ctx.set_timer(Timer::Election, ELECTION);
        if matches!(self.role, Role::Leader { .. }) || std::mem::take(&mut self.heard) {
            return;
        }
        if self.current_term >= self.max_term {
            return;
        }
        self.current_term += 1;
        self.voted_for = Some(ctx.address());
        self.role = Role::Candidate { votes: BTreeSet::from([ctx.address()]) };
        let request = Message::RequestVote {
            term: self.current_term,
            last_log_index: self.log.len(),
            last_log_term: self.last_log_term(),
        };
        ctx.broadcast(&self.peers, &request);
        self.lead_if_elected(ctx);
    }

    fn lead_if_elected(&mut self, ctx: &mut Ctx) {
        let Role::Candidate { votes } = &self.role else { return };
        if !self.is_majority(votes.len()) {
            return;
        }
        self.role = Role::Leader {
            next_index: self.peers.iter().map(|peer| (*peer, self.log.len() + 1)).collect(),
            match_index: self.peers.iter().map(|peer| (*peer, 0)).collect(),
        };
        self.on_heartbeat(ctx);
    }

    fn on_heartbeat(&self, ctx: &mut Ctx) {
        self.send_entries(ctx);
        ctx.set_timer(Timer::Heartbeat { term: self.current_term }, HEARTBEAT);
    }

    /// Sends each peer what it lacks.
    fn send_entries(&self, ctx: &mut Ctx) {
        let Role::Leader { next_index, .. } = &self.role else { return };
        for (peer, next) in next_index {
            let prev_log_index = next - 1;
            let append = Message::AppendEntries {
                term: self.current_term,
                prev_log_index,
                prev_log_term: self.term_at(prev_log_index).expect("next_index is at most one past the log"),
                entries: self.log[prev_log_index..].to_vec(),
                leader_commit: self.commit_index,
            };
            ctx.send(*peer, append);
        }
    }

    /// Goes on to a later term, if `term` is one.
    fn see_term(&mut self, term: u64) {
        if term > self.current_term {
            self.current_term = term;
            self.voted_for = None;
            self.role = Role::Follower;
        }
    }

    fn on_request_vote(&mut self, from: Address, term: u64, last: (u64, usize), ctx: &mut Ctx) {
        let up_to_date = last >= (self.last_log_term(), self.log.len());
        let free = self.voted_for.is_none_or(|candidate| candidate == from);
        let vote_granted = term == self.current_term && free && up_to_date;
        if vote_granted {
            self.voted_for = Some(from);
            self.heard = true;
        }
        ctx.send(from, Message::RequestVoteReply { term: self.current_term, vote_granted });
    }

    fn on_vote(&mut self, from: Address, ctx: &mut Ctx) {
        if let Role::Candidate { votes } = &mut self.role {
            votes.insert(from);
            self.lead_if_elected(ctx);
        }
    }

    /// Takes the entries in, if its log has the entry before them; says whether, and the index to report.
    fn append(&mut self, prev: (usize, u64), entries: Vec<Entry>, leader_commit: usize) -> (bool, usize) {
        let (prev_log_index, prev_log_term) = prev;
        if self.term_at(prev_log_index) != Some(prev_log_term) {
            return (false, prev_log_index);
        }
        let match_index = prev_log_index + entries.len();
        for (index, entry) in (prev_log_index + 1..).zip(entries) {
            // An old message may hold fewer entries than the log has by now; only a conflict shortens the log.
            if self.term_at(index) != Some(entry.term) {
                self.log.truncate(index - 1);
                self.log.push(entry);
            }
        }
        self.commit_index = self.commit_index.max(leader_commit.min(match_index));
        (true, match_index)
    }

    fn on_append_reply(&mut self, from: Address, success: bool, index: usize, ctx: &mut Ctx) {
        let Role::Leader { next_index, match_index } = &mut self.role else { return };
        let (Some(next), Some(matched)) = (next_index.get_mut(&from), match_index.get_mut(&from)) else {
            return;
        };
        if success {
            *matched = index.max(*matched);
            *next = (*matched + 1).max(*next);
        } else {
            // The log differs at `index`, so the next attempt has to start there or before.
            *next = index.min(*next).max(*matched + 1);
        }
        self.advance_commit_index();
        self.apply(ctx);
    }

    /// Commits what a majority has, if it is of the current term. (Figure 2, Rules for Servers, Leaders)
    fn advance_commit_index(&mut self) {
        let Role::Leader { match_index, .. } = &self.role else { return };
        let highest = (self.commit_index + 1..=self.log.len()).rev().find(|index| {
            let peers = match_index.values().filter(|matched| *matched >= index).count();
            self.term_at(*index) == Some(self.current_term) && self.is_majority(peers + 1)
        });
        self.commit_index = highest.unwrap_or(self.commit_index);
    }

    /// Applies what is committed; the leader answers the clients.
    fn apply(&mut self, ctx: &mut Ctx) {
        while self.last_applied < self.commit_index {
            let entry = self.log[self.last_applied].clone();
            self.last_applied += 1;
            let last = self.last_responses.get(&entry.client).map_or(0, |(sequence, _)| *sequence);
            if entry.sequence > last {
                let response = execute(&mut self.store, &entry.command);
                self.last_responses.insert(entry.client, (entry.sequence, response));
            }
            self.respond(entry.client, entry.sequence, ctx);
        }
    }

    /// Answers a client if this is the leader and the command is the last one that the client had executed.
    fn respond(&self, client: Address, sequence: u64, ctx: &mut Ctx) {
        if let (Role::Leader { .. }, Some((last, response))) = (&self.role, self.last_responses.get(&client))
            && *last == sequence
        {
            ctx.send(client, Message::Response { sequence, response: response.clone() });
        }
    }

    fn on_request(&mut self, client: Address, sequence: u64, command: String, ctx: &mut Ctx) {
        if !matches!(self.role, Role::Leader { .. }) {
            return;
        }
        if self.last_responses.get(&client).is_some_and(|(last, _)| *last >= sequence) {
            self.respond(client, sequence, ctx);
            return;
        }
        // An entry of an earlier term does not count: it may be committed only together with one of this term.
        let term = self.current_term;
        if self.log.iter().any(|e| e.term == term && e.client == client && e.sequence == sequence) {
            return;
        }
        self.log.push(Entry { term, client, sequence, command });
        self.send_entries(ctx);
        self.advance_commit_index();
        self.apply(ctx);
    }
}

/// Executes `PUT:key:value` or `GET:key`.
fn execute(store: &mut BTreeMap<String, String>, command: &str) -> String {
    match command.split(':').collect::<Vec<_>>()[..] {
        ["PUT", key, value] => {
            store.insert(key.to_owned(), value.to_owned());
            "ok".to_owned()
        }
        ["GET", key] => store.get(key).cloned().unwrap_or_else(|| "no such key".to_owned()),
        _ => format!("`{command}` is not a command: expected `PUT:key:value` or `GET:key`"),
    }
}

impl Node for Server {
    type Message = Message;
    type Timer = Timer;

    fn init(&mut self, ctx: &mut Ctx) {
        ctx.set_timer(Timer::Election, ELECTION);
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Ctx) {
        match message {
            Message::RequestVote { term, last_log_index, last_log_term } => {
                self.see_term(term);
                self.on_request_vote(from, term, (last_log_term, last_log_index), ctx);
            }
            Message::RequestVoteReply { term, vote_granted } => {
                self.see_term(term);
                if term == self.current_term && vote_granted {
                    self.on_vote(from, ctx);
                }
            }
            Message::AppendEntries { term, prev_log_index, prev_log_term, entries, leader_commit } => {
                self.see_term(term);
                let (success, index) = if term == self.current_term {
                    self.role = Role::Follower;
                    self.heard = true;
                    self.append((prev_log_index, prev_log_term), entries, leader_commit)
                } else {
                    (false, prev_log_index)
                };
                self.apply(ctx);
                ctx.send(from, Message::AppendEntriesReply { term: self.current_term, success, index });
            }
            Message::AppendEntriesReply { term, success, index } => {
                self.see_term(term);
                if term == self.current_term {
                    self.on_append_reply(from, success, index, ctx);
                }
            }
            Message::Request { sequence, command } => self.on_request(from, sequence, command, ctx),
            Message::Response { .. } => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx) {
        match timer {
            Timer::Election => self.on_election(ctx),
            Timer::Heartbeat { term } => {
                if term == self.current_term && matches!(self.role, Role::Leader { .. }) {
                    self.on_heartbeat(ctx);
                }
            }
            Timer::Retry { .. } => {}
        }
    }
}

/// A client: it sends each command to all servers, again and again until one responds. So it needs not know who leads,
/// and a retry puts no new message into the network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoreClient {
    /// The servers. Never changes.
    pub servers: Vec<Address>,
    /// The number of the last command, from 1; 0 before the first.
    pub sequence: u64,
    /// The last command.
    pub command: String,
    /// The response to it.
    pub response: Option<String>,
}

impl StoreClient {
    fn send(&self, ctx: &mut Ctx) {
        let request = Message::Request { sequence: self.sequence, command: self.command.clone() };
        ctx.broadcast(&self.servers, &request);
        ctx.set_timer(Timer::Retry { sequence: self.sequence }, RETRY);
    }
}

impl Node for StoreClient {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Ctx) {
        if let Message::Response { sequence, response } = message
            && sequence == self.sequence
        {
            self.response = Some(response);
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx) {
        if let Timer::Retry { sequence } = timer
            && sequence == self.sequence
            && self.response.is_none()
        {
            self.send(ctx);
        }
    }
}

impl Client for StoreClient {
    type Command = String;
    type Response = String;

    fn send_command(&mut self, command: String, ctx: &mut Ctx) {
        self.sequence += 1;
        self.command = command;
        self.response = None;
        self.send(ctx);
    }

    fn response(&self) -> Option<String> {
        self.response.clone()
    }
}
