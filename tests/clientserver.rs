//! The graded tests of lab 1: a store, a client and a server that execute every command exactly once.
//!
//! Source: DSLabs `KVStoreTest`, `ClientServerPart1Test` and `ClientServerPart2Test`, with simulated time in place of time
//! limits and states in place of seconds.

use std::process::ExitCode;
use std::time::Duration;

use clientserver::{
    KvCommand, KvParser, KvResponse, KvStore, KvWorkload, SimpleClient, SimpleServer, append_append_get,
    append_different_key_workload, append_same_key_workload, appends_linearizable,
    different_keys_infinite_workload, put_append_get_workload, simple_workload,
};
use framework::predicate::{clients_done, none_decided, results_ok};
use framework::{Address, Application, CommandParser, Outcome, Predicate, System, Workload};
use runner::{Check, Network, Run};
use testkit::{Failed, Part, Reached, RunTest, SearchTest, Test, UnitTest, check};

fn main() -> ExitCode {
    testkit::main(part())
}

fn part() -> Part {
    Part::new("clientserver", "clientserver", "Lab 1: client and server, exactly once")
        .hint("\"Step 1: a store, a client and a server\" in labs/clientserver/README.md")
        .section("Step 1: a store, a client and a server")
        .test(Test::unit(1, "basic_key_value_operations", "The store executes gets, puts and appends", t01).points(5))
        .test(
            Test::run(2, "client_waits_for_its_response", "A client has no response before the server has sent it", t02)
                .points(5),
        )
        .test(
            Test::run(3, "single_client_basic_operations", "A client gets the right response to each command", t03)
                .points(20),
        )
        .test(
            Test::run(
                4,
                "multi_client_different_key_appends",
                "Ten clients that append to keys of their own do not disturb each other",
                t04,
            )
            .points(20),
        )
        .test(
            Test::run(
                5,
                "multi_client_same_key_appends",
                "The appends of ten clients to one key are executed in some order",
                t05,
            )
            .points(30),
        )
        .section("Step 2: exactly once")
        .test(
            Test::unreliable(
                6,
                "single_client_can_finish_operations",
                "A client that loses messages asks again until it is answered",
                t06,
            )
            .points(20),
        )
        .test(
            Test::unreliable(
                7,
                "single_client_basic_operations",
                "A client gets the right response to each command, although messages are lost and repeated",
                t07,
            )
            .points(20),
        )
        .test(
            Test::unreliable(
                8,
                "single_client_sequential_appends",
                "Appends that are asked for several times are executed once, in order",
                t08,
            )
            .points(20),
        )
        .test(
            Test::unreliable(
                9,
                "multi_client_different_key_appends",
                "Ten clients append to keys of their own, exactly once",
                t09,
            )
            .points(20),
        )
        .test(
            Test::unreliable(
                10,
                "multi_client_same_key_appends",
                "The appends of ten clients to one key are executed in some order, exactly once",
                t10,
            )
            .points(20),
        )
        .test(
            Test::run(
                11,
                "old_commands_garbage_collected",
                "Server and client forget commands and responses that nobody asks for any more",
                t11,
            )
            .points(20),
        )
        .test(
            Test::run(12, "long_running_workload", "In half a minute no client ever waits for a second", t12).points(20),
        )
        .test(
            Test::search(
                13,
                "single_client_put_append_get",
                "A client that puts, appends and gets is right in every state, and stands still without a network",
                t13,
            )
            .points(20)
            .credit("the client is done", 5)
            .states(200_000),
        )
        .test(
            Test::search(
                14,
                "single_client_append_append_get",
                "The same append twice is two commands, the same request twice is one",
                t14,
            )
            .points(20)
            .credit("the client is done", 5)
            .states(200_000),
        )
        .test(
            Test::search(
                15,
                "multi_client_different_keys",
                "Three clients with keys of their own are right in every state",
                t15,
            )
            .points(20)
            .credit("all clients are done", 5)
            .states(1_000_000),
        )
        .test(
            Test::search(
                16,
                "multi_client_same_key",
                "The appends of three clients to one key are executed in some order, in every state",
                t16,
            )
            .points(20)
            .credit("all clients are done", 5)
            .states(1_000_000),
        )
        .test(
            Test::search(
                17,
                "infinite_workload",
                "Clients that never stop are right for as long as one can look",
                t17,
            )
            .points(20)
            .credit("both clients get three responses", 4)
            .states(200_000),
        )
        .test(Test::run(18, "real_time", "The same nodes run on threads and a real clock", t18))
}

const SERVER: Address = Address::server(1);

/// In simulated time: thousands of times what a command takes.
const LONG: Duration = Duration::from_secs(600);

