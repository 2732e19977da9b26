// INSTRUCTOR ONLY
//! What right designs may do differently, as switches; and mistakes, with which a design is wrong.

use serde::{Deserialize, Serialize};

/// How many entries a leader sends at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Batch {
    One,
    All,
}

/// How a leader finds the place where logs agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Backup {
    /// One entry back for each rejection.
    Decrement,
    /// As far back as the follower says.
    Hint,
}

/// What a leader sends to say that it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Heartbeat {
    /// AppendEntries without entries.
    Empty,
    /// AppendEntries with all that is not acknowledged.
    Full,
    /// A message of its own, with the leader's `commit_index` as far as the follower is known to have it.
    Separate,
}

/// How a command finds the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Routing {
    /// Who asks, asks all servers.
    Broadcast,
    /// It asks one; if that is not the leader, it says who is.
    Redirect,
    /// It asks one; if that is not the leader, it passes the command on.
    Forward,
}

/// Part 5: when a server replaces what it has applied by a snapshot, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Compaction {
    /// As soon as enough is applied, all of it.
    Eager,
    /// When there is twice as much, all but what is enough.
    KeepsSome,
    /// When a timer fires and enough is applied, or at the last moment, when there would be more than twice as much.
    Late,
}

/// Part 5: what a follower does with a snapshot that ends with an entry that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Install {
    /// It takes the snapshot, and keeps the entries that follow. (Figure 13)
    Replace,
    /// It learns that the entry is committed, and applies its own entries. (etcd)
    Skip,
}

/// Part 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshots {
    pub(crate) compaction: Compaction,
    /// A log that was compacted is saved at once, and not with the next change.
    pub(crate) saved_at_once: bool,
    /// In how many pieces a snapshot is sent.
    pub(crate) pieces: u8,
    pub(crate) install: Install,
}

/// Part 6: who answers a read, and which round of heartbeats confirms it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reads {
    /// The leader; each read begins a round.
    OwnRound,
    /// The leader; all reads that wait share the round that begins with the next heartbeat.
    NextHeartbeat,
    /// Whoever is asked; a follower asks the leader how far it has to be.
    AnyServer,
}

/// Part 7: how a leader notices that nobody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Doubt {
    /// Every election timeout it looks who answered since it last looked.
    Window,
    /// For each follower it counts its own ticks since that one answered.
    Ticks,
}

/// Part 7: how a leader hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum HandOver {
    /// It tells the other when that has its log.
    WhenEqual,
    /// It tells the other at once what its log has to end with; the other stands when it has that.
    Summons,
}

/// Part 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Elections {
    /// A server that has asked for pre-votes in vain follows until its timer fires again, and then asks again.
    pub(crate) gives_up_asking: bool,
    /// A candidate whose election came to nothing asks for pre-votes before the next one.
    pub(crate) asks_again: bool,
    pub(crate) doubt: Doubt,
    pub(crate) hand_over: HandOver,
    /// A leader steps down when it has told the other to stand.
    pub(crate) steps_down: bool,
    /// The new leader tells the administrator, and does not wait until that one asks.
    pub(crate) tells_at_once: bool,
}

/// Part 8: how a server knows its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Known {
    /// It looks for the newest one in its log.
    Scan,
    /// It has a list of them, which changes with the log.
    List,
}

/// Part 8: when a leader that is not in C_new leads no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Farewell {
    /// When C_new is committed; the others are told.
    AtOnce,
    /// When its timer fires after that.
    NextTick,
    /// When C_new is committed, and it tells a voter to stand for election.
    HandsOver,
}

/// Part 8: where it is noted which requests of administrators were executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Requests {
    /// In each configuration: those that led to it.
    InConfiguration,
    /// In a table beside the store, when the configuration is applied.
    Applied,
}

/// Part 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Members {
    pub(crate) known: Known,
    /// C_new is appended when C_old,new is committed, and not when the leader's timer fires after that.
    pub(crate) leaves_at_once: bool,
    pub(crate) farewell: Farewell,
    /// Those who leave get the log until it is certain that they do.
    pub(crate) tells_leavers: bool,
    pub(crate) requests: Requests,
    /// A new voter must have the whole log of the leader, and not only what is committed.
    pub(crate) whole_log_first: bool,
}

