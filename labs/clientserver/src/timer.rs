//! When a client asks again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a client waits for a reply before it sends its request again.
pub const CLIENT_RETRY: Duration = Duration::from_millis(100);

/// Set whenever a request is sent. It carries the number of the command, so that one that fires late can be
/// told from the current one.
///
/// Source: DSLabs `ClientTimer`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientTimer {
    /// The number of the command.
    pub sequence: u64,
}