/// One server and clients with these workloads.
fn system(workloads: impl IntoIterator<Item = KvWorkload>) -> Result<System, Failed> {
    let mut system = System::new();
    system.add(SERVER, SimpleServer::new(KvStore::default()))?;
    for (client, workload) in (1..).map(Address::client).zip(workloads) {
        system.add_client(client, SimpleClient::new(SERVER), workload)?;
    }
    Ok(system)
}

/// So many clients with the same workload, which is judged by its results or, if it has none, by all appends together.
struct Clients {
    workloads: Vec<KvWorkload>,
    invariant: Predicate,
}

impl Clients {
    fn new(count: usize, workload: &KvWorkload) -> Self {
        Self { workloads: vec![workload.clone(); count], invariant: results_ok() }
    }

    fn appending_to_one_key(count: usize, rounds: u64) -> Self {
        let workloads = vec![append_same_key_workload(rounds); count];
        let clients: Vec<_> = (1..).map(Address::client).zip(workloads.iter().cloned()).collect();
        Self { workloads, invariant: appends_linearizable(clients) }
    }

    /// Runs until all are done. Invariants that compare whole results are checked now and then.
    fn run(self, test: &mut RunTest, network: fn(&mut Network) -> &mut Network) -> Result<Run, Failed> {
        let check = if self.workloads.len() == 1 {
            Check::EveryEvent
        } else {
            Check::Every(Duration::from_millis(50))
        };
        let settings = test.simulated().invariant(self.invariant).check(check).network(network);
        let mut run = test.start(&system(self.workloads)?, settings)?;
        run.wait_for_clients(LONG)?;
        Ok(run)
    }

    /// Looks for a state in which all are done, and then at every state.
    fn search(self, search: &mut SearchTest, goal: &str) -> Result<Reached, Failed> {
        let start = search.start(&system(self.workloads)?)?;
        search.invariant(self.invariant);
        let done = search.stage(goal).goal(clients_done()).from(&start)?;
        search.stage("every state until then").prune(clients_done()).exhaust().from(&start)?;
        Ok(done)
    }
}

fn t01(_: &mut UnitTest) -> Result<(), Failed> {
    let mut store = KvStore::default();
    let mut steps = vec![("GET:FOO", "KeyNotFound"), ("PUT:FOO:BAR", "PutOk"), ("GET:FOO", "BAR")];
    steps.extend([("GET:BAZ", "KeyNotFound"), ("APPEND:FOO:BAZ", "BARBAZ"), ("GET:FOO", "BARBAZ")]);
    steps.extend([("APPEND:X:Y", "Y"), ("PUT:FOO:", "PutOk"), ("GET:FOO", ""), ("PUT:FOO:Z", "PutOk")]);
    steps.extend([("GET:FOO", "Z"), ("GET:X", "Y")]);
    let workload = Workload::parse_expecting(
        KvParser,
        steps.iter().map(|(command, _)| *command),
        steps.iter().map(|(_, result)| *result),
    )?;
    for i in 0..steps.len() {
        let Some((command, Some(expected))) = workload.command(SERVER, i) else { continue };
        let response = store.execute(&command);
        let before: Vec<&str> = steps[..i].iter().map(|(command, _)| *command).collect();
        check!(
            response == expected,
            "{} gave {response:?}, expected {expected:?}, after {}",
            steps[i].0,
            if before.is_empty() { "nothing".to_owned() } else { before.join(", ") }
        );
    }
    Ok(())
}

fn t02(test: &mut RunTest) -> Result<(), Failed> {
    let cut_off = test.simulated().network(|network| network.network(false));
    let command = || KvParser.command("PUT:foo:bar").map_err(Failed::because);
    let mut run = test.start(&system([])?, cut_off)?;
    let alone = run.add_interactive(Address::client(1), SimpleClient::new(SERVER))?;
    run.send(&alone, command()?)?;
    run.run_for(Duration::from_secs(5))?;
    let response = run.response(&alone);
    check!(response.is_none(), "no message arrives, but the client has the response {response:?}");
    let mut run = test.start(&system([])?, test.simulated())?;
    let client = run.add_interactive(Address::client(1), SimpleClient::new(SERVER))?;
    let response = run.ask(&client, command()?, LONG)?;
    check!(response == KvResponse::PutOk, "the client got {response:?} for a put, expected PutOk");
    Ok(())
}

fn t03(test: &mut RunTest) -> Result<(), Failed> {
    Clients::new(1, &simple_workload()).run(test, Network::reliable).map(drop)
}

fn t04(test: &mut RunTest) -> Result<(), Failed> {
    Clients::new(10, &append_different_key_workload(50)).run(test, Network::reliable).map(drop)
}

fn t05(test: &mut RunTest) -> Result<(), Failed> {
    Clients::appending_to_one_key(10, 5).run(test, Network::reliable).map(drop)
}

fn t06(test: &mut RunTest) -> Result<(), Failed> {
    let settings = test.simulated().network(Network::unreliable);
    let mut run = test.start(&system([simple_workload()])?, settings)?;
    run.wait_for_clients(LONG)?;
    Ok(())
}

