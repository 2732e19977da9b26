//! What a system is built from: the two kinds of nodes of a solution, and systems with them.

use clientserver::{KvCommand, KvResponse, KvWorkload};
use framework::{Address, Client, Node, System, SystemError};

use crate::admin::{AdminClient, AdminCommand, AdminResponse};
use crate::client::RaftClient;
use crate::inspect::Inspect;
use crate::options::Options;
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

    /// A server that has never run; `own` is its address. `members` are the servers of the group when it begins; those
    /// that may join later are made without any.
    fn server(&self, own: Address, members: &[Address], options: &Options) -> Self::Server;

    /// A client of these servers.
    fn client(&self, servers: &[Address]) -> Self::Client;
}

/// A solution of parts 7 and 8: its servers obey an administrator.
pub trait Reconfigurable: Design {
    /// Its administrator.
    type Admin: Client<
            Command = AdminCommand,
            Response = AdminResponse,
            Message = <Self::Server as Node>::Message,
            Timer = <Self::Server as Node>::Timer,
        >;

    /// An administrator of these servers: all that there are, whether they are members or not.
    fn admin(&self, servers: &[Address]) -> Self::Admin;
}

/// The solution in this crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Handout;

impl Design for Handout {
    type Server = RaftServer;
    type Client = RaftClient;

    fn server(&self, _: Address, members: &[Address], options: &Options) -> RaftServer {
        RaftServer::new(members.to_vec(), options.clone())
    }

    fn client(&self, servers: &[Address]) -> RaftClient {
        RaftClient::new(servers.to_vec())
    }
}

impl Reconfigurable for Handout {
    type Admin = AdminClient;

    fn admin(&self, servers: &[Address]) -> AdminClient {
        AdminClient::new(servers.to_vec())
    }
}

/// The addresses `server1` to `serverN`.
pub fn server_addresses(count: u16) -> Vec<Address> {
    (1..=count).map(Address::server).collect()
}

/// Adds `server1` to `serverN` for `count` servers of which the first `members` are the group when it begins; the others
/// may join later. Returns all their addresses.
///
/// # Errors
///
/// When the system has nodes with such addresses.
pub fn add_servers<D: Design>(
    system: &mut System,
    design: &D,
    members: u16,
    count: u16,
    options: &Options,
) -> Result<Vec<Address>, SystemError> {
    let servers = server_addresses(count);
    let (group, spare) = servers.split_at(usize::from(members).min(servers.len()));
    for own in group {
        system.add(*own, design.server(*own, group, options))?;
    }
    for own in spare {
        system.add(*own, design.server(*own, &[], options))?;
    }
    Ok(servers)
}

/// `server1` to `serverN`, with the [options](Options) of parts 1 to 4, and these clients.
///
/// # Errors
///
/// When two clients have one address.
pub fn system<D: Design>(
    design: &D,
    server_count: u16,
    clients: impl IntoIterator<Item = (Address, KvWorkload)>,
) -> Result<System, SystemError> {
    let mut system = System::new();
    let servers = add_servers(&mut system, design, server_count, server_count, &Options::default())?;
    for (address, workload) in clients {
        system.add_client(address, design.client(&servers), workload)?;
    }
    Ok(system)
}
