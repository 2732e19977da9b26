//! When a client asks again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::message::Ping;

/// How long a client waits for a pong before it sends its ping again.
pub const PING_TIMER: Duration = Duration::from_millis(10);

/// Set whenever a ping is sent. It carries the ping, so that one that fires late can be told from the current
/// one.
///
/// Source: DSLabs `PingTimer`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PingTimer(pub Ping);
