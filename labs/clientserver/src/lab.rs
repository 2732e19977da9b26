//! Builds systems of this lab for the `lab` command, and finds out what can be expected of them.

use std::collections::BTreeMap;

use framework::predicate::{clients_done, results_ok};
use framework::{Address, Application, Lab, LabOptions, Scenario, System, Workload};

use crate::client::SimpleClient;
use crate::kvstore::{KvCommand, KvStore};
use crate::predicates::{appends_linearizable, store_linearizable};
use crate::server::SimpleServer;
use crate::workload::{KvParser, KvWorkload};

/// Each client has a key of its own, so that its results are known however many clients there are.
const DEFAULT_WORKLOAD: [&str; 3] = ["PUT:foo-%a:bar", "APPEND:foo-%a:baz", "GET:foo-%a"];

/// Lab 1 as the `lab` command sees it: one server, `--clients` clients with the commands of `--workload`.
///
/// What is checked depends on the commands. If no two clients use the same key, every client has to get what
/// a store of its own would answer. If all commands are appends to one key, their results have to be
/// linearizable, which a predicate can tell. Of all other workloads a monitor tells whether the results are.
#[derive(Clone, Copy, Debug)]
pub struct ClientServer;

impl Lab for ClientServer {
    fn name(&self) -> &'static str {
        "clientserver"
    }

    fn about(&self) -> &'static str {
        "Lab 1: a key-value store that executes every command exactly once"
    }

    fn scenario(&self, options: &LabOptions) -> Result<Scenario, String> {
        if let Some(count) = options.servers
            && count != 1
        {
            return Err(format!("clientserver has one server, not {count}; leave `--servers` out"));
        }
        let client_count = options.clients.unwrap_or(1);
        if client_count == 0 {
            return Err("without clients nothing happens; give `--clients 1` or more".to_owned());
        }
        let workload = workload(options)?;
        let clients: Vec<ClientCommands> =
            (1..=client_count).map(|number| ClientCommands::of(&workload, Address::client(number))).collect();
        let (mut invariants, mut monitors) = (Vec::new(), Vec::new());
        let workloads = if have_keys_of_their_own(&clients) {
            invariants.push(results_ok());
            clients.iter().map(ClientCommands::expecting).collect()
        } else {
            let workloads = vec![workload; clients.len()];
            if append_to_one_key(&clients) {
                let judged = clients.iter().map(|client| client.address).zip(workloads.iter().cloned());
                invariants.push(appends_linearizable(judged));
            } else {
                monitors.push(store_linearizable());
            }
            workloads
        };
        let system = system(clients.iter().map(|client| client.address).zip(workloads))
            .map_err(|error| error.to_string())?;
        Ok(Scenario {
            system,
            invariants,
            step_invariants: Vec::new(),
            monitors,
            goals: vec![clients_done()],
        })
    }
}

fn system(
    clients: impl IntoIterator<Item = (Address, KvWorkload)>,
) -> Result<System, framework::SystemError> {
    let server = Address::server(1);
    let mut system = System::new();
    system.add(server, SimpleServer::new(KvStore::default()))?;
    for (address, workload) in clients {
        system.add_client(address, SimpleClient::new(server), workload)?;
    }
    Ok(system)
}

/// The commands of every client, with any results.
fn workload(options: &LabOptions) -> Result<KvWorkload, String> {
    let texts = match options.commands() {
        Some(texts) if texts.is_empty() => {
            return Err("`--workload` has no commands in it; give some, such as `--workload PUT:k:v,GET:k`"
                .to_owned());
        }
        Some(texts) => texts,
        None => DEFAULT_WORKLOAD.map(str::to_owned).to_vec(),
    };
    let workload = Workload::parse(KvParser, texts).map_err(|error| error.to_string())?;
    Ok(workload.seeded(options.seed))
}

/// The commands of one client, with its templates filled in.
struct ClientCommands {
    address: Address,
    commands: Vec<KvCommand>,
}

impl ClientCommands {
    fn of(workload: &KvWorkload, address: Address) -> Self {
        let commands = (0..).map_while(|i| workload.command(address, i)).map(|(command, _)| command);
        Self { address, commands: commands.collect() }
    }

