//! The graded tests of lab 0: clients that ping a server (DSLabs `PingTest`).

use std::process::ExitCode;

use framework::predicate::{clients_done, results_ok};
use framework::{Address, System, Workload};
use pingpong::{PingClient, PingParser, PingServer};
use testkit::{Failed, Part, Reached, SearchTest, Test};

fn main() -> ExitCode {
    testkit::main(part())
}

fn part() -> Part {
    Part::new("pingpong", "pingpong", "Lab 0: ping-pong")
        .hint("\"The client\" and \"The server\" in labs/pingpong/README.md")
        .test(
            Test::search(
                4,
                "single_client_pings",
                "Whatever the network does, a client gets the pongs to its pings, and no others",
                t04_single_client_pings,
            )
            .points(10)
            .credit("the client gets all its pongs", 4)
            .states(100_000),
        )
}

const SERVER: Address = Address::server(1);

/// One server and clients that send these pings.
fn system(clients: u16, pings: &[&str]) -> Result<System, Failed> {
    let workload = Workload::parse_expecting(PingParser, pings.to_vec(), pings.to_vec())?;
    let mut system = System::new();
    system.add(SERVER, PingServer)?;
    for client in 1..=clients {
        system.add_client(Address::client(client), PingClient::new(SERVER), workload.clone())?;
    }
    Ok(system)
}

fn t04_single_client_pings(search: &mut SearchTest) -> Result<Reached, Failed> {
    let start = search.start(&system(1, &["ping-1", "ping-2", "ping-3"])?)?;
    search.invariant(results_ok());
    let done = search.stage("the client gets all its pongs").goal(clients_done()).from(&start)?;
    search.stage("every state until then").prune(clients_done()).exhaust().from(&start)?;
    Ok(done)
}
