//! Small objects: a register, a counter, a key-value store, and a queue.

use std::collections::BTreeMap;

use framework::linearizability::Specification;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum RegisterCommand {
    Read,
    Write(u8),
    /// Replaces the first by the second.
    CompareAndSet(u8, u8),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum RegisterResponse {
    Value(u8),
    Ok,
    Refused,
}

pub(crate) struct Register;

impl Specification for Register {
    type State = u8;
    type Command = RegisterCommand;
    type Response = RegisterResponse;
    fn initial(&self) -> u8 {
        0
    }
    fn apply(&self, state: &mut u8, command: &RegisterCommand) -> RegisterResponse {
        match command {
            RegisterCommand::Read => RegisterResponse::Value(*state),
            RegisterCommand::Write(value) => {
                *state = *value;
                RegisterResponse::Ok
            }
            RegisterCommand::CompareAndSet(old, new) if old == state => {
                *state = *new;
                RegisterResponse::Ok
            }
            RegisterCommand::CompareAndSet(..) => RegisterResponse::Refused,
        }
    }
}

/// A number; commands add to it and get the sum.
pub(crate) struct Counter;

impl Specification for Counter {
    type State = u32;
    type Command = u32;
    type Response = u32;
    fn initial(&self) -> u32 {
        0
    }
    fn apply(&self, state: &mut u32, command: &u32) -> u32 {
        *state += command;
        *state
    }
    fn only_reads(&self, command: &u32) -> bool {
        *command == 0
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum KvCommand {
    Get(char),
    Put(char, char),
    Append(char, char),
}

impl KvCommand {
    pub(crate) fn key(&self) -> char {
        match self {
            Self::Get(key) | Self::Put(key, _) | Self::Append(key, _) => *key,
        }
    }
}

/// Responds to everything with the value of the key.
pub(crate) struct Kv {
    /// Whether each key is a part, and reads are known to be reads.
    pub(crate) by_key: bool,
}

impl Specification for Kv {
    type State = BTreeMap<char, String>;
    type Command = KvCommand;
    type Response = String;
    fn initial(&self) -> BTreeMap<char, String> {
        BTreeMap::new()
    }
    fn apply(&self, state: &mut BTreeMap<char, String>, command: &KvCommand) -> String {
        match command {
            KvCommand::Get(_) => {}
            KvCommand::Put(key, value) => {
                state.insert(*key, value.to_string());
            }
            KvCommand::Append(key, value) => state.entry(*key).or_default().push(*value),
        }
        state.get(&command.key()).cloned().unwrap_or_default()
    }
    fn only_reads(&self, command: &KvCommand) -> bool {
        self.by_key && matches!(command, KvCommand::Get(_))
    }
    fn partition(&self, command: &KvCommand) -> String {
        if self.by_key { command.key().to_string() } else { String::new() }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum QueueCommand {
    Enq(char, char),
    Deq(char),
}

/// Named first-in-first-out queues; each is a part.
pub(crate) struct Queues;

impl Specification for Queues {
    type State = BTreeMap<char, Vec<char>>;
    type Command = QueueCommand;
    type Response = Option<char>;
    fn initial(&self) -> BTreeMap<char, Vec<char>> {
        BTreeMap::new()
    }
    fn apply(&self, state: &mut BTreeMap<char, Vec<char>>, command: &QueueCommand) -> Option<char> {
        match command {
            QueueCommand::Enq(queue, item) => {
                state.entry(*queue).or_default().push(*item);
                None
            }
            QueueCommand::Deq(queue) => {
                let items = state.entry(*queue).or_default();
                (!items.is_empty()).then(|| items.remove(0))
            }
        }
    }
    fn partition(&self, command: &QueueCommand) -> String {
        let (QueueCommand::Enq(queue, _) | QueueCommand::Deq(queue)) = command;
        queue.to_string()
    }
}
