//! The graded tests of part 3 of the Raft lab: log replication and commit.
//!
//! Searches in stages make the situations that runs meet by chance only: a leader that is cut off with entries that nobody
//! else has, old messages that arrive late, Figure 8. A stage names servers, links and timers of nodes, never a message.

use std::process::ExitCode;

use raft::{Design, Handout};
use testkit::{Part, Test};

#[path = "part3/figure8.rs"]
mod figure8;
#[path = "part3/leaders.rs"]
mod leaders;
#[path = "part3/runs.rs"]
mod runs;
#[path = "part3/searches.rs"]
mod searches;

fn main() -> ExitCode {
    testkit::main(part::<Handout>())
}

/// The suite, for any design.
pub(crate) fn part<D: Design + Default>() -> Part {
    let part = Part::new("part3", "raft", "Part 3: replication and commit")
        .hint("Figure 2, AppendEntries RPC and Rules for Servers, sections 5.3 and 5.4 of the Raft paper, and labs/raft/docs/part3.md");
    searches::<D>(runs::<D>(part))
}

fn runs<D: Design + Default>(part: Part) -> Part {
    part.section("Runs")
        .test(
            Test::run(
                1,
                "basic_agreement",
                "A client's commands are executed in order, and all servers apply the same log",
                runs::basic_agreement::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                2,
                "each_entry_is_sent_once",
                "A leader sends an entry to a follower that acknowledges it, and then no more",
                runs::each_entry_is_sent_once::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                3,
                "follower_failure",
                "With one follower cut off commands are executed, with both they are not",
                runs::follower_failure::<D>,
            )
            .points(2),
        )
        .test(
            Test::run(
                4,
                "leader_failure",
                "With one leader cut off, and then another, the others go on and lose nothing",
                runs::leader_failure::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                5,
                "follower_reconnects",
                "A follower that was cut off gets the entries that it missed",
                runs::follower_reconnects::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                6,
                "no_agreement_without_majority",
                "Two servers of five commit nothing, and when the others are back every command is executed once",
                runs::no_agreement_without_majority::<D>,
            )
            .points(4),
        )
        .test(
            Test::run(
                7,
                "concurrent_clients",
                "Ten clients that append to one key at the same time get results that one order explains",
                runs::concurrent_clients::<D>,
            )
            .points(4),
        )
        .test(
            Test::run(
                8,
                "cut_off_leaders_come_back",
                "Entries that only a leader has which is cut off give way, and are executed once all the same",
                runs::cut_off_leaders_come_back::<D>,
            )
            .points(4),
        )
        .test(
            Test::run(
                9,
                "back_over_conflicts",
                "A leader finds where logs agree that differ by forty entries, in not too many messages",
                runs::back_over_conflicts::<D>,
            )
            .points(5),
        )
        .test(
            Test::run(
                10,
                "message_count",
                "A command takes not many more messages than it has to",
                runs::message_count::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                11,
                "constant_repartition",
                "While five servers are split in two again and again, clients are answered soon, and rightly",
                runs::constant_repartition::<D>,
            )
            .points(5),
        )
        .test(
            Test::unreliable(
                12,
                "constant_repartition",
                "The same while messages are lost, repeated and late",
                runs::unreliable_repartition::<D>,
            )
            .points(6),
        )
}

fn searches<D: Design + Default>(part: Part) -> Part {
    part.section("In all orders of events")
        .test(
            Test::search(
                13,
                "group_of_one",
                "A server that is alone in its group is a majority",
                searches::group_of_one::<D>,
            )
            .points(4)
            .credit("the only server is leader", 1)
            .states(100_000),
        )
        .test(
            Test::search(
                14,
                "two_commands",
                "A command is stored, committed and applied, then the next, and nothing is wrong around",
                searches::two_commands::<D>,
            )
            .points(10)
            .credit("server2 has the first command", 1)
            .credit("the leader commits it", 2)
            .credit("the client is done", 2)
            .states(1_000_000),
        )
        .test(
            Test::search(
                15,
                "every_majority",
                "What one majority was told, every other majority knows",
                searches::every_majority::<D>,
            )
            .points(12)
            .credit("client1 is answered by server1 and server2", 2)
            .credit("client2 is answered by server2 and server3", 3)
            .states(500_000),
        )
        .test(
            Test::search(
                16,
                "no_commit_in_minority",
                "Two servers of five commit nothing, in any order of events",
                searches::minority::<D>,
            )
            .points(6)
            .credit("server2 has the command", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                17,
                "figure8_counted",
                "Figure 8: a leader does not count the servers that have an entry of an earlier term",
                figure8::counted::<D>,
            )
            .points(10)
            .credit("(b) y is on server5 alone", 1)
            .credit("(c) x is on server3", 2)
            .states(500_000),
        )
        .test(
            Test::search(
                18,
                "figure8_lost",
                "Figure 8: what a client was told stays true when the entry is overwritten",
                figure8::lost::<D>,
            )
            .points(8)
            .credit("(c) x is on server3", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                19,
                "longer_log_of_an_earlier_term",
                "A longer log does not win against one that ends in a later term",
                leaders::longer_log::<D>,
            )
            .points(6)
            .credit("one entry is committed", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                20,
                "shorter_log_of_the_same_term",
                "A log wins against one that is as good, but not against a longer one of the same term",
                leaders::shorter_log::<D>,
            )
            .points(6)
            .credit("an entry is everywhere", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                21,
                "old_messages",
                "Messages that come late, twice or in another order undo nothing that is committed",
                leaders::old_messages::<D>,
            )
            .points(13)
            .credit("an entry of the second leader is committed", 2)
            .credit("the third leader repairs server1's log", 3)
            .states(500_000),
        )
        .test(
            Test::search(
                22,
                "acknowledgments_of_an_earlier_term",
                "What a follower acknowledged to a leader of an earlier term, it may no longer have",
                leaders::old_acknowledgments::<D>,
            )
            .points(6)
            .credit("server1 is leader again", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                23,
                "duplicate_requests",
                "A command that two leaders put into their logs is executed once",
                leaders::duplicate_requests::<D>,
            )
            .points(7)
            .credit("the second leader commits x", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                24,
                "random_three_servers",
                "Three servers with two clients are right along random ways",
                searches::random_three::<D>,
            )
            .points(4)
            .credit("a client is answered", 1)
            .states(5_000_000),
        )
        .test(
            Test::search(
                25,
                "random_five_servers",
                "Five servers with two clients are right along random ways",
                searches::random_five::<D>,
            )
            .points(3)
            .credit("a client is answered", 1)
            .states(5_000_000),
        )
}
