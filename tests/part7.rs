//! The graded tests of part 7 of the Raft lab: pre-vote, check-quorum, and leadership transfer.
//!
//! A server counts as one that hears from its leader as long as its own timers do not fire after it did: a stage says whose
//! timers fire, and by that who still hears.

use std::process::ExitCode;

use raft::{Handout, Options, Reconfigurable};
use testkit::{Part, Test};

#[path = "part7/runs.rs"]
mod runs;
#[path = "part7/transfer.rs"]
mod transfer;
#[path = "part7/votes.rs"]
mod votes;

fn main() -> ExitCode {
    testkit::main(part::<Handout>())
}

/// What all servers of this part do.
fn options() -> Options {
    Options { noop: true, pre_vote: true, check_quorum: true, ..Options::default() }
}

/// The suite, for any design.
pub(crate) fn part<D: Reconfigurable + Default>() -> Part {
    let part = Part::new("part7", "raft", "Part 7: pre-vote, check-quorum, transfer")
        .hint("sections 3.10, 4.2.3, 6.2 and 9.6 of Ongaro's dissertation, and labs/raft/docs/part7.md");
    transfers::<D>(votes::<D>(runs::<D>(part)))
}

fn runs<D: Reconfigurable + Default>(part: Part) -> Part {
    part.section("Runs")
        .test(
            Test::run(
                1,
                "rejoining_server",
                "A server that was cut off comes back, and nobody's term changes",
                runs::rejoining_server::<D>,
            )
            .points(5),
        )
        .test(
            Test::run(
                2,
                "one_way_cut",
                "A leader that hears nobody steps down, although everybody hears it",
                runs::one_way_cut::<D>,
            )
            .points(5),
        )
        .test(
            Test::run(
                3,
                "later_term",
                "A server that has gone on to a later term gets back into the group",
                runs::later_term::<D>,
            )
            .points(4),
        )
        .test(
            Test::run(
                4,
                "transfer_completes",
                "Each server is made leader in turn, by nobody's election timer",
                runs::transfer_completes::<D>,
            )
            .points(5),
        )
        .test(
            Test::run(
                5,
                "transfer_aborts",
                "A server that is gone cannot be made leader, and clients do not wait for it",
                runs::transfer_aborts::<D>,
            )
            .points(5),
        )
        .test(
            Test::unreliable(
                6,
                "transfer_under_load",
                "Leaders change all the time while clients append, and every command is executed once",
                runs::transfer_under_load::<D>,
            )
            .points(5),
        )
}

fn votes<D: Reconfigurable + Default>(part: Part) -> Part {
    part.section("Elections in all orders of events")
        .test(
            Test::search(
                7,
                "prevote_keeps_term",
                "A server alone changes no term: not its own, and not that of others",
                votes::keeps_term::<D>,
            )
            .points(8)
            .credit("server1 leads, and server2 knows", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                8,
                "late_answers",
                "Answers to pre-votes and votes that come late or twice begin no election and win none",
                votes::late_answers::<D>,
            )
            .points(5)
            .credit("server3 stands", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                9,
                "still_live",
                "Whoever can win is elected, whatever the terms of the others are",
                votes::still_live::<D>,
            )
            .points(6)
            .credit("server1 leads, and server2 knows", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                10,
                "vote_refused",
                "Who hears from a leader neither votes nor goes on to a later term",
                votes::refused::<D>,
            )
            .points(4)
            .credit("server1 leads, and server2 knows", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                11,
                "check_quorum",
                "A leader that a majority does not answer steps down, and one that is alone in its group does not",
                votes::check_quorum::<D>,
            )
            .points(5)
            .credit("server1 is leader", 1)
            .states(500_000),
        )
}

fn transfers<D: Reconfigurable + Default>(part: Part) -> Part {
    part.section("Transfer in all orders of events")
        .test(
            Test::search(
                12,
                "transfer",
                "A server that lacks an entry is made leader, after it has got it",
                transfer::completes::<D>,
            )
            .points(6)
            .credit("client1 is answered by server1 and server2", 1)
            .states(500_000),
        )
        .test(
            Test::search(13, "transfer_ends", "A leader that cannot hand over goes on", transfer::ends::<D>)
                .points(3)
                .credit("server1 is leader", 1)
                .states(500_000),
        )
        .test(
            Test::search(
                14,
                "old_transfer",
                "What made a server stand for election once does not do so again in a later term",
                transfer::old::<D>,
            )
            .points(2)
            .credit("server3 is leader", 1)
            .states(500_000),
        )
        .test(
            Test::search(
                15,
                "random",
                "Servers that transfer leadership and crash are right along random ways",
                transfer::random::<D>,
            )
            .points(2)
            .credit("server1 is leader", 1)
            .states(5_000_000),
        )
}
