//! Builds ping-pong systems for the `lab` command.

use framework::predicate::{clients_done, results_ok};
use framework::{Address, CommandParser, Lab, LabOption, LabOptions, Scenario, System, Workload};

use crate::client::PingClient;
use crate::message::{Ping, Pong};
use crate::server::PingServer;

/// Lab 0 as the `lab` command sees it: one server, `--clients` clients, `--pings` pings each.
#[derive(Clone, Copy, Debug)]
pub struct PingPong;

impl Lab for PingPong {
    fn name(&self) -> &'static str {
        "pingpong"
    }

    fn about(&self) -> &'static str {
        "Lab 0: clients that ping a server until it answers"
    }

    fn options(&self) -> Vec<LabOption> {
        vec![LabOption {
            name: "pings",
            help: "How many pings each client sends: ping-1, ping-2, … (`--workload` gives their texts instead)",
            default: "2",
        }]
    }

    fn default_workload(&self) -> Option<&'static str> {
        Some("ping-1,ping-2")
    }

    fn scenario(&self, options: &LabOptions) -> Result<Scenario, String> {
        if let Some(count) = options.servers
            && count != 1
        {
            return Err(format!("pingpong has one server, not {count}; leave `--servers` out"));
        }
        let client_count = options.clients.unwrap_or(1);
        if client_count == 0 {
            return Err("without clients nothing happens; give `--clients 1` or more".to_owned());
        }
        let workload = workload(options)?;
        let server = Address::server(1);
        let mut system = System::new();
        system.add(server, PingServer).map_err(|error| error.to_string())?;
        for number in 1..=client_count {
            system
                .add_client(Address::client(number), PingClient::new(server), workload.clone())
                .map_err(|error| error.to_string())?;
        }
        Ok(Scenario {
            system,
            invariants: vec![results_ok()],
            step_invariants: Vec::new(),
            monitors: Vec::new(),
            goals: vec![clients_done()],
        })
    }
}

/// Every client's pings: those of `--workload`, else `ping-1`, `ping-2`, … Each expects a pong of the same
/// text.
fn workload(options: &LabOptions) -> Result<Workload<Ping, Pong>, String> {
    let (texts, times) = match options.commands() {
        Some(texts) if texts.is_empty() => {
            return Err(
                "`--workload` has no pings in it; give some, such as `--workload hello,bye`".to_owned()
            );
        }
        Some(texts) => (texts, 1),
        None => (vec!["ping-%i".to_owned()], options.own("pings")?),
    };
    let workload =
        Workload::parse_expecting(PingParser, texts.clone(), texts).map_err(|error| error.to_string())?;
    Ok(workload.repeated(times).seeded(options.seed))
}

/// Takes every text as a ping, and as the pong that is expected.
#[derive(Clone, Copy, Debug)]
pub struct PingParser;

impl CommandParser<Ping, Pong> for PingParser {
    fn command(&self, text: &str) -> Result<Ping, String> {
        Ok(Ping(text.to_owned()))
    }

    fn response(&self, _: &Ping, text: &str) -> Result<Pong, String> {
        Ok(Pong(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn options(change: impl FnOnce(&mut LabOptions)) -> LabOptions {
        let own = PingPong.options().into_iter().map(|o| (o.name.to_owned(), o.default.to_owned()));
        let mut options = LabOptions { own: BTreeMap::from_iter(own), ..LabOptions::default() };
        change(&mut options);
        options
    }

    fn texts(options: &LabOptions, client: u16) -> Vec<(String, Option<String>)> {
        let workload = workload(options).unwrap();
        (0..)
            .map_while(|i| workload.command(Address::client(client), i))
            .map(|(ping, pong)| (ping.0, pong.map(|pong| pong.0)))
            .collect()
    }

    fn pair(text: &str) -> (String, Option<String>) {
        (text.to_owned(), Some(text.to_owned()))
    }

    #[test]
    fn pings_are_numbered_and_expect_themselves() {
        assert_eq!(texts(&options(|_| {}), 1), [pair("ping-1"), pair("ping-2")]);
        let three = options(|o| drop(o.own.insert("pings".to_owned(), "3".to_owned())));
        assert_eq!(texts(&three, 2), [pair("ping-1"), pair("ping-2"), pair("ping-3")]);
    }

    #[test]
    fn a_workload_replaces_the_pings() {
        let options = options(|o| o.workload = Some("hello, from-%a-%i".to_owned()));
        assert_eq!(texts(&options, 2), [pair("hello"), pair("from-client2-2")]);
    }

    #[test]
    fn the_server_comes_first_then_the_clients() {
        let scenario = PingPong.scenario(&options(|o| o.clients = Some(2))).unwrap();
        let names: Vec<String> = scenario.system.nodes().map(|(address, _)| address.to_string()).collect();
        assert_eq!(names, ["server1", "client1", "client2"]);
    }

    #[test]
    fn says_what_to_give_instead() {
        let refusal = |change: fn(&mut LabOptions)| PingPong.scenario(&options(change)).unwrap_err();
        insta::assert_snapshot!(refusal(|o| o.servers = Some(3)), @"pingpong has one server, not 3; leave `--servers` out");
        insta::assert_snapshot!(refusal(|o| o.clients = Some(0)), @"without clients nothing happens; give `--clients 1` or more");
        insta::assert_snapshot!(refusal(|o| o.workload = Some(" , ".to_owned())), @"`--workload` has no pings in it; give some, such as `--workload hello,bye`");
        insta::assert_snapshot!(refusal(|o| drop(o.own.insert("pings".to_owned(), "many".to_owned()))), @"`--pings many` is not a u64");
    }
}
