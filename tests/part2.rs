//! The graded tests of part 2 of the Raft lab: leader election.
//!
//! Nothing is replicated here, and no client asks anything. Stages name nodes, links and the timers of nodes, never a
//! message; terms are compared with the term before, never with a number, unless a prune bounds a search.
//!
//! Source: the 3A tests of MIT 6.5840, DSLabs `PaxosTest` 20, 21, 25, 26, and mistakes of published Raft implementations.

use std::process::ExitCode;
use std::time::Duration;

use framework::{Address, Node, Outcome, Predicate, View};
use raft::predicates::{leads, leads_after, some_leader, some_leader_after, term_above, voted};
use raft::{Design, Handout, Inspect, Role, server_addresses};
use raftkit::{Elected, S1, S2, S3, S4, S5, Setup, alone, elect, electing, leaders, only, undisturbed};
use runner::{Network, Run, Traffic};
use search::State;
use testkit::{Failed, Part, Reached, RunTest, SearchTest, Test, check};

fn main() -> ExitCode {
    testkit::main(part::<Handout>())
}

/// The suite for any design.
pub(crate) fn part<D: Design + Default>() -> Part {
    Part::new("part2", "raft", "Part 2: leader election")
        .hint("sections 5.1 and 5.2 of the Raft paper, Figure 2 (RequestVote RPC, Rules for Servers), and labs/raft/docs/part2.md")
        .section("In a simulated network")
        .test(
            Test::run(
                1,
                "initial_election",
                "Three servers elect a leader, and keep it while nothing happens",
                t01::<D>,
            )
            .points(4),
        )
        .test(
            Test::run(
                2,
                "reelection",
                "Another leader follows one that is cut off, and the old one follows when it is back",
                t02::<D>,
            )
            .points(5),
        )
        .test(
            Test::run(
                3,
                "many_elections",
                "Of seven servers the four that are connected always find a leader, ten times",
                t03::<D>,
            )
            .points(5),
        )
        .test(
            Test::run(
                4,
                "no_leader_in_minority",
                "Two servers of five elect nobody, and neither do five that are all alone",
                t04::<D>,
            )
            .points(3),
        )
        .test(
            Test::unreliable(
                5,
                "leader_within_bound",
                "With a fifth of all messages lost, five servers elect a leader within some seconds, again and again",
                t05::<D>,
            )
            .points(6),
        )
        .test(
            Test::run(
                6,
                "heartbeat_message_budget",
                "A leader says often enough that it is there, and not more often",
                t06::<D>,
            )
            .points(3),
        )
        .test(
            Test::run(
                7,
                "old_leader_is_not_followed",
                "Heartbeats of an earlier term keep nobody from standing for election",
                t07::<D>,
            )
            .points(4),
        )
        .section("In all orders of events")
        .test(
            Test::search(
                8,
                "leader_reachable",
                "One, three and five servers can elect a leader, and another one after it",
                t08::<D>,
            )
            .points(7)
            .credit("a server is leader", 2)
            .credit("another server is leader in a later term", 2)
            .states(300_000),
        )
        .test(
            Test::search(
                9,
                "everyone_votes_again",
                "Whoever voted or stood for election in a term can vote and win in a later one",
                t09::<D>,
            )
            .points(7)
            .credit("server1 is leader with all votes", 1)
            .credit("one of the others is leader in a later term", 2)
            .states(300_000),
        )
        .test(
            Test::search(
                10,
                "election_safety",
                "Three servers never have two leaders in one term, nor a leader without a majority",
                t10::<D>,
            )
            .points(10)
            .credit("a server is leader", 1)
            .states(3_000_000),
        )
        .test(
            Test::search(
                11,
                "votes_of_a_majority",
                "Four and five servers never have a leader without the votes of a majority",
                t11::<D>,
            )
            .points(8)
            .credit("server1 is leader of four", 1)
            .states(3_000_000),
        )
        .test(
            Test::search(
                12,
                "no_leader_in_minority",
                "Two servers of five elect nobody, whatever happens",
                t12::<D>,
            )
            .points(6)
            .states(1_000_000),
        )
        .test(
            Test::search(
                13,
                "stale_votes",
                "Votes of an earlier term, late or repeated, make nobody leader",
                t13::<D>,
            )
            .points(7)
            .credit("server2 and server3 voted for server1", 1)
            .states(300_000),
        )
        .test(
            Test::search(
                14,
                "random_elections",
                "Three and five servers elect only as they should along random ways",
                t14::<D>,
            )
            .points(5)
            .credit("a server is leader", 1)
            .states(1_000_000),
        )
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A run of so many servers in which elections are watched.
fn start<D: Design + Default>(test: &mut RunTest, servers: u16) -> Result<(Run, Vec<Address>), Failed> {
    start_with::<D>(test, servers, Network::reliable)
}

fn start_with<D: Design + Default>(
    test: &mut RunTest,
    servers: u16,
    network: fn(&mut Network) -> &mut Network,
) -> Result<(Run, Vec<Address>), Failed> {
    let setup = Setup::<D>::servers(servers)?;
    let mut settings = setup.watch_elections(test.simulated()).network(network);
    // A hundred times what heartbeats need: whoever answers answers ends soon, and not with the backstop.
    settings.events_max = 1_000_000;
    Ok((setup.run(test, settings)?, server_addresses(servers)))
}

/// All of `servers` but some.
fn without(servers: &[Address], cut: &[Address]) -> Vec<Address> {
    servers.iter().copied().filter(|server| !cut.contains(server)).collect()
}

/// Lets time pass in which nothing should happen: the same leader in the same term at the end.
fn stays<N: Node + Inspect>(run: &mut Run, elected: Elected, time: Duration) -> Result<(), Failed> {
    run.run_for(time)?;
    let now = run.inspect(leaders::<N>);
    check!(
        now == [elected],
        "{} was leader in term {} and nothing happened for {time:?}, but then {}",
        elected.leader,
        elected.term,
        said(&now)
    );
    Ok(())
}

/// Leaders in words.
fn said(leaders: &[Elected]) -> String {
    let each = leaders.iter().map(|elected| format!("{} leads in term {}", elected.leader, elected.term));
    match leaders {
        [] => "nobody leads".to_owned(),
        _ => each.collect::<Vec<_>>().join(" and "),
    }
}

/// Nobody is leader in a term after `term`.
fn nobody_after<N: Node + Inspect>(run: &Run, term: u64, what: &str) -> Result<(), Failed> {
    let later: Vec<_> = run.inspect(leaders::<N>).into_iter().filter(|elected| elected.term > term).collect();
    check!(later.is_empty(), "{what}, but {}", said(&later));
    Ok(())
}

fn t01<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let (mut run, servers) = start::<D>(test, 3)?;
    let elected = undisturbed::<D::Server>(&mut run, &servers, 0)?;
    let before = run.traffic();
    stays::<D::Server>(&mut run, elected, secs(10))?;
    let after = run.traffic();
    for follower in without(&servers, &[elected.leader]) {
        let heard = |traffic: &Traffic| traffic.between(elected.leader, follower).delivered;
        check!(
            heard(&after) > heard(&before),
            "{} is leader, but in 10s {follower} did not hear of it: a leader sends heartbeats",
            elected.leader
        );
    }
    Ok(())
}

