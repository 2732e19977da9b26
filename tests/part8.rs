//! The graded tests of part 8 of the Raft lab: members change by joint consensus, with learners.
//!
//! The searches go through a change stage by stage: which servers have C_old,new, which have C_new, who is gone by then. A
//! stage names servers, links and configurations, never a message, and has an aim that every right design reaches.

use std::process::ExitCode;

use raft::{Handout, Reconfigurable};
use testkit::{Part, Test};

#[path = "part8/history.rs"]
mod history;
#[path = "part8/leaders.rs"]
mod leaders;
#[path = "part8/quorums.rs"]
mod quorums;
#[path = "part8/runs.rs"]
mod runs;
#[path = "part8/tiny.rs"]
mod tiny;

/// How many states a stage visits that looks for something wrong, if there are so many. The reference and most designs have
/// fewer, and are searched to the end; a right design that sends its entries one by one, or heartbeats apart from
/// entries, may have more.
pub(crate) const FAR: u64 = 500_000;

fn main() -> ExitCode {
    testkit::main(part::<Handout>())
}

/// The suite, for any design.
pub(crate) fn part<D: Reconfigurable + Default>() -> Part {
    let part = Part::new("part8", "raft", "Part 8: members change by joint consensus")
        .hint("section 6 of the Raft paper, chapter 4 of Ongaro's dissertation, and labs/raft/docs/part8.md");
    logs::<D>(handovers::<D>(majorities::<D>(small::<D>(runs::<D>(part)))))
}