fn t07(test: &mut RunTest) -> Result<(), Failed> {
    Clients::new(1, &simple_workload()).run(test, Network::unreliable).map(drop)
}

fn t08(test: &mut RunTest) -> Result<(), Failed> {
    Clients::new(1, &append_different_key_workload(50)).run(test, Network::unreliable).map(drop)
}

fn t09(test: &mut RunTest) -> Result<(), Failed> {
    Clients::new(10, &append_different_key_workload(20)).run(test, Network::unreliable).map(drop)
}

fn t10(test: &mut RunTest) -> Result<(), Failed> {
    Clients::appending_to_one_key(10, 5).run(test, Network::unreliable).map(drop)
}

/// The bytes of a large value, and what server and client may hold beside a few of them.
const VALUE: usize = 100_000;
const KEYS: usize = 20;

fn t11(test: &mut RunTest) -> Result<(), Failed> {
    let mut commands = Vec::new();
    for number in 0..KEYS {
        let key = format!("key{number}");
        commands.push(KvCommand::Put { key: key.clone(), value: "x".repeat(VALUE) });
        commands.push(KvCommand::Get { key: key.clone() });
        commands.push(KvCommand::Append { key: key.clone(), value: "y".to_owned() });
        commands.push(KvCommand::Put { key, value: String::new() });
    }
    let settings = test.simulated();
    let mut run = test.start(&system([Workload::commands(commands)])?, settings)?;
    run.wait_for_clients(LONG)?;
    let size = run.state_size(SERVER)?;
    check!(
        size < VALUE,
        "at the end every value is empty, but the server holds {size} bytes; it has to forget old commands and \
         responses"
    );
    // The worker of the test keeps all results: what is beyond them is the client's.
    let results = KEYS * 2 * (VALUE + 100);
    let size = run.state_size(Address::client(1))?;
    check!(
        size < results + VALUE,
        "the client holds {} bytes beside its results; it has to forget old commands and responses",
        size.saturating_sub(results)
    );
    Ok(())
}

fn t12(test: &mut RunTest) -> Result<(), Failed> {
    let workload = different_keys_infinite_workload(Some(Duration::from_millis(10)));
    let settings = test.simulated().invariant(results_ok()).check(Check::Every(Duration::from_secs(5)));
    let mut run = test.start(&system(vec![workload; 5])?, settings)?;
    run.run_for(Duration::from_secs(30))?;
    let longest = run.max_wait();
    check!(
        longest < Duration::from_secs(1),
        "a client waited {longest:?} for a response, expected less than 1s"
    );
    let least = run.inspect(|view| view.workers().map(|worker| worker.result_count()).min());
    check!(
        least > Some(500),
        "in 30 s a client got {} responses, expected 500 at least",
        least.unwrap_or_default()
    );
    Ok(())
}

fn t13(search: &mut SearchTest) -> Result<Reached, Failed> {
    let done = Clients::new(1, &put_append_get_workload()).search(search, "the client is done")?;
    let start = search.start(&system([put_append_get_workload()])?)?;
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

fn t14(search: &mut SearchTest) -> Result<Reached, Failed> {
    Clients::new(1, &append_append_get()).search(search, "the client is done")
}

fn t15(search: &mut SearchTest) -> Result<Reached, Failed> {
    Clients::new(3, &append_different_key_workload(2)).search(search, "all clients are done")
}

fn t16(search: &mut SearchTest) -> Result<Reached, Failed> {
    Clients::appending_to_one_key(3, 2).search(search, "all clients are done")
}

fn t17(search: &mut SearchTest) -> Result<Reached, Failed> {
    let clients = Clients::new(2, &different_keys_infinite_workload(None));
    let start = search.start(&system(clients.workloads)?)?;
    search.invariant(clients.invariant);
    let three = Predicate::for_each_worker("every client has three responses", |worker| {
        match worker.result_count() {
            0..3 => Outcome::fails(format!("{} has {}", worker.address(), worker.result_count())),
            _ => Outcome::holds(),
        }
    });
    let reached = search.stage("both clients get three responses").max_depth(60).goal(three).from(&start)?;
    search.stage("the first 200,000 states").max_depth(100).bounded(200_000).from(&start)?;
    search.stage("random ways, 300 events long").random(30).max_depth(300).from(&start)?;
    search.stage("and on from three responses").random(30).max_depth(300).from(&reached)?;
    Ok(reached)
}

fn t18(test: &mut RunTest) -> Result<(), Failed> {
    let settings = test.real_time().invariant(results_ok());
    let mut run = test.start(&system(vec![append_different_key_workload(3); 2])?, settings)?;
    run.wait_for_clients(Duration::from_secs(60))?;
    Ok(())
}