fn t02<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let (mut run, servers) = start::<D>(test, 3)?;
    let first = elect::<D::Server>(&mut run, &servers, 0)?;
    let rest = without(&servers, &[first.leader]);
    run.network(|network| network.split([&[first.leader][..], &rest[..]]));
    let second = elect::<D::Server>(&mut run, &rest, first.term)?;
    run.network(Network::heal);
    // Whoever was cut off may have gone on to later terms, and then there is one more election.
    let together = undisturbed::<D::Server>(&mut run, &servers, second.term - 1)?;
    stays::<D::Server>(&mut run, together, secs(5))?;
    run.network(|network| network.network(false));
    run.run_for(secs(5))?;
    nobody_after::<D::Server>(&run, together.term, "all three servers are alone")?;
    run.network(Network::heal);
    elect::<D::Server>(&mut run, &servers, together.term - 1)?;
    Ok(())
}

fn t03<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let mut draw = test.seed();
    let (mut run, servers) = start::<D>(test, 7)?;
    let mut elected = elect::<D::Server>(&mut run, &servers, 0)?;
    for _ in 0..10 {
        // The leader, and two others that are different from round to round.
        let mut rest = without(&servers, &[elected.leader]);
        for _ in 0..2 {
            // Any mixing does; these are the constants of Knuth's MMIX.
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let count = u64::try_from(rest.len()).expect("a few servers");
            rest.remove(usize::try_from((draw >> 33) % count).expect("less than the number of servers"));
        }
        let cut = without(&servers, &rest);
        run.network(|network| network.split([&cut[..], &rest[..]]));
        let next = elect::<D::Server>(&mut run, &rest, elected.term)?;
        run.network(Network::heal);
        elected = elect::<D::Server>(&mut run, &servers, next.term - 1)?;
    }
    Ok(())
}