fn runs<D: Reconfigurable + Default>(part: Part) -> Part {
    part.section("Runs")
        .test(
            Test::run(
                1,
                "add_learner",
                "A server that is added catches up, counts for nothing, and becomes a voter when it is asked for",
                runs::a_learner_catches_up::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(2, "add_and_remove", "One server joins, and one leaves", runs::one_joins_one_leaves::<D>)
                .points(3),
        )
        .test(
            Test::run(3, "add_two_at_once", "Three servers become five in one change", runs::two_join_at_once::<D>)
                .points(4),
        )
        .test(
            Test::run(
                4,
                "replace_group",
                "All servers are replaced, while clients go on",
                runs::the_whole_group_is_replaced::<D>,
            )
            .points(4),
        )
        .test(
            Test::run(5, "remove_leader", "The leader leaves, and the others go on", runs::the_leader_leaves::<D>)
                .points(3),
        )
        .test(
            Test::run(
                6,
                "replace_leader",
                "The leader is replaced, and the server that joins leads in between",
                runs::the_leader_is_replaced::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                7,
                "no_old_majority",
                "Without a majority of the old voters nothing changes, until it is back",
                runs::without_the_old_majority::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                8,
                "no_new_majority",
                "Without a majority of the new voters nothing changes, until it is back",
                runs::without_the_new_majority::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                9,
                "dead_new_server",
                "A new server that does not answer is no voter, and slows nobody",
                runs::a_dead_server_is_no_voter::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                10,
                "two_administrators",
                "Of two changes at the same time one comes first, and all servers agree in the end",
                runs::two_administrators::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                11,
                "what_makes_no_sense",
                "A change that makes no sense is refused, and nothing changes",
                runs::what_makes_no_sense::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                12,
                "removed_servers",
                "Servers that were removed while they were cut off disturb nobody",
                runs::removed_servers_do_not_disturb::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                13,
                "lagging_members",
                "Who was away during several changes gets them all at once, in a snapshot",
                runs::who_was_away_catches_up::<D>,
            )
            .points(3),
        )
        .test(
            Test::unreliable(
                14,
                "members_come_and_go",
                "Members change again and again while servers crash and messages are lost",
                runs::members_come_and_go::<D>,
            )
            .points(5),
        )
}

fn small<D: Reconfigurable + Default>(part: Part) -> Part {
    part.section("The smallest groups")
        .test(
            Test::search(
                15,
                "one_replaces_the_other",
                "From {1} to {2}: every state of the change",
                tiny::one_replaces_the_other::<D>,
            )
            .points(6)
            .credit("C_new is committed", 1)
            .states(2_000_000),
        )
        .test(
            Test::search(
                16,
                "only_one_can_finish",
                "From {1} to {2}: server1 crashes, and must win once more, first with its own vote, then without",
                tiny::only_one_can_finish::<D>,
            )
            .points(5)
            .states(2_000_000),
        )
        .test(
            Test::search(
                17,
                "one_grows_to_three",
                "From {1} to {1,2,3}: two new servers are a majority of the new group, and not of the old one",
                tiny::one_grows_to_three::<D>,
            )
            .points(5)
            .credit("C_new is committed by two", 1)
            .states(1_000_000),
        )
        .test(
            Test::search(
                18,
                "one_of_two_is_exchanged",
                "From {1,2} to {1,3}: all three have to agree, and then two",
                tiny::one_of_two_is_exchanged::<D>,
            )
            .points(5)
            .credit("C_new is committed without server2", 1)
            .states(1_000_000),
        )
}

fn majorities<D: Reconfigurable + Default>(part: Part) -> Part {
    part.section("Two majorities")
        .test(
            Test::search(
                19,
                "change_commits",
                "C_old,new is committed, then C_new, then the commands of clients",
                quorums::a_change_commits::<D>,
            )
            .points(5)
            .credit("C_old,new is committed", 1)
            .credit("C_new is committed", 1)
            .states(1_000_000),
        )
        .test(
            Test::search(
                20,
                "no_two_majorities",
                "From {1,2,3} to {3,4,5}: the new majority alone neither commits nor elects",
                quorums::no_two_majorities::<D>,
            )
            .points(8)
            .credit("C_old,new is on the new voters only", 1)
            .states(1_000_000),
        )
        .test(
            Test::search(
                21,
                "old_majority_is_over",
                "From {1,2,3} to {3,4,5}: nor does the old one, and when it is over it stays over",
                quorums::the_old_majority_is_over::<D>,
            )
            .points(6)
            .credit("C_new is committed by it", 1)
            .states(1_000_000),
        )
        .test(
            Test::search(
                22,
                "who_may_win",
                "The leader is gone at each stage of a change: who wins needs the configuration of its own log",
                quorums::who_may_win::<D>,
            )
            .points(7)
            .credit("C_old,new is committed", 1)
            .states(1_000_000),
        )
        .test(
            Test::search(
                23,
                "learners_do_not_count",
                "Learners store and vote, but neither commit nor elect nor stand for election",
                quorums::learners_do_not_count::<D>,
            )
            .points(3)
            .credit("the learners have a command", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                24,
                "voter_without_knowing",
                "A server that does not know that it is a voter gives its vote, and does not stand",
                quorums::a_voter_without_knowing::<D>,
            )
            .points(4)
            .states(500_000),
        )
        .test(
            Test::search(
                25,
                "catch_up_first",
                "A server that lacks committed entries does not become a voter",
                quorums::catch_up_first::<D>,
            )
            .points(3)
            .states(500_000),
        )
        .test(
            Test::search(
                26,
                "reads_ask_both",
                "A read without log entry is confirmed by both majorities",
                quorums::reads_ask_both::<D>,
            )
            .points(3)
            .states(1_000_000),
        )
        .test(
            Test::run(
                27,
                "doubts_ask_both",
                "A leader that hears from one of the two majorities only steps down",
                runs::doubts_ask_both::<D>,
            )
            .points(3),
        )
}

fn handovers<D: Reconfigurable + Default>(part: Part) -> Part {
    part.section("Leaders in between")
        .test(
            Test::search(
                28,
                "next_leader_finishes",
                "A new leader that has C_old,new commits it, then C_new, and nobody asks it to",
                leaders::the_next_leader_finishes::<D>,
            )
            .points(7)
            .credit("server2 wins", 1)
            .states(1_000_000),
        )
        .test(
            Test::search(
                29,
                "leader_leaves",
                "A leader that is not in C_new commits it without counting itself, and then leads no more",
                leaders::the_leader_leaves::<D>,
            )
            .points(7)
            .credit("C_new is committed", 1)
            .states(1_000_000),
        )
        .test(
            Test::search(
                30,
                "transfer_in_between",
                "Leadership is handed over during a change, or nearly",
                leaders::a_transfer_in_between::<D>,
            )
            .points(3)
            .states(1_000_000),
        )
        .test(
            Test::search(
                31,
                "replace_group",
                "From {1,2,3} to {4,5,6}, stage by stage",
                leaders::the_whole_group_is_replaced::<D>,
            )
            .points(4)
            .credit("C_old,new is committed", 1)
            .states(1_000_000),
        )
        .test(
            Test::search(
                32,
                "demotion",
                "Voters that become learners count until C_new, and then no more",
                leaders::voters_become_learners::<D>,
            )
            .points(3)
            .states(1_000_000),
        )
        .test(
            Test::search(
                33,
                "removed_are_ignored",
                "A removed server that knows nothing of it changes nobody's term",
                leaders::removed_servers_are_ignored::<D>,
            )
            .points(2)
            .states(500_000),
        )
        .test(
            Test::search(
                34,
                "removed_ask_first",
                "The same with pre-votes",
                leaders::removed_servers_ask_first::<D>,
            )
            .points(2)
            .states(500_000),
        )
}

fn logs<D: Reconfigurable + Default>(part: Part) -> Part {
    part.section("Configurations in logs")
        .test(
            Test::search(
                35,
                "change_is_undone",
                "A configuration that is cut off the log is in force no more",
                history::a_change_is_undone::<D>,
            )
            .points(6)
            .credit("server2 is leader", 1)
            .states(1_000_000),
        )
        .test(
            Test::search(
                36,
                "restart_in_between",
                "A server that starts again uses the configuration at the end of its log",
                history::restarts_in_between::<D>,
            )
            .points(3)
            .states(1_000_000),
        )
        .test(
            Test::search(
                37,
                "crash_in_between",
                "A crash anywhere in a change loses nothing",
                history::crashes_in_between::<D>,
            )
            .points(2)
            .states(1_000_000),
        )
        .test(
            Test::search(
                38,
                "snapshots",
                "A snapshot has the configuration of its last entry, for restarts and for who lags behind",
                history::configurations_in_snapshots::<D>,
            )
            .points(3)
            .states(1_000_000),
        )
        .test(
            Test::search(
                39,
                "snapshot_undoes_a_change",
                "A snapshot replaces a configuration that was never committed",
                history::a_snapshot_undoes_a_change::<D>,
            )
            .points(3)
            .states(1_000_000),
        )
        .test(
            Test::search(
                40,
                "one_change_at_a_time",
                "A second change waits until the first is over",
                history::one_change_at_a_time::<D>,
            )
            .points(3)
            .states(1_000_000),
        )
        .test(
            Test::search(
                41,
                "one_added_one_removed",
                "Two leaders change the group, one of them in vain: one adds, one removes",
                history::one_added_one_removed::<D>,
            )
            .points(2)
            .states(1_000_000),
        )
        .test(
            Test::search(42, "two_added", "The same, when both add a server", history::two_added::<D>)
                .points(2)
                .states(1_000_000),
        )
        .test(
            Test::search(43, "two_removed", "The same, when both remove a server", history::two_removed::<D>)
                .points(2)
                .states(1_000_000),
        )
        .test(
            Test::search(
                44,
                "old_requests",
                "A request of an administrator is not executed again when it comes again",
                history::old_requests::<D>,
            )
            .points(3)
            .states(500_000),
        )
        .test(
            Test::search(
                45,
                "administrators_are_told",
                "An administrator is told of a change when C_new is committed, and not before",
                history::administrators_are_told::<D>,
            )
            .points(2)
            .states(1_000_000),
        )
        .test(
            Test::search(
                46,
                "random",
                "Two changes, two clients and a crash, along random ways",
                history::random::<D>,
            )
            .points(2)
            .states(5_000_000),
        )
}
