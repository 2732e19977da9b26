// INSTRUCTOR ONLY
//! Designs with a flaw, each with the test that finds it.

/// A design with a flaw, and the test that fails because of it.
pub(crate) struct Flawed {
    /// The base and the flaw.
    pub(crate) design: &'static str,
    /// The suite.
    pub(crate) part: &'static str,
    /// The test of it.
    pub(crate) test: &'static str,
    /// What it finds: the property that is violated, or the goal that cannot be reached.
    pub(crate) detector: &'static str,
}

/// Mistakes in another base than the reference; those in the reference are in `handout/bugs/raft`.
pub(crate) const FLAWS: [Flawed; 36] = [
    Flawed {
        design: "naive+VotesAgain",
        part: "part2",
        test: "t10_search_election_safety",
        detector: "one vote a term",
    },
    Flawed {
        design: "batching+ForgetsVote",
        part: "part2",
        test: "t10_search_election_safety",
        detector: "one vote a term",
    },
    Flawed {
        design: "streaming+HalfIsEnough",
        part: "part2",
        test: "t11_search_votes_of_a_majority",
        detector: "a leader has the votes of a majority",
    },
    Flawed {
        design: "naive+CountsOldTerms",
        part: "part3",
        test: "t17_search_figure8_counted",
        detector: "only entries of its own term are committed by a leader",
    },
    Flawed {
        design: "naive+CountsOldTerms",
        part: "part3",
        test: "t18_search_figure8_lost",
        detector: "appends to one key are linearizable",
    },
    Flawed {
        design: "batching+ComparesLengths",
        part: "part3",
        test: "t19_search_longer_log_of_an_earlier_term",
        detector: "leader completeness",
    },
    Flawed {
        design: "batching+AcknowledgesAll",
        part: "part3",
        test: "t21_search_old_messages",
        detector: "committed entries are in the logs of a majority",
    },
    Flawed {
        design: "batching+CutsOff",
        part: "part3",
        test: "t21_search_old_messages",
        detector: "committed entries are in the logs of a majority",
    },
    Flawed {
        design: "batching+ChecksIndexOnly",
        part: "part3",
        test: "t21_search_old_messages",
        detector: "state machine safety",
    },
    Flawed {
        design: "naive+TrustsCommit",
        part: "part3",
        test: "t21_search_old_messages",
        detector: "state machine safety",
    },
    Flawed {
        design: "naive+LowersCommit",
        part: "part3",
        test: "t21_search_old_messages",
        detector: "last_applied ≤ commit_index ≤ last index",
    },
    Flawed {
        design: "batching+SkipsEntries",
        part: "part3",
        test: "t21_search_old_messages",
        detector: "a store is what the applied entries make of it",
    },
    Flawed {
        design: "naive+AnswersEarly",
        part: "part3",
        test: "t14_search_two_commands",
        detector: "finished writes are in the logs of a majority",
    },
    Flawed {
        design: "naive+LosesVote",
        part: "part4",
        test: "t08_search_one_leader_a_term",
        detector: "election safety",
    },
    Flawed {
        design: "naive+SavesLate",
        part: "part4",
        test: "t07_search_vote_survives_crash",
        detector: "a leader has the votes of a majority",
    },
    Flawed {
        design: "naive+SavesLate",
        part: "part4",
        test: "t09_search_log_survives_crash",
        detector: "committed entries are in the logs of a majority",
    },
    Flawed {
        design: "batching+ForgetsClients",
        part: "part5",
        test: "t14_search_sessions",
        detector: "stores agree",
    },
    Flawed {
        design: "naive+KeepsTail",
        part: "part5",
        test: "t12_search_conflicting_tail",
        detector: "terms never decrease along a log",
    },
    Flawed {
        design: "batching+TakesOldSnapshots",
        part: "part5",
        test: "t10_search_stale_snapshot",
        detector: "committed entries are in the logs of a majority",
    },
    Flawed {
        design: "naive+EmptyLogIsOld",
        part: "part5",
        test: "t13_search_votes",
        detector: "leader completeness",
    },
    Flawed {
        design: "streaming+LosesSnapshot",
        part: "part5",
        test: "t15_search_crash_alone",
        detector: "snapshots are persisted",
    },
    Flawed {
        design: "etcd-like+ReadsLocally",
        part: "part6",
        test: "t05_search_stale_leader",
        detector: "results are linearizable",
    },
    Flawed {
        design: "batching+ReadsTooEarly",
        part: "part6",
        test: "t06_search_new_leader",
        detector: "results are linearizable",
    },
    Flawed {
        design: "streaming+AnyReplyConfirms",
        part: "part6",
        test: "t07_search_old_confirmations",
        detector: "results are linearizable",
    },
    Flawed {
        design: "batching+AsksForNothing",
        part: "part7",
        test: "t07_search_prevote_keeps_term",
        detector: "who lacks an entry of those who answer does not stand",
    },
    Flawed {
        design: "streaming+AskingRaisesTerms",
        part: "part7",
        test: "t07_search_prevote_keeps_term",
        detector: "server1 is leader in a term after 0",
    },
    Flawed {
        design: "naive+NeverDoubts",
        part: "part7",
        test: "t11_search_check_quorum",
        detector: "server1 does not lead any more",
    },
    Flawed {
        design: "etcd-like+StandsTooEarly",
        part: "part7",
        test: "t12_search_transfer",
        detector: "who shall lead stands when its log is complete",
    },
    Flawed {
        design: "batching+OneCount",
        part: "part8",
        test: "t20_search_no_two_majorities",
        detector: "committed entries are in the logs of a majority",
    },
    Flawed {
        design: "naive+NewMajorityAlone",
        part: "part8",
        test: "t22_search_who_may_win",
        detector: "a leader has the votes of a majority",
    },
    Flawed {
        design: "batching+LearnersCount",
        part: "part8",
        test: "t23_search_learners_do_not_count",
        detector: "committed entries are in the logs of a majority",
    },
    Flawed {
        design: "etcd-like+LeaderCounts",
        part: "part8",
        test: "t29_search_leader_leaves",
        detector: "committed entries are in the logs of a majority",
    },
    Flawed {
        design: "batching+InForceLate",
        part: "part8",
        test: "t19_search_change_commits",
        detector: "the newest configuration in the log is used",
    },
    Flawed {
        design: "etcd-like+NeverGoesBack",
        part: "part8",
        test: "t35_search_change_is_undone",
        detector: "the newest configuration in the log is used",
    },
    Flawed {
        design: "naive+ChangesAtAnyTime",
        part: "part8",
        test: "t40_search_one_change_at_a_time",
        detector: "a configuration follows only one that is committed",
    },
    Flawed {
        design: "naive+TellsEarly",
        part: "part8",
        test: "t45_search_administrators_are_told",
        detector: "finished changes are in the logs of a majority",
    },
];
