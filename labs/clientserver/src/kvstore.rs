//! The key-value store: what clients ask for, what they get, and the store that answers them.
// STUB: #![allow(unused)] // Remove this line when you start.

use framework::Application;
use serde::{Deserialize, Serialize};

/// What a client can ask of the store.
///
/// Source: DSLabs `KVStoreCommand`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvCommand {
    /// Reads the value of a key.
    Get {
        /// The key.
        key: String,
    },
    /// Sets the value of a key, in place of any it had.
    Put {
        /// The key.
        key: String,
        /// Its new value.
        value: String,
    },
    /// Adds text at the end of the value of a key. A key without a value is treated as one with the empty
    /// value.
    Append {
        /// The key.
        key: String,
        /// The text to add.
        value: String,
    },
}

impl KvCommand {
    /// The key that the command reads or changes.
    pub fn key(&self) -> &str {
        match self {
            Self::Get { key } | Self::Put { key, .. } | Self::Append { key, .. } => key,
        }
    }
}

/// What the store answers.
///
/// Source: DSLabs `KVStoreResult`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvResponse {
    /// To [`KvCommand::Get`]: the value.
    GetResult {
        /// The value of the key.
        value: String,
    },
    /// To [`KvCommand::Get`]: the key has no value.
    KeyNotFound,
    /// To [`KvCommand::Put`].
    PutOk,
    /// To [`KvCommand::Append`].
    AppendResult {
        /// The whole value of the key, after the text was added.
        value: String,
    },
}

/// A map from keys to values.
///
/// Source: DSLabs `KVStore`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KvStore {
    // BEGIN SOLUTION
    /// A map that is cheap to copy: the search copies nodes all the time.
    values: im::OrdMap<String, String>,
    // END SOLUTION
    // STUB: // Your fields.
}

impl Application for KvStore {
    type Command = KvCommand;
    type Response = KvResponse;

    fn execute(&mut self, command: &KvCommand) -> KvResponse {
        // BEGIN SOLUTION
        match command {
            KvCommand::Get { key } => match self.values.get(key) {
                Some(value) => KvResponse::GetResult { value: value.clone() },
                None => KvResponse::KeyNotFound,
            },
            KvCommand::Put { key, value } => {
                self.values.insert(key.clone(), value.clone());
                KvResponse::PutOk
            }
            KvCommand::Append { key, value } => {
                let mut whole = self.values.get(key).cloned().unwrap_or_default();
                whole.push_str(value);
                self.values.insert(key.clone(), whole.clone());
                KvResponse::AppendResult { value: whole }
            }
        }
        // END SOLUTION
        // STUB: todo!("step 1: execute a Get, Put or Append (README, \"The store\")")
    }
}
