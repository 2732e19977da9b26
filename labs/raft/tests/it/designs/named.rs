// INSTRUCTOR ONLY
//! The right designs, with names.

use super::variant::{
    Backup, Batch, Compaction, Doubt, Elections, Farewell, Flaw, HandOver, Heartbeat, Install, Known,
    Members, Quirk, Reads, Requests, Routing, Snapshots, Variant,
};

/// As simple as possible: one entry a message, one message at a time, one step back; one thing is done after the other,
/// when a timer fires.
pub(crate) const NAIVE: Variant = Variant {
    noop: false,
    batch: Batch::One,
    pipeline: false,
    backup: Backup::Decrement,
    heartbeat: Heartbeat::Empty,
    notify: false,
    routing: Routing::Broadcast,
    vote_for_leader: false,
    save_commit: false,
    all_reply: false,
    snapshots: Snapshots {
        compaction: Compaction::Late,
        saved_at_once: true,
        pieces: 1,
        install: Install::Replace,
    },
    reads: Reads::NextHeartbeat,
    never_logs_reads: false,
    elections: Elections {
        gives_up_asking: false,
        asks_again: true,
        doubt: Doubt::Window,
        hand_over: HandOver::WhenEqual,
        steps_down: false,
        tells_at_once: false,
    },
    members: Members {
        known: Known::Scan,
        leaves_at_once: false,
        farewell: Farewell::NextTick,
        tells_leavers: true,
        requests: Requests::InConfiguration,
        whole_log_first: false,
    },
    quirk: Quirk::None,
    flaw: Flaw::None,
};

/// As etcd does it, except for what is in force when.
pub(crate) const ETCD_LIKE: Variant = Variant {
    noop: true,
    batch: Batch::All,
    pipeline: true,
    backup: Backup::Hint,
    heartbeat: Heartbeat::Separate,
    notify: true,
    routing: Routing::Redirect,
    vote_for_leader: false,
    save_commit: true,
    all_reply: false,
    snapshots: Snapshots {
        compaction: Compaction::KeepsSome,
        saved_at_once: false,
        pieces: 1,
        install: Install::Skip,
    },
    reads: Reads::OwnRound,
    never_logs_reads: true,
    elections: Elections {
        gives_up_asking: false,
        asks_again: true,
        doubt: Doubt::Ticks,
        hand_over: HandOver::WhenEqual,
        steps_down: false,
        tells_at_once: false,
    },
    members: Members {
        known: Known::List,
        leaves_at_once: true,
        farewell: Farewell::AtOnce,
        tells_leavers: false,
        requests: Requests::Applied,
        whole_log_first: false,
    },
    quirk: Quirk::None,
    flaw: Flaw::None,
};

/// The whole tail of the log in every message; followers pass commands on, and answer reads.
pub(crate) const BATCHING: Variant = Variant {
    noop: false,
    batch: Batch::All,
    pipeline: false,
    backup: Backup::Hint,
    heartbeat: Heartbeat::Full,
    notify: true,
    routing: Routing::Forward,
    vote_for_leader: true,
    save_commit: false,
    all_reply: false,
    snapshots: Snapshots {
        compaction: Compaction::Eager,
        saved_at_once: false,
        pieces: 2,
        install: Install::Replace,
    },
    reads: Reads::AnyServer,
    never_logs_reads: false,
    elections: Elections {
        gives_up_asking: true,
        asks_again: true,
        doubt: Doubt::Window,
        hand_over: HandOver::Summons,
        steps_down: false,
        tells_at_once: true,
    },
    members: Members {
        known: Known::Scan,
        leaves_at_once: true,
        farewell: Farewell::HandsOver,
        tells_leavers: true,
        requests: Requests::Applied,
        whole_log_first: true,
    },
    quirk: Quirk::None,
    flaw: Flaw::None,
};

/// One entry a message, but many messages at a time; every server answers.
pub(crate) const STREAMING: Variant = Variant {
    noop: true,
    batch: Batch::One,
    pipeline: true,
    backup: Backup::Decrement,
    heartbeat: Heartbeat::Empty,
    notify: false,
    routing: Routing::Broadcast,
    vote_for_leader: true,
    save_commit: true,
    all_reply: true,
    snapshots: Snapshots {
        compaction: Compaction::KeepsSome,
        saved_at_once: true,
        pieces: 2,
        install: Install::Skip,
    },
    reads: Reads::OwnRound,
    never_logs_reads: false,
    elections: Elections {
        gives_up_asking: true,
        asks_again: false,
        doubt: Doubt::Ticks,
        hand_over: HandOver::WhenEqual,
        steps_down: true,
        tells_at_once: false,
    },
    members: Members {
        known: Known::List,
        leaves_at_once: false,
        farewell: Farewell::AtOnce,
        tells_leavers: true,
        requests: Requests::InConfiguration,
        whole_log_first: true,
    },
    quirk: Quirk::None,
    flaw: Flaw::None,
};

/// A right design with each of the quirks.
pub(crate) const QUIRKY: [Variant; 3] = [
    Variant { quirk: Quirk::CountsLateVotes, ..NAIVE },
    Variant { quirk: Quirk::RefusesRepeats, ..NAIVE },
    Variant { quirk: Quirk::MatchMayShrink, ..BATCHING },
];

/// All without quirks, with names.
pub(crate) const ALL: [(&str, Variant); 4] =
    [("naive", NAIVE), ("etcd-like", ETCD_LIKE), ("batching", BATCHING), ("streaming", STREAMING)];
