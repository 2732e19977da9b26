//! The timers of servers and clients, and how long they run.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a follower waits for its leader. A range, so that servers do not all stand for election at once (section
/// 5.2): in a run the length is drawn from it, and a search tries the timers of all servers in every order.
pub const ELECTION_TIMEOUT: RangeInclusive<Duration> =
    Duration::from_millis(150)..=Duration::from_millis(300);

/// How often a leader shows that it is there. Well below [`ELECTION_TIMEOUT`], so that some heartbeats may be lost.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(50);

/// How long a client waits for a reply before it sends its request again.
pub const CLIENT_RETRY: Duration = Duration::from_millis(100);

/// The timers of this lab. None can be canceled: one that fires late has to be told from the current one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// A client has waited for the reply to this command.
    Retry {
        /// The number of the command.
        sequence: u64,
    },
    // BEGIN SOLUTION
    /// A server has waited for its leader. Every server has exactly one of these, all the time.
    Election,
    /// A leader has to show that it is there.
    Heartbeat {
        /// The term in which it is leader; in a later one the timer is an old one.
        term: u64,
    },
    // END SOLUTION
    // STUB: // Your timers.
}
