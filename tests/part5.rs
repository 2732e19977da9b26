//! The graded tests of part 5 of the Raft lab: snapshots.
//!
//! Searches make logs of which a server has discarded what another lacks, and then let everything arrive that was ever
//! sent. A stage names servers, links and timers of nodes, never a message; which entries a server keeps beside its snapshot
//! is free.

use std::process::ExitCode;

use raft::{Design, Handout};
use testkit::{Part, Test};

#[path = "part5/runs.rs"]
mod runs;
#[path = "part5/searches.rs"]
mod searches;

fn main() -> ExitCode {
    testkit::main(part::<Handout>())
}

/// The suite, for any design.
pub(crate) fn part<D: Design + Default>() -> Part {
    let part = Part::new("part5", "raft", "Part 5: snapshots")
        .hint("section 7 and Figure 13 of the Raft paper, and labs/raft/docs/part5.md");
    searches::<D>(runs::<D>(part))
}

fn runs<D: Design + Default>(part: Part) -> Part {
    part.section("Runs")
        .test(
            Test::run(
                1,
                "state_is_bounded",
                "What a server holds depends on what is in the store, and not on how often it was written",
                runs::state_is_bounded::<D>,
            )
            .points(5),
        )
        .test(
            Test::run(
                2,
                "lagging_follower",
                "A follower that lacks what was discarded gets a snapshot, once, and counts again",
                runs::lagging_follower::<D>,
            )
            .points(5),
        )
        .test(
            Test::unreliable(
                3,
                "lagging_followers",
                "Servers are cut off in turn while messages are lost, repeated and late, and all catch up",
                runs::lagging_followers_unreliable::<D>,
            )
            .points(5),
        )
        .test(
            Test::run(
                4,
                "restart_in_turn",
                "Servers crash in turn and come back with snapshot and log",
                runs::restart_in_turn::<D>,
            )
            .points(4),
        )
        .test(
            Test::run(
                5,
                "all_crash",
                "All servers crash at once, again and again, and nothing is lost",
                runs::all_crash::<D>,
            )
            .points(4),
        )
        .test(
            Test::run(
                6,
                "sessions_in_snapshot",
                "A command that was executed before the snapshot is not executed again by who has the snapshot only",
                runs::sessions::<D>,
            )
            .points(4),
        )
        .test(
            Test::run(
                7,
                "later_writes",
                "What is saved after a snapshot does not take the snapshot away",
                runs::later_writes::<D>,
            )
            .points(3),
        )
        .test(
            Test::unreliable(
                8,
                "churn",
                "Partitions and crashes at random, and what clients get can be explained by one store",
                runs::churn::<D>,
            )
            .points(5),
        )
}

fn searches<D: Design + Default>(part: Part) -> Part {
    part.section("In all orders of events")
        .test(
            Test::search(
                9,
                "install_then_append",
                "A server without the entries that were discarded gets a snapshot, then entries, and is counted",
                searches::install_then_append::<D>,
            )
            .points(8)
            .credit("both compact their logs", 2)
            .credit("server3 gets a snapshot", 2)
            .states(500_000),
        )
        .test(
            Test::search(
                10,
                "stale_snapshot",
                "A snapshot that arrives late takes nothing back",
                searches::stale_snapshot::<D>,
            )
            .points(8)
            .credit("server3 gets a snapshot", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                11,
                "old_entries",
                "Entries that arrive again after they were discarded change nothing",
                searches::old_entries::<D>,
            )
            .points(8)
            .credit("both compact their logs", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                12,
                "conflicting_tail",
                "Entries behind a snapshot that follow something else give way",
                searches::conflicting_tail::<D>,
            )
            .points(6)
            .credit("server3 gets a snapshot", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                13,
                "votes",
                "A log that is a snapshot only is as up-to-date as the entries that it stands for",
                searches::votes::<D>,
            )
            .points(5)
            .credit("both compact their logs", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                14,
                "sessions",
                "Who has a command from a snapshot only does not execute it again",
                searches::sessions::<D>,
            )
            .points(4)
            .credit("server3 gets a snapshot", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                15,
                "crash_alone",
                "A group of one crashes at any moment around a snapshot, and forgets nothing",
                searches::crash::<D>,
            )
            .points(5)
            .credit("its client is answered", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                16,
                "crash_of_three",
                "One of three servers crashes while it compacts its log, or gets a snapshot",
                searches::crash_of_three::<D>,
            )
            .points(4)
            .credit("both compact their logs", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                17,
                "crossing",
                "A snapshot does not replace entries that follow it and are there already",
                searches::crossing::<D>,
            )
            .points(4)
            .credit("and one of client2", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                18,
                "random",
                "Three servers with snapshots and crashes are right along random ways",
                searches::random::<D>,
            )
            .points(3)
            .credit("client1 is answered", 1)
            .states(5_000_000),
        )
}