fn t04<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let (mut run, servers) = start::<D>(test, 5)?;
    let first = elect::<D::Server>(&mut run, &servers, 0)?;
    // The leader and another one are a minority.
    let others = without(&servers, &[first.leader]);
    let (minority, majority) = ([first.leader, others[0]], others[1..].to_vec());
    run.network(|network| network.split([&minority[..], &majority[..]]));
    let second = elect::<D::Server>(&mut run, &majority, first.term)?;
    run.run_for(secs(5))?;
    let of_minority = |found: &Elected| minority.contains(&found.leader) && found.term > first.term;
    let wrong: Vec<_> = run.inspect(leaders::<D::Server>).into_iter().filter(of_minority).collect();
    check!(wrong.is_empty(), "two servers of five are cut off, but {}", said(&wrong));
    // Now everybody is alone.
    run.network(|network| network.network(false));
    let highest = run.inspect(leaders::<D::Server>).iter().map(|found| found.term).max();
    run.run_for(secs(5))?;
    let highest = highest.unwrap_or(second.term);
    nobody_after::<D::Server>(&run, highest, "each of five servers is alone")?;
    run.network(Network::heal);
    elect::<D::Server>(&mut run, &servers, highest - 1)?;
    Ok(())
}

fn t05<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let (mut run, servers) = start_with::<D>(test, 5, Network::unreliable)?;
    // Some dozens of election timeouts.
    let bound = secs(30);
    let mut elected = electing::<D::Server>(&mut run, &servers, 0, bound)?;
    for _ in 0..20 {
        let rest = without(&servers, &[elected.leader]);
        run.network(|network| network.split([&[elected.leader][..], &rest[..]]));
        let next = electing::<D::Server>(&mut run, &rest, elected.term, bound)?;
        run.network(Network::heal);
        elected = electing::<D::Server>(&mut run, &servers, next.term - 1, bound)?;
    }
    Ok(())
}

fn t06<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let (mut run, servers) = start::<D>(test, 5)?;
    let elected = undisturbed::<D::Server>(&mut run, &servers, 0)?;
    let before = run.traffic();
    stays::<D::Server>(&mut run, elected, secs(10))?;
    let after = run.traffic();
    // An election timeout is 150 ms at least: who hears less than twice a second waits in vain.
    let least = 20;
    // Every HEARTBEAT_INTERVAL of 50 ms a heartbeat to each, and a reply; twice that is allowed.
    let most = 2 * 2 * 4 * 200;
    let sent = after.total().sent - before.total().sent;
    check!(
        sent <= most,
        "nothing happened for 10s, and five servers sent {sent} messages; {} are enough: a heartbeat to every follower each \
         50 ms, and a reply",
        most / 2
    );
    for follower in without(&servers, &[elected.leader]) {
        let heard = |traffic: &Traffic| traffic.between(elected.leader, follower).delivered;
        let heard = heard(&after) - heard(&before);
        check!(heard >= least, "in 10s {follower} heard {heard} times of its leader {}", elected.leader);
    }
    Ok(())
}