/// A design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Variant {
    /// A new leader appends an empty entry, also if it need not.
    pub(crate) noop: bool,
    pub(crate) batch: Batch,
    /// A leader sends the next entries before the last ones are acknowledged.
    pub(crate) pipeline: bool,
    pub(crate) backup: Backup,
    pub(crate) heartbeat: Heartbeat,
    /// A leader says at once that something is committed, and not with the next message.
    pub(crate) notify: bool,
    pub(crate) routing: Routing,
    /// A follower that has not voted notes the leader as the one it voted for.
    pub(crate) vote_for_leader: bool,
    /// `commit_index` is saved, too.
    pub(crate) save_commit: bool,
    /// Every server that applies a command answers the client.
    pub(crate) all_reply: bool,
    pub(crate) snapshots: Snapshots,
    pub(crate) reads: Reads,
    /// Reads make no entries, also if they may.
    pub(crate) never_logs_reads: bool,
    pub(crate) elections: Elections,
    pub(crate) members: Members,
    pub(crate) quirk: Quirk,
    pub(crate) flaw: Flaw,
}

/// What looks like a mistake and breaks no promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Quirk {
    None,
    /// A candidate that has found another leader in its term still counts votes of that term: there are never enough.
    CountsLateVotes,
    /// A server does not repeat its vote to one who asks twice: the candidate may wait for the next term.
    RefusesRepeats,
    /// A late reply makes what a leader knows of a follower smaller; `commit_index` stays.
    MatchMayShrink,
}

/// What is a mistake: with one of these a design is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Flaw {
    None,
    /// Votes for everybody whose log is good enough.
    VotesAgain,
    /// Forgets its vote when it hears from a leader.
    ForgetsVote,
    /// Takes half of the servers for a majority.
    HalfIsEnough,
    /// Compares the lengths of logs only, when it votes.
    ComparesLengths,
    /// Checks that the entry before the new ones is there, but not its term.
    ChecksIndexOnly,
    /// Cuts off everything behind the entry before the new ones.
    CutsOff,
    /// Acknowledges its log up to the end.
    AcknowledgesAll,
    /// Commits entries of earlier terms because many servers have them.
    CountsOldTerms,
    /// Takes over the leader's `commit_index` as it is.
    TrustsCommit,
    /// Takes it over also if it is smaller than its own.
    LowersCommit,
    /// Applies the last of several committed entries only.
    SkipsEntries,
    /// Answers a client when the command is in its log.
    AnswersEarly,
    /// Does not save its vote.
    LosesVote,
    /// Sends first, and saves then.
    SavesLate,
    /// Part 5: a snapshot has the store only.
    ForgetsClients,
    /// Part 5: what follows a snapshot stays, whatever it follows.
    KeepsTail,
    /// Part 5: an old snapshot replaces what is newer.
    TakesOldSnapshots,
    /// Part 5: a log without entries ends with term 0.
    EmptyLogIsOld,
    /// Part 5: a restarted server has its log, but not its snapshot.
    LosesSnapshot,
    /// Part 6: a leader answers reads at once.
    ReadsLocally,
    /// Part 6: every reply confirms every read.
    AnyReplyConfirms,
    /// Part 6: a leader reads before an entry of its term is committed.
    ReadsTooEarly,
    /// Part 7: a pre-vote is given whatever the other's log is.
    AsksForNothing,
    /// Part 7: who is asked for a pre-vote goes on to the term that it is asked about.
    AskingRaisesTerms,
    /// Part 7: a leader never steps down.
    NeverDoubts,
    /// Part 7: a server stands at once when it is told to.
    StandsTooEarly,
    /// Part 8: more than half of all voters of both configurations is enough.
    OneCount,
    /// Part 8: the new voters decide alone.
    NewMajorityAlone,
    /// Part 8: learners are counted.
    LearnersCount,
    /// Part 8: a leader that leaves counts itself.
    LeaderCounts,
    /// Part 8: a configuration is in force when it is committed.
    InForceLate,
    /// Part 8: the list of configurations is not shortened with the log.
    NeverGoesBack,
    /// Part 8: a change begins while another is under way.
    ChangesAtAnyTime,
    /// Part 8: an administrator is told when C_old,new is committed.
    TellsEarly,
    /// Worth nothing: what an administrator asks for is done, says the leader, and does nothing.
    SaysOk,
    /// Worth nothing: the same, and every server says that it has the configuration.
    PretendsToChange,
    /// Worth nothing from part 5 on: no option is looked at, and no administrator heard.
    IgnoresOptions,
}