    /// The commands with what a store that nobody else uses answers.
    fn expecting(&self) -> KvWorkload {
        let mut store = KvStore::default();
        Workload::expecting(self.commands.iter().map(|command| (command.clone(), store.execute(command))))
    }
}

/// Whether no two clients use the same key.
fn have_keys_of_their_own(clients: &[ClientCommands]) -> bool {
    let mut owners: BTreeMap<&str, Address> = BTreeMap::new();
    clients.iter().all(|client| {
        client.commands.iter().all(|c| *owners.entry(c.key()).or_insert(client.address) == client.address)
    })
}

/// Whether all clients do nothing but append, to the same key.
fn append_to_one_key(clients: &[ClientCommands]) -> bool {
    let mut commands = clients.iter().flat_map(|client| &client.commands).peekable();
    let key = commands.peek().map(|command| command.key());
    commands.all(|command| matches!(command, KvCommand::Append { .. }) && Some(command.key()) == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(clients: u16, workload: Option<&str>) -> Result<Scenario, String> {
        let workload = workload.map(str::to_owned);
        ClientServer.scenario(&LabOptions { clients: Some(clients), workload, ..LabOptions::default() })
    }
    // BEGIN SOLUTION

    // What is expected is what the store answers, so these need one.
    fn invariants(clients: u16, workload: Option<&str>) -> Vec<String> {
        let scenario = scenario(clients, workload).unwrap();
        assert_eq!(scenario.system.len(), usize::from(clients) + 1);
        let invariants = scenario.invariants.iter().map(|invariant| invariant.name().to_owned());
        invariants.chain(scenario.monitors.iter().map(|monitor| monitor.name().to_owned())).collect()
    }

    #[test]
    fn checks_what_the_commands_allow() {
        let (expected, linearizable) =
            ("clients got the expected results", "appends to one key are linearizable");
        assert_eq!(invariants(1, None), [expected]);
        assert_eq!(invariants(3, None), [expected]);
        assert_eq!(invariants(1, Some("GET:k,PUT:k:v")), [expected]);
        assert_eq!(invariants(2, Some("APPEND:k:%a")), [linearizable]);
        let monitored = "results are linearizable";
        assert_eq!(invariants(2, Some("APPEND:k:%a,GET:k")), [monitored]);
        assert_eq!(invariants(2, Some("APPEND:k:%a,APPEND:l:%a")), [monitored]);
    }

    #[test]
    fn expects_what_a_store_of_its_own_answers() {
        let workload = workload(&LabOptions::default()).unwrap();
        let client = ClientCommands::of(&workload, Address::client(2)).expecting();
        let steps: Vec<String> = (0..)
            .map_while(|i| client.command(Address::client(2), i))
            .map(|step| format!("{step:?}"))
            .collect();
        assert_eq!(
            steps,
            [
                r#"(Put { key: "foo-client2", value: "bar" }, Some(PutOk))"#,
                r#"(Append { key: "foo-client2", value: "baz" }, Some(AppendResult { value: "barbaz" }))"#,
                r#"(Get { key: "foo-client2" }, Some(GetResult { value: "barbaz" }))"#,
            ]
        );
    }
    // END SOLUTION

    #[test]
    fn says_what_to_give_instead() {
        insta::assert_snapshot!(scenario(0, None).unwrap_err(), @"without clients nothing happens; give `--clients 1` or more");
        insta::assert_snapshot!(scenario(1, Some("")).unwrap_err(), @"`--workload` has no commands in it; give some, such as `--workload PUT:k:v,GET:k`");
        insta::assert_snapshot!(scenario(1, Some("GET:k,DELETE:k")).unwrap_err(), @"command 2 of the workload, `DELETE:k`, does not parse: `DELETE` is no command; expected `GET:key`, `PUT:key:value` or `APPEND:key:value`");
        let servers = LabOptions { servers: Some(3), ..LabOptions::default() };
        insta::assert_snapshot!(ClientServer.scenario(&servers).unwrap_err(), @"clientserver has one server, not 3; leave `--servers` out");
    }
}
