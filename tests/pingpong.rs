//! The graded tests of lab 0: clients that ping a server.
//!
//! Source: DSLabs `PingTest`, with points, and with simulated time in place of time limits.

use std::process::ExitCode;
use std::time::Duration;

use framework::predicate::{clients_done, results_ok};
use framework::{Address, System, Workload};
use pingpong::{PingClient, PingParser, PingServer};
use runner::Network;
use testkit::{Failed, Part, Reached, RunTest, SearchTest, Test};

fn main() -> ExitCode {
    testkit::main(part())
}

fn part() -> Part {
    Part::new("pingpong", "pingpong", "Lab 0: ping-pong")
        .hint("\"The server\" and \"The client\" in labs/pingpong/README.md")
        .test(Test::run(1, "single_client_ping", "A client gets the pong to its ping", t01).points(2))
        .test(
            Test::run(2, "multiple_clients_ping", "Ten clients ping one server at the same time", t02)
                .points(2),
        )
        .test(
            Test::unreliable(
                3,
                "dropped_messages",
                "A client that loses messages asks again until it has its pong",
                t03,
            )
            .points(2),
        )
        .test(
            Test::search(
                4,
                "single_client_repeatedly_pings",
                "Whatever the network does, a client gets the pongs to its pings, and no others",
                t04,
            )
            .points(4)
            .credit("the client gets all its pongs", 1)
            .states(100_000),
        )
        .test(Test::run(5, "real_time", "The same nodes run on threads and a real clock", t05))
}

const SERVER: Address = Address::server(1);

/// In simulated time: thousands of times what a ping takes.
const LONG: Duration = Duration::from_secs(60);

/// One server and clients that send these pings.
fn system(clients: u16, pings: &[&str], times: u64) -> Result<System, Failed> {
    let workload = Workload::parse_expecting(PingParser, pings.to_vec(), pings.to_vec())?.repeated(times);
    let mut system = System::new();
    system.add(SERVER, PingServer)?;
    for client in 1..=clients {
        system.add_client(Address::client(client), PingClient::new(SERVER), workload.clone())?;
    }
    Ok(system)
}

fn t01(test: &mut RunTest) -> Result<(), Failed> {
    let settings = test.simulated().invariant(results_ok());
    let mut run = test.start(&system(1, &["Hello, World!"], 1)?, settings)?;
    run.wait_for_clients(LONG)?;
    Ok(())
}

fn t02(test: &mut RunTest) -> Result<(), Failed> {
    let settings = test.simulated().invariant(results_ok());
    let mut run = test.start(&system(10, &["hello from %a"], 1)?, settings)?;
    run.wait_for_clients(LONG)?;
    Ok(())
}

fn t03(test: &mut RunTest) -> Result<(), Failed> {
    let settings = test.simulated().invariant(results_ok()).network(Network::unreliable);
    let mut run = test.start(&system(1, &["ping-%i"], 100)?, settings)?;
    run.wait_for_clients(LONG)?;
    Ok(())
}

fn t04(search: &mut SearchTest) -> Result<Reached, Failed> {
    let start = search.start(&system(1, &["ping-%i"], 10)?)?;
    search.invariant(results_ok());
    let done = search.stage("the client gets all its pongs").goal(clients_done()).from(&start)?;
    search.stage("every state until then").prune(clients_done()).exhaust().from(&start)?;
    Ok(done)
}

fn t05(test: &mut RunTest) -> Result<(), Failed> {
    let settings = test.real_time().invariant(results_ok());
    let mut run = test.start(&system(2, &["ping-%i"], 3)?, settings)?;
    run.wait_for_clients(LONG)?;
    Ok(())
}
