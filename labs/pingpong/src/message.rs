//! What goes over the network: requests with a ping, replies with a pong.

use serde::{Deserialize, Serialize};

/// What a client sends: a text that the server shall send back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping(pub String);

/// What a client gets: the text of its ping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong(pub String);

/// The messages of this lab.
///
/// Source: DSLabs `PingRequest` and `PongReply`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum PingMessage {
    /// From a client to the server.
    PingRequest(Ping),
    /// From the server to the client that asked.
    PongReply(Pong),
}