fn t07<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let (mut run, servers) = start::<D>(test, 5)?;
    let first = elect::<D::Server>(&mut run, &servers, 0)?;
    let rest = without(&servers, &[first.leader]);
    run.network(|network| network.split([&[first.leader][..], &rest[..]]));
    let second = elect::<D::Server>(&mut run, &rest, first.term)?;
    // The first leader hears nothing and goes on to say that it leads; the second is gone.
    run.network(|network| {
        for server in &rest {
            network.link(first.leader, *server, true);
            network.link(second.leader, *server, false).link(*server, second.leader, false);
        }
        network
    });
    let three = without(&rest, &[second.leader]);
    elect::<D::Server>(&mut run, &three, second.term)?;
    Ok(())
}

/// The highest term of a server.
fn highest_term<N: Node + Inspect>(state: &State) -> u64 {
    state.view().nodes::<N>().map(|(_, node)| node.current_term()).max().unwrap_or_default()
}

/// So many terms are enough for what a stage looks for; without a bound a solution that never gets there would be
/// searched for long.
const TERMS: u64 = 3;

fn t08<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    leaders_of::<D>(search, 3)?;
    leaders_of::<D>(search, 5)?;
    leaders_of::<D>(search, 1)
}

/// So many servers can elect a leader, and another one when it is gone.
fn leaders_of<D: Design + Default>(search: &mut SearchTest, count: u16) -> Result<Reached, Failed> {
    let setup = Setup::<D>::servers(count)?;
    let servers = server_addresses(count);
    let start = setup.start(search)?;
    // Only one server stands, else the search with five is long.
    let led = setup
        .election_stage(search, "a server is leader")
        .delivery(only(&servers, &[S1]))
        .prune(term_above::<D::Server>(TERMS))
        .goal(some_leader::<D::Server>())
        .from(&start)?;
    if count == 1 {
        return Ok(led);
    }
    let term = highest_term::<D::Server>(&led);
    let rest = without(&servers, &[S1]);
    let next = setup
        .election_stage(search, "another server is leader in a later term")
        .delivery(only(&rest, &[S2]))
        .prune(term_above::<D::Server>(term + TERMS))
        .goal(leads_after::<D::Server>(S2, term))
        .from(&led)?;
    setup
        .election_stage(search, "the first leader hears of the second, and follows")
        .delivery(only(&servers, &[S2]))
        .prune(term_above::<D::Server>(term + 2 * TERMS))
        .goal(role_is::<D::Server>(S1, Role::Follower))
        .from(&next)
}

fn t09<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::servers(3)?;
    let start = setup.start(search)?;
    let votes = voted::<D::Server>(S2, S1).and(&voted::<D::Server>(S3, S1));
    let led = setup
        .election_stage(search, "server1 is leader with all votes")
        .delivery(only(&[S1, S2, S3], &[S1]))
        .prune(term_above::<D::Server>(TERMS))
        .goal(leads::<D::Server>(S1).and(&votes).named("server1 is leader with the votes of all"))
        .from(&start)?;
    let term = highest_term::<D::Server>(&led);
    let mut gone = led.state().clone();
    gone.drop_pending_messages();
    setup
        .election_stage(search, "one of the others is leader in a later term")
        .delivery(only(&[S2, S3], &[S2, S3]))
        .prune(term_above::<D::Server>(term + TERMS))
        .goal(some_leader_after::<D::Server>(term))
        .from(&gone)?;
    let [a, b, c] = [S1, S2, S3].map(|server| role_is::<D::Server>(server, Role::Candidate));
    let split = setup
        .election_stage(search, "all three servers stand at once")
        .delivery(alone(&[S1, S2, S3]))
        .prune(term_above::<D::Server>(TERMS))
        .goal(a.and(&b).and(&c).named("all three servers are candidates"))
        .from(&start)?;
    let term = highest_term::<D::Server>(&split);
    setup
        .election_stage(search, "another election follows, with a leader")
        .prune(term_above::<D::Server>(term + TERMS))
        .goal(some_leader_after::<D::Server>(term))
        .from(&split)
}

