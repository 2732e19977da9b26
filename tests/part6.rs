//! The graded tests of part 6 of the Raft lab: reads that are not in the log.
//!
//! What every client of a search got is compared with one store that executes one command after the other: a read must not
//! return less than what was there when it began. How a leader makes sure that it leads is free.

use std::process::ExitCode;

use raft::{Design, Handout, Options};
use testkit::{Part, Test};

#[path = "part6/runs.rs"]
mod runs;
#[path = "part6/searches.rs"]
mod searches;

fn main() -> ExitCode {
    testkit::main(part::<Handout>())
}

/// What all servers of this part do.
fn options() -> Options {
    Options { noop: true, read_index: true, ..Options::default() }
}

/// The suite, for any design.
pub(crate) fn part<D: Design + Default>() -> Part {
    let part = Part::new("part6", "raft", "Part 6: reads that are not in the log").hint(
        "section 8 of the Raft paper, section 6.4 of Ongaro's dissertation, and labs/raft/docs/part6.md",
    );
    part.section("Runs")
        .test(
            Test::run(
                1,
                "reads_add_no_entries",
                "However often clients read, no log grows, and they get what was written",
                runs::no_entries::<D>,
            )
            .points(5),
        )
        .test(
            Test::run(
                2,
                "reads_after_failover",
                "A new leader answers reads although nobody writes anything",
                runs::after_failover::<D>,
            )
            .points(4),
        )
        .test(
            Test::run(
                3,
                "cut_off_leader",
                "A leader that is cut off answers no reads",
                runs::cut_off_leader::<D>,
            )
            .points(4),
        )
        .test(
            Test::unreliable(
                4,
                "mixed_reads",
                "Reads and writes while partitions come and go can be explained by one store",
                runs::mixed::<D>,
            )
            .points(7),
        )
        .section("In all orders of events")
        .test(
            Test::search(
                5,
                "stale_leader",
                "A leader that was deposed and does not know it returns no old value",
                searches::stale_leader::<D>,
            )
            .points(9)
            .credit("client1 is answered", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                6,
                "new_leader",
                "A new leader does not answer before it knows what is committed",
                searches::new_leader::<D>,
            )
            .points(7)
            .credit("client1 is answered", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                7,
                "old_confirmations",
                "What confirmed an earlier read confirms no later one",
                searches::old_confirmations::<D>,
            )
            .points(6)
            .credit("client2 has its first answer", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                8,
                "deposed_leader",
                "A read that waits when its leader is deposed is answered in the end, and rightly",
                searches::deposed_leader::<D>,
            )
            .points(3)
            .credit("server1 is leader", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                9,
                "group_of_one",
                "A server that is alone confirms itself",
                searches::group_of_one::<D>,
            )
            .points(2)
            .states(200_000),
        )
        .test(
            Test::search(
                10,
                "random",
                "Reads and writes of three clients are linearizable along random ways",
                searches::random::<D>,
            )
            .points(3)
            .credit("server1 is leader", 1)
            .states(5_000_000),
        )
}
