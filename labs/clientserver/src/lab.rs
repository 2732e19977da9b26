//! Builds systems of this lab for the `lab` command.

use framework::predicate::clients_done;
use framework::{Address, Lab, LabOptions, Scenario, System};

use crate::client::SimpleClient;
use crate::clients::{DEFAULT_WORKLOAD, LabClients};
use crate::kvstore::KvStore;
use crate::server::SimpleServer;
use crate::workload::KvWorkload;

/// Lab 1 as the `lab` command sees it: one server, `--clients` clients with the commands of `--workload`.
///
/// What is checked depends on the commands ([`LabClients`]); that all clients finish is always the goal.
#[derive(Clone, Copy, Debug)]
pub struct ClientServer;

impl Lab for ClientServer {
    fn name(&self) -> &'static str {
        "clientserver"
    }

    fn about(&self) -> &'static str {
        "Lab 1: a key-value store that executes every command exactly once"
    }

    fn default_workload(&self) -> Option<&'static str> {
        Some(DEFAULT_WORKLOAD)
    }

    fn scenario(&self, options: &LabOptions) -> Result<Scenario, String> {
        if let Some(count) = options.servers
            && count != 1
        {
            return Err(format!("clientserver has one server, not {count}; leave `--servers` out"));
        }
        let LabClients { workloads, invariants, monitors } = LabClients::of(options)?;
        let system = system(workloads).map_err(|error| error.to_string())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(clients: u16, workload: Option<&str>) -> Result<Scenario, String> {
        let workload = workload.map(str::to_owned);
        ClientServer.scenario(&LabOptions { clients: Some(clients), workload, ..LabOptions::default() })
    }
    // BEGIN INSTRUCTOR ONLY

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
    // END INSTRUCTOR ONLY

    #[test]
    fn says_what_to_give_instead() {
        insta::assert_snapshot!(scenario(0, None).unwrap_err(), @"without clients nothing happens; give `--clients 1` or more");
        insta::assert_snapshot!(scenario(1, Some("")).unwrap_err(), @"`--workload` has no commands in it; give some, such as `--workload PUT:k:v,GET:k`");
        insta::assert_snapshot!(scenario(1, Some("GET:k,DELETE:k")).unwrap_err(), @"command 2 of the workload, `DELETE:k`, does not parse: `DELETE` is no command; expected `GET:key`, `PUT:key:value` or `APPEND:key:value`");
        let servers = LabOptions { servers: Some(3), ..LabOptions::default() };
        insta::assert_snapshot!(ClientServer.scenario(&servers).unwrap_err(), @"clientserver has one server, not 3; leave `--servers` out");
    }
}
