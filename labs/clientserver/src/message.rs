//! What goes over the network: requests with a command, replies with a response.

use serde::{Deserialize, Serialize};

use crate::amo::{AmoCommand, AmoResponse};
use crate::kvstore::{KvCommand, KvResponse};

/// The messages of this lab.
///
/// Source: DSLabs `Request` and `Reply`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// From a client to the server.
    Request(AmoCommand<KvCommand>),
    /// From the server to the client that asked.
    Reply(AmoResponse<KvResponse>),
}
