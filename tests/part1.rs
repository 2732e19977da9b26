//! The graded tests of part 1 of the Raft lab: one server that executes the commands of its clients exactly once.
//!
//! A group of one may answer a request at once, or elect itself and go through its log first: both are right here.
//!
//! Source: DSLabs `ClientServerPart2Test`, with the nodes of this lab.

use std::process::ExitCode;
use std::time::Duration;

use clientserver::{
    KvCommand, KvParser, KvResponse, KvWorkload, append_append_get, append_different_key_workload,
    append_same_key_workload, appends_linearizable, different_keys_infinite_workload,
    put_append_get_workload, simple_workload,
};
use framework::predicate::{clients_done, none_decided, results_ok};
use framework::{CommandParser, Outcome, Predicate, Workload};
use raft::{Design, Handout};
use raftkit::{C1, LONG, S1, Setup};
use runner::{Check, Network};
use testkit::{Failed, Part, Reached, RunTest, SearchTest, Test, check};

fn main() -> ExitCode {
    testkit::main(part::<Handout>())
}

/// The suite for any design.
pub(crate) fn part<D: Design + Default>() -> Part {
    Part::new("part1", "raft", "Part 1: one server, exactly once")
        .hint("section 8 of the Raft paper, its first three paragraphs, and labs/raft/docs/part1.md")
        .test(
            Test::run(1, "client_waits_for_its_response", "A client has no response before a server has sent it", t01::<D>)
                .points(3),
        )
        .test(Test::run(2, "single_client", "A client gets the right response to each command", t02::<D>).points(3))
        .test(
            Test::run(
                3,
                "many_clients_same_key",
                "The appends of ten clients to one key are executed in some order",
                t03::<D>,
            )
            .points(3),
        )
        .test(
            Test::unreliable(
                4,
                "appends_exactly_once",
                "Commands are executed once, although requests and replies are lost and repeated",
                t04::<D>,
            )
            .points(5),
        )
        .test(
            Test::run(
                5,
                "old_responses_collected",
                "Server and client forget the responses that nobody asks for any more",
                t05::<D>,
            )
            .points(4),
        )
        .test(
            Test::search(
                6,
                "put_append_get",
                "A client that puts, appends and gets is right in every state, and stands still without a network",
                t06::<D>,
            )
            .points(7)
            .credit("the client is done", 2)
            .states(300_000),
        )
        .test(
            Test::search(
                7,
                "append_append_get",
                "The same append twice is two commands, the same request twice is one",
                t07::<D>,
            )
            .points(5)
            .credit("the client is done", 1)
            .states(300_000),
        )
        .test(
            Test::search(
                8,
                "two_clients_same_key",
                "The appends of two clients to one key are executed in some order, in every state",
                t08::<D>,
            )
            .points(6)
            .credit("both clients are done", 1)
            .states(1_000_000),
        )
        .test(
            Test::search(
                9,
                "random_infinite_workload",
                "Clients that never stop are right along random ways",
                t09::<D>,
            )
            .points(4)
            .credit("both clients get three responses", 1)
            .states(500_000),
        )
}

/// Runs clients of one server until all are done.
fn run<D: Design + Default>(
    test: &mut RunTest,
    workloads: Vec<KvWorkload>,
    invariant: impl FnOnce(&Setup<D>) -> Predicate,
    network: fn(&mut Network) -> &mut Network,
) -> Result<(), Failed> {
    let setup = Setup::<D>::new(1, workloads)?;
    let check = match setup.clients.len() {
        1 => Check::EveryEvent,
        _ => Check::Every(Duration::from_millis(50)),
    };
    let settings = test.simulated().invariant(invariant(&setup)).check(check).network(network);
    let mut run = setup.run(test, settings)?;
    run.wait_for_clients(LONG)?;
    Ok(())
}

/// The appends of all clients together were executed in some order.
fn in_some_order<D: Design>(setup: &Setup<D>) -> Predicate {
    appends_linearizable(setup.clients.clone())
}

