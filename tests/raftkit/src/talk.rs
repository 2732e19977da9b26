//! Runs in which the test itself is the clients: it asks, cuts servers off, and asks again.

use std::time::Duration;

use clientserver::{KvCommand, KvResponse};
use framework::Address;
use raft::{Design, server_addresses};
use runner::{Interactive, Network, Run, Settings};
use testkit::{Failed, RunTest, check};

use crate::{Elected, LONG, Setup, elect, logs_agree, without};

/// A run of servers, and clients that the test talks to. Everybody uses one key, `k`, unless a test says something else.
pub struct Talk<D: Design> {
    /// The run.
    pub run: Run,
    /// All servers.
    pub servers: Vec<Address>,
    clients: Vec<Interactive<D::Client>>,
}

impl<D: Design + Default> Talk<D> {
    /// Starts a run of these servers, with so many clients that ask when the test says so.
    ///
    /// # Errors
    ///
    /// As [`RunTest::start`].
    pub fn new(
        test: &mut RunTest,
        setup: &Setup<D>,
        settings: Settings,
        clients: u16,
    ) -> Result<Self, Failed> {
        let count = setup.group.addresses().count();
        let servers = server_addresses(u16::try_from(count).expect("a few servers"));
        let mut run = setup.run(test, settings)?;
        let clients: Result<Vec<_>, _> = (1..=clients)
            .map(|number| run.add_interactive(Address::client(number), D::default().client(&servers)))
            .collect();
        Ok(Self { run, servers, clients: clients? })
    }

    /// Waits until one of these leads the others in a term after `after`.
    ///
    /// # Errors
    ///
    /// When that takes too long, or something is violated.
    pub fn elect(&mut self, among: &[Address], after: u64) -> Result<Elected, Failed> {
        elect::<D::Server>(&mut self.run, among, after)
    }

    /// Client `number` (from 1) asks and waits for the response.
    ///
    /// # Errors
    ///
    /// When none comes, or something is violated.
    pub fn ask(&mut self, number: usize, command: KvCommand) -> Result<KvResponse, Failed> {
        Ok(self.run.ask(&self.clients[number - 1], command, LONG)?)
    }

    /// Client `number` (from 1) asks; nobody waits.
    ///
    /// # Errors
    ///
    /// When it waits for the response to an earlier command.
    pub fn send(&mut self, number: usize, command: KvCommand) -> Result<(), Failed> {
        Ok(self.run.send(&self.clients[number - 1], command)?)
    }

    /// What client `number` (from 1) got for its latest command, if it got anything.
    pub fn response(&self, number: usize) -> Option<KvResponse> {
        self.run.response(&self.clients[number - 1])
    }

    /// Client `number` (from 1) appends a value and gets the result.
    ///
    /// # Errors
    ///
    /// When it gets another result or none, or something is violated.
    pub fn append(&mut self, number: usize, value: &str) -> Result<(), Failed> {
        let response = self.ask(number, append(value))?;
        let ends_well =
            matches!(&response, KvResponse::AppendResult { value: whole } if whole.ends_with(value));
        check!(ends_well, "client{number} appended `{value}` and got {response:?}");
        Ok(())
    }

    /// Client `number` (from 1) reads a value.
    ///
    /// # Errors
    ///
    /// When it gets another one or none, or something is violated.
    pub fn expect(&mut self, number: usize, expected: &str) -> Result<(), Failed> {
        let response = self.ask(number, get())?;
        let expected = KvResponse::GetResult { value: expected.to_owned() };
        check!(response == expected, "client{number} got {response:?} for a get, expected {expected:?}");
        Ok(())
    }

    /// Time passes.
    ///
    /// # Errors
    ///
    /// When something is violated.
    pub fn pass(&mut self, time: Duration) -> Result<(), Failed> {
        Ok(self.run.run_for(time)?)
    }

    /// Cuts these servers off from the others. Clients reach both sides.
    pub fn cut(&mut self, some: &[Address]) {
        let rest = without(&self.servers, some);
        self.run.network(|network| network.split([some, &rest]));
    }

    /// Mends the network.
    pub fn heal(&mut self) {
        self.run.network(Network::heal);
    }

    /// Crashes and restarts a server.
    ///
    /// # Errors
    ///
    /// When it is down, or something is violated.
    pub fn restart(&mut self, server: Address) -> Result<(), Failed> {
        self.run.crash(server)?;
        Ok(self.run.restart(server)?)
    }

    /// Waits until all servers have applied the same log to its end.
    ///
    /// # Errors
    ///
    /// When that takes too long, or something is violated.
    pub fn agree(&mut self) -> Result<(), Failed> {
        self.run.wait_for(&logs_agree::<D::Server>(&self.servers), LONG)?;
        Ok(())
    }
}

/// An append to `k`.
fn append(value: &str) -> KvCommand {
    KvCommand::Append { key: "k".to_owned(), value: value.to_owned() }
}

/// A get of `k`.
fn get() -> KvCommand {
    KvCommand::Get { key: "k".to_owned() }
}
