//! Builds systems of the labs for the tests.

use std::time::Duration;

use clientserver::{KvStore, KvWorkload, SimpleClient, SimpleServer};
use framework::{Address, System, Workload};
use pingpong::{Ping, PingClient, PingParser, PingServer, Pong};

pub(crate) const SERVER: Address = Address::server(1);

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Pings that expect themselves.
pub(crate) fn pings(count: u64) -> Workload<Ping, Pong> {
    Workload::parse_expecting(PingParser, ["ping-%i"], ["ping-%i"]).unwrap().repeated(count)
}

/// A server and clients with so many pings each.
pub(crate) fn pingpong(clients: u16, count: u64) -> System {
    let mut system = System::new();
    system.add(SERVER, PingServer).unwrap();
    for number in 1..=clients {
        system.add_client(Address::client(number), PingClient::new(SERVER), pings(count)).unwrap();
    }
    system
}

/// A key-value server and clients with this workload each.
pub(crate) fn key_value(clients: u16, workload: &KvWorkload) -> System {
    let mut system = System::new();
    system.add(SERVER, SimpleServer::new(KvStore::default())).unwrap();
    for number in 1..=clients {
        system.add_client(Address::client(number), SimpleClient::new(SERVER), workload.clone()).unwrap();
    }
    system
}
