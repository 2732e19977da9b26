//! What a system is built from: the two kinds of nodes of a solution, and systems with them.

use clientserver::{KvCommand, KvResponse, KvWorkload};
use framework::{Address, Client, Node, System, SystemError};

use crate::client::RaftClient;
use crate::inspect::Inspect;
use crate::server::RaftServer;

/// A solution of the lab: how its servers and its clients are made.
///
/// The tests are written for any design. A student's is [`Handout`]; that the tests accept every right design, and not
/// the reference only, is itself tested with others.
pub trait Design: Send + Sync + 'static {
    /// Its servers.
    type Server: Node + Inspect;
    /// Its clients.
    type Client: Client<
            Command = KvCommand,
            Response = KvResponse,
            Message = <Self::Server as Node>::Message,
            Timer = <Self::Server as Node>::Timer,
        >;

    /// A server of the group `servers` that has never run; `own` is its address.
    fn server(&self, own: Address, servers: &[Address]) -> Self::Server;

    /// A client of the group `servers`.
    fn client(&self, servers: &[Address]) -> Self::Client;
}

/// The solution in this crate.
#[derive(Clone, Copy, Debug)]
pub struct Handout;

impl Design for Handout {
    type Server = RaftServer;
    type Client = RaftClient;

    fn server(&self, _: Address, servers: &[Address]) -> RaftServer {
        RaftServer::new(servers.to_vec())
    }

    fn client(&self, servers: &[Address]) -> RaftClient {
        RaftClient::new(servers.to_vec())
    }
}

/// The addresses `server1` to `serverN`.
pub fn server_addresses(count: u16) -> Vec<Address> {
    (1..=count).map(Address::server).collect()
}

/// `server1` to `serverN`, and these clients.
///
/// # Errors
///
/// When two clients have one address.
pub fn system<D: Design>(
    design: &D,
    server_count: u16,
    clients: impl IntoIterator<Item = (Address, KvWorkload)>,
) -> Result<System, SystemError> {
    let servers = server_addresses(server_count);
    let mut system = System::new();
    for own in &servers {
        system.add(*own, design.server(*own, &servers))?;
    }
    for (address, workload) in clients {
        system.add_client(address, design.client(&servers), workload)?;
    }
    Ok(system)
}
