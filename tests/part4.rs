//! The graded tests of part 4 of the Raft lab: what survives a crash.
//!
//! In a search a crash may fall anywhere, also into a handler just before what it persists; in a run where the test says.

use std::process::ExitCode;

use raft::{Design, Handout};
use testkit::{Part, Test};

#[path = "part4/runs.rs"]
mod runs;
#[path = "part4/searches.rs"]
mod searches;

fn main() -> ExitCode {
    testkit::main(part::<Handout>())
}

/// The suite, for any design.
pub(crate) fn part<D: Design + Default>() -> Part {
    let part = Part::new("part4", "raft", "Part 4: crashes and restarts").hint(
        "Figure 2, \"Persistent state on all servers\", and section 5.5 of the Raft paper, and labs/raft/docs/part4.md",
    );
    searches::<D>(runs::<D>(part))
}

fn runs<D: Design + Default>(part: Part) -> Part {
    part.section("Runs")
        .test(
            Test::run(
                1,
                "restart_each_in_turn",
                "Servers crash and restart one after the other, and nothing is lost",
                runs::each_in_turn::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                2,
                "restart_all",
                "All servers crash at once, and what clients were told is still true",
                runs::all_at_once::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                3,
                "cut_off_and_crashed",
                "A majority crashes, and the one that it left behind learns what it missed",
                runs::cut_off_and_crashed::<D>,
            )
            .points(4),
        )
        .test(
            Test::run(
                4,
                "figure8_crashes",
                "Leaders crash again and again right after a command came, and every command is executed once",
                runs::figure8_reliable::<D>,
            )
            .points(6),
        )
        .test(
            Test::unreliable(
                5,
                "figure8_crashes",
                "The same while messages are lost, repeated and late",
                runs::figure8_unreliable::<D>,
            )
            .points(8),
        )
        .test(
            Test::unreliable(
                6,
                "churn",
                "Partitions and crashes at random, and what clients get can be explained by one store",
                runs::churn::<D>,
            )
            .points(8),
        )
}

fn searches<D: Design + Default>(part: Part) -> Part {
    part.section("With crashes at any moment")
        .test(
            Test::search(
                7,
                "vote_survives_crash",
                "A server that voted, crashed and restarted does not vote again in that term",
                searches::vote::<D>,
            )
            .points(12)
            .credit("server3 votes for server1, and server2 stands, too", 1)
            .credit("server3 crashes at any moment", 4)
            .states(500_000),
        )
        .test(
            Test::search(
                8,
                "one_leader_a_term",
                "No crash gives a term a second leader, at the same time or later",
                searches::one_leader::<D>,
            )
            .points(6)
            .states(1_000_000),
        )
        .test(
            Test::search(
                9,
                "log_survives_crash",
                "What a majority has stored it still has after a crash",
                searches::entries::<D>,
            )
            .points(12)
            .credit("client1 is answered by server1 and server2", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                10,
                "removed_entries_stay_removed",
                "An entry that gave way to another does not come back after a crash",
                searches::removed::<D>,
            )
            .points(6)
            .credit("another entry replaces it", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                11,
                "term_survives_crash",
                "A server is never in an earlier term than before its crash",
                searches::term::<D>,
            )
            .points(6)
            .credit("server3 hears of the term from its leader", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                12,
                "crash_at_any_moment",
                "A crash and a restart anywhere around two commands lose nothing and execute nothing twice",
                searches::any_moment::<D>,
            )
            .points(11)
            .credit("the first command is committed", 1)
            .credit("the client is done", 4)
            .states(1_000_000),
        )
        .test(
            Test::search(
                13,
                "random_with_crashes",
                "Three servers that crash and restart are right along random ways",
                searches::random::<D>,
            )
            .points(5)
            .credit("a command is committed", 1)
            .states(5_000_000),
        )
}