fn t01<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let setup = Setup::<D>::servers(1)?;
    let command = |text: &str| KvParser.command(text).map_err(Failed::because);
    let cut_off = test.simulated().network(|network| network.network(false));
    let mut run = setup.run(test, cut_off)?;
    let client = run.add_interactive(C1, D::default().client(&[S1]))?;
    run.send(&client, command("PUT:foo:bar")?)?;
    run.run_for(Duration::from_secs(5))?;
    let response = run.response(&client);
    check!(response.is_none(), "part 1: no message arrives, but the client has the response {response:?}");
    run.network(|network| network.network(true));
    let asked = [("GET:foo", "bar"), ("APPEND:foo:baz", "barbaz"), ("GET:foo", "barbaz")];
    run.run_for(Duration::from_secs(5))?;
    let response = run.response(&client);
    check!(
        response == Some(KvResponse::PutOk),
        "part 1: the network is back for 5s, and the client has {response:?} for its put, expected PutOk: it has to ask again, and \
         the server to answer (Raft paper, section 8, third paragraph)"
    );
    for (text, expected) in asked {
        let response = run.ask(&client, command(text)?, LONG)?;
        let value = match &response {
            KvResponse::GetResult { value } | KvResponse::AppendResult { value } => value.as_str(),
            _ => "no value",
        };
        check!(value == expected, "the client got {response:?} for {text}, expected the value {expected}");
    }
    Ok(())
}

fn t02<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    run::<D>(test, vec![simple_workload()], |_| results_ok(), Network::reliable)
}

fn t03<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    run::<D>(test, vec![append_same_key_workload(5); 10], in_some_order, Network::reliable)
}

fn t04<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    run::<D>(test, vec![append_different_key_workload(30)], |_| results_ok(), Network::unreliable)?;
    run::<D>(test, vec![append_different_key_workload(10); 5], |_| results_ok(), Network::unreliable)?;
    run::<D>(test, vec![append_same_key_workload(5); 5], in_some_order, Network::unreliable)
}

/// The bytes of a large value; it is asked for so many times.
const VALUE: usize = 100_000;
const GETS: usize = 30;

fn t05<D: Design + Default>(test: &mut RunTest) -> Result<(), Failed> {
    let key = || "key".to_owned();
    let get = || KvCommand::Get { key: key() };
    let mut commands = vec![KvCommand::Put { key: key(), value: "x".repeat(VALUE) }];
    commands.extend((0..GETS).map(|_| get()));
    commands.push(KvCommand::Put { key: key(), value: String::new() });
    commands.push(get());
    let setup = Setup::<D>::new(1, [Workload::commands(commands)])?;
    let settings = test.simulated();
    let mut run = setup.run(test, settings)?;
    run.wait_for_clients(LONG)?;
    // The command that brought the value may be in a log, which may be in memory and saved.
    let size = run.state_size(S1)?;
    check!(
        size < 4 * VALUE,
        "the value of {VALUE} bytes was put once and asked for {GETS} times, then replaced, and the server holds {size} \
         bytes; it has to forget old responses"
    );
    // The worker of the test keeps all results: what is beyond them is the client's.
    let results = GETS * (VALUE + 100);
    let own = run.state_size(C1)?.saturating_sub(results);
    check!(
        own < 2 * VALUE,
        "the client holds {own} bytes beside its results; it has to forget old responses"
    );
    Ok(())
}

/// Looks for a state in which all clients are done, and then at every state.
fn search_all<D: Design + Default>(
    search: &mut SearchTest,
    setup: &Setup<D>,
    invariant: Predicate,
    goal: &str,
) -> Result<Reached, Failed> {
    let start = setup.start(search)?;
    search.invariant(invariant);
    let done = search.stage(goal).goal(clients_done()).from(&start)?;
    search.stage("every state until then").prune(clients_done()).exhaust().from(&start)?;
    Ok(done)
}

fn t06<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(1, [put_append_get_workload()])?;
    let done = search_all(search, &setup, results_ok(), "the client is done")?;
    let start = setup.start(search)?;
    search
        .stage("no network, no response")
        .invariant(none_decided())
        .delivery(|delivery| {
            delivery.network(false);
        })
        .exhaust()
        .from(&start)?;
    Ok(done)
}

fn t07<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(1, [append_append_get()])?;
    search_all(search, &setup, results_ok(), "the client is done")
}

fn t08<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(1, vec![append_same_key_workload(2); 2])?;
    let invariant = in_some_order(&setup);
    search_all(search, &setup, invariant, "both clients are done")
}

fn t09<D: Design + Default>(search: &mut SearchTest) -> Result<Reached, Failed> {
    let setup = Setup::<D>::new(1, vec![different_keys_infinite_workload(None); 2])?;
    let start = setup.start(search)?;
    search.invariant(results_ok());
    let three = Predicate::for_each_worker("every client has three responses", |worker| {
        match worker.result_count() {
            0..3 => Outcome::fails(format!("{} has {}", worker.address(), worker.result_count())),
            _ => Outcome::holds(),
        }
    });
    let reached = search.stage("both clients get three responses").max_depth(60).goal(three).from(&start)?;
    search.stage("random ways, 120 events long").random(20).max_depth(120).from(&start)?;
    search.stage("and on from three responses").random(20).max_depth(120).from(&reached)?;
    Ok(reached)
}