fn t10<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::servers(3)?;
    let start = setup.start(search)?;
    let led = setup
        .election_stage(search, "a server is leader")
        .prune(term_above::<D::Server>(TERMS))
        .goal(some_leader::<D::Server>())
        .from(&start)?;
    setup
        .election_stage(search, "the first term up to depth 14")
        .prune(term_above::<D::Server>(1))
        .to_depth(14)
        .from(&start)?;
    setup
        .election_stage(search, "two terms with two candidates up to depth 12")
        .prune(term_above::<D::Server>(2))
        .delivery(only(&[S1, S2, S3], &[S1, S2]))
        .to_depth(12)
        .from(&start)?;
    setup.election_stage(search, "every state up to depth 9").to_depth(9).from(&start)?;
    Ok(led)
}

fn t11<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let mut reached = None;
    for (count, goal, depth) in [(4, "server1 is leader of four", 8), (5, "server1 is leader of five", 8)] {
        let setup = Setup::<D>::servers(count)?;
        let servers = server_addresses(count);
        let start = setup.start(search)?;
        let led = setup
            .election_stage(search, goal)
            .delivery(only(&servers, &[S1]))
            .prune(term_above::<D::Server>(TERMS))
            .goal(leads::<D::Server>(S1))
            .from(&start)?;
        // Two candidates are enough to divide the votes.
        setup
            .election_stage(search, &format!("every state up to depth {depth}"))
            .delivery(only(&servers, &[S1, S2]))
            .to_depth(depth)
            .from(&start)?;
        reached = Some(led);
    }
    reached.ok_or_else(|| Failed::because("there are two groups"))
}

/// Nobody is leader in a term after `term`.
fn no_leader_after<N: Node + Inspect>(term: u64) -> Predicate {
    Predicate::for_each("a minority elects nobody", move |server, node: &N| {
        if node.role() != Role::Leader || node.current_term() <= term {
            return Outcome::holds();
        }
        let reason = format!("{server} is leader in term {}, with two servers of five", node.current_term());
        Outcome::fails(reason).blaming(server, "role")
    })
}

fn t12<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::servers(5)?;
    let start = setup.start(search)?;
    let led = setup
        .election_stage(search, "three servers of five elect a leader")
        .delivery(only(&[S1, S2, S3], &[S1]))
        .prune(term_above::<D::Server>(TERMS))
        .goal(leads::<D::Server>(S1))
        .from(&start)?;
    setup
        .election_stage(search, "two servers of five never do")
        .invariant(no_leader_after::<D::Server>(0))
        .prune(term_above::<D::Server>(4))
        .delivery(only(&[S4, S5], &[S4, S5]))
        .exhaust()
        .from(&start)?;
    // One of them was leader, and has the old votes.
    let term = highest_term::<D::Server>(&led);
    setup
        .election_stage(search, "nor do two of which one was leader")
        .invariant(no_leader_after::<D::Server>(term))
        .prune(term_above::<D::Server>(term + 3))
        .delivery(only(&[S1, S2], &[S1, S2]))
        .to_depth(led.depth() + 11)
        .from(&led)?;
    Ok(led)
}

