//! Runs in which the test itself is the clients: it asks, cuts servers off, and asks again.

use std::time::Duration;

use clientserver::{KvCommand, KvResponse};
use framework::Address;
use raft::{Design, server_addresses};
use runner::{Interactive, Network, Run, Settings};
use testkit::{Failed, RunTest, check};

use crate::{Elected, LONG, Setup, agree, elect, without};

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

    /// The number (from 1) of the first client that waits for nothing.
    pub fn idle(&self) -> Option<usize> {
        let operations = self.run.operations();
        let waiting: Vec<Address> =
            operations.iter().filter(|o| o.returned_at().is_none()).map(|o| o.client).collect();
        self.clients.iter().position(|client| !waiting.contains(&client.address())).map(|index| index + 1)
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

    /// The value of the key, read by client `number` (from 1).
    ///
    /// # Errors
    ///
    /// When it gets something else or nothing, or something is violated.
    pub fn get(&mut self, number: usize) -> Result<String, Failed> {
        match self.ask(number, get())? {
            KvResponse::GetResult { value } => Ok(value),
            other => Err(Failed::because(format!("client{number} got {other:?} for a get"))),
        }
    }

    /// Client `number` (from 1) appends a value, and nobody answers for 5 s.
    ///
    /// # Errors
    ///
    /// When it is answered, or something is violated.
    pub fn append_in_vain(&mut self, number: usize, value: &str, why: &str) -> Result<(), Failed> {
        self.send(number, append(value))?;
        self.pass(Duration::from_secs(5))?;
        let response = self.response(number);
        check!(response.is_none(), "{why}, but client{number} was answered: {response:?}");
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

    /// Crashes a server.
    ///
    /// # Errors
    ///
    /// When it is down already, or something is violated.
    pub fn crash(&mut self, server: Address) -> Result<(), Failed> {
        Ok(self.run.crash(server)?)
    }

    /// Restarts a server that crashed.
    ///
    /// # Errors
    ///
    /// When it is up, or something is violated.
    pub fn restart(&mut self, server: Address) -> Result<(), Failed> {
        Ok(self.run.restart(server)?)
    }

    /// The messages between servers, and their bytes.
    pub fn between_servers(&self) -> (u64, u64) {
        let servers = &self.servers;
        let count =
            self.run.traffic().matching(|from, to, _| servers.contains(&from) && servers.contains(&to));
        (count.sent, count.bytes)
    }

    /// Waits until all servers have applied the same log to its end; see [`agree`](crate::agree()).
    ///
    /// # Errors
    ///
    /// When that takes too long, something is violated, or every client waits for a response.
    pub fn agree(&mut self) -> Result<(), Failed> {
        let idle = self.idle().ok_or_else(|| Failed::because("every client waits for a response"))?;
        agree::<D>(&mut self.run, &self.servers, &self.clients[idle - 1])
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
