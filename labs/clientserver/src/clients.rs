//! Clients of a key-value store as the `lab` command's options describe them, and what can be expected of them.

use std::collections::BTreeMap;

use framework::linearizability::Monitor;
use framework::predicate::results_ok;
use framework::{Address, Application, LabOptions, Predicate, Workload};

use crate::kvstore::{KvCommand, KvStore};
use crate::predicates::{appends_linearizable, store_linearizable};
use crate::workload::{KvParser, KvWorkload};

/// What stands for `--workload`. Each client has a key of its own, so that its results are known however many clients there are.
pub const DEFAULT_WORKLOAD: &str = "PUT:foo-%a:bar,APPEND:foo-%a:baz,GET:foo-%a";

/// The clients of a system that the `lab` command builds. Later labs, which replicate the store, use it too.
///
/// What is checked depends on the commands. If no two clients use the same key, every client has to get what
/// a store of its own would answer. If all commands are appends to one key, their results have to be
/// linearizable, which a predicate can tell. Of all other workloads a monitor tells whether the results are.
#[derive(Clone, Debug)]
pub struct LabClients {
    /// The clients with their commands, and with the results if they are known.
    pub workloads: Vec<(Address, KvWorkload)>,
    /// What their results have to satisfy.
    pub invariants: Vec<Predicate>,
    /// The same, where it depends on when the results came.
    pub monitors: Vec<Monitor>,
}

impl LabClients {
    /// `--clients` clients, one unless it is given, with the commands of `--workload`.
    ///
    /// # Errors
    ///
    /// When there are no clients or no commands, or a command does not parse; the message says what to give
    /// instead.
    pub fn of(options: &LabOptions) -> Result<Self, String> {
        let client_count = options.clients.unwrap_or(1);
        if client_count == 0 {
            return Err("without clients nothing happens; give `--clients 1` or more".to_owned());
        }
        let workload = workload(options)?;
        let clients: Vec<ClientCommands> =
            (1..=client_count).map(|number| ClientCommands::of(&workload, Address::client(number))).collect();
        let workloads = |with: &dyn Fn(&ClientCommands) -> KvWorkload| -> Vec<(Address, KvWorkload)> {
            clients.iter().map(|client| (client.address, with(client))).collect()
        };
        if have_keys_of_their_own(&clients) {
            let workloads = workloads(&ClientCommands::expecting);
            return Ok(Self { workloads, invariants: vec![results_ok()], monitors: Vec::new() });
        }
        let workloads = workloads(&|_| workload.clone());
        let (invariants, monitors) = if append_to_one_key(&clients) {
            (vec![appends_linearizable(workloads.clone())], Vec::new())
        } else {
            (Vec::new(), vec![store_linearizable()])
        };
        Ok(Self { workloads, invariants, monitors })
    }
}

/// The commands of every client, with any results.
fn workload(options: &LabOptions) -> Result<KvWorkload, String> {
    let texts = match options.commands() {
        Some(texts) if texts.is_empty() => {
            return Err("`--workload` has no commands in it; give some, such as `--workload PUT:k:v,GET:k`"
                .to_owned());
        }
        Some(texts) => texts,
        None => DEFAULT_WORKLOAD.split(',').map(str::to_owned).collect(),
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
// BEGIN INSTRUCTOR ONLY

// What is expected is what the store answers, so this needs one.
#[cfg(test)]
mod tests {
    use super::*;

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
}
// END INSTRUCTOR ONLY