fn t13<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::servers(3)?;
    let start = setup.start(search)?;
    let votes = voted::<D::Server>(S2, S1).and(&voted::<D::Server>(S3, S1));
    let voted = setup
        .election_stage(search, "server2 and server3 voted for server1")
        .delivery(|delivery| {
            delivery.network(false).link(S1, S2, true).link(S1, S3, true);
            delivery.timers(false).node_timers(S1, true);
        })
        .prune(term_above::<D::Server>(TERMS))
        .goal(votes.named("server2 and server3 have voted for server1"))
        .from(&start)?;
    let term = highest_term::<D::Server>(&voted);
    // Nobody has told server1, which begins another election.
    let again = setup
        .election_stage(search, "server1 stands again")
        .delivery(alone(&[S1]))
        .prune(term_above::<D::Server>(term + TERMS))
        .goal(stands_after::<D::Server>(S1, term))
        .from(&voted)?;
    setup
        .election_stage(search, "the old votes arrive, and do not count")
        .invariant(no_leader_yet::<D::Server>())
        .delivery(|delivery| {
            delivery.network(false).link(S2, S1, true).link(S3, S1, true).timers(false);
        })
        .exhaust()
        .from(&again)?;
    // Or another server is leader by now.
    let other = setup
        .election_stage(search, "server2 is leader in a later term")
        .delivery(only(&[S2, S3], &[S2]))
        .prune(term_above::<D::Server>(term + TERMS))
        .goal(leads_after::<D::Server>(S2, term))
        .from(&voted)?;
    setup
        .election_stage(search, "everything old arrives, again and again")
        .delivery(|delivery| {
            delivery.timers(false);
        })
        .exhaust()
        .from(&other)?;
    setup
        .election_stage(search, "and yet server1 can be elected")
        .delivery(only(&[S1, S2, S3], &[S1]))
        .prune(term_above::<D::Server>(term + TERMS))
        .goal(leads_after::<D::Server>(S1, term))
        .from(&again)
}

/// `server` is candidate in a term after `term`.
fn stands_after<N: Node + Inspect>(server: Address, term: u64) -> Predicate {
    let later = Predicate::holds(format!("{server} is in a term after {term}"), move |view: &View<'_>| {
        view.node::<N>(server).is_some_and(|node| node.current_term() > term)
    });
    let name = format!("{server} is Candidate in a term after {term}");
    role_is::<N>(server, Role::Candidate).and(&later).named(name)
}

/// Nobody is leader, for all votes are old.
fn no_leader_yet<N: Node + Inspect>() -> Predicate {
    Predicate::for_each("old votes elect nobody", |server, node: &N| {
        if node.role() != Role::Leader {
            return Outcome::holds();
        }
        let reason = format!(
            "{server} is leader in term {}, but only votes of an earlier term arrived",
            node.current_term()
        );
        Outcome::fails(reason).blaming(server, "role")
    })
}

fn t14<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let mut reached = None;
    for count in [3, 5] {
        let setup = Setup::<D>::servers(count)?;
        let start = setup.start(search)?;
        let led = setup
            .election_stage(search, "a server is leader")
            .delivery(only(&server_addresses(count), &[S1]))
            .prune(term_above::<D::Server>(TERMS))
            .goal(some_leader::<D::Server>())
            .from(&start)?;
        setup
            .election_stage(search, &format!("random ways of {count} servers"))
            .random(150)
            .max_depth(200)
            .from(&start)?;
        reached = Some(led);
    }
    reached.ok_or_else(|| Failed::because("there are two groups"))
}

/// A server has this role.
fn role_is<N: Node + Inspect>(server: Address, role: Role) -> Predicate {
    Predicate::new(format!("{server} is {role:?}"), move |view| match view.node::<N>(server) {
        Some(node) if node.role() == role => Outcome::holds(),
        Some(node) => {
            Outcome::fails(format!("{server} is {:?} in term {}", node.role(), node.current_term()))
        }
        None => Outcome::fails(format!("{server} is down")),
    })
}
