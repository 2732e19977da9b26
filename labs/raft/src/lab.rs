//! Builds systems of this lab for the `lab` command.

use clientserver::{DEFAULT_WORKLOAD, LabClients};
use framework::predicate::clients_done;
use framework::{Address, Lab, LabOption, LabOptions, Scenario, System, Workload};

use crate::admin::{AdminParser, AdminWorkload};
use crate::design::{Design, Handout, Reconfigurable, add_servers};
use crate::options::Options;
use crate::predicates::{Group, durable_state_is_current, some_leader};
use crate::server::RaftServer;

/// Lab 2 as the `lab` command sees it: `--servers` servers, three unless it is given, and `--clients` clients with the
/// commands of `--workload`. The goal is that all clients finish; without clients, that there is a leader.
///
/// With `--spare 2` there are two more servers, which wait to be added, and with `--admin 'LEARN:4;CHANGE:1,2,4'` an
/// administrator who does this; then the goal is that it finishes, too. The other options turn on what parts 5 to 7 are
/// about.
///
/// All properties of states are checked, and of the clients' results what lab 1 knows of them. Properties of steps make
/// a search slower, so they are checked only if `--steps true` is given.
#[derive(Clone, Copy, Debug)]
pub struct Raft;

impl Lab for Raft {
    fn name(&self) -> &'static str {
        "raft"
    }

    fn about(&self) -> &'static str {
        "Lab 2: a key-value store replicated by Raft"
    }

    fn options(&self) -> Vec<LabOption> {
        vec![
            LabOption {
                name: "steps",
                help: "Check the properties of steps, too (slower)",
                default: "false",
            },
            LabOption {
                name: "durable",
                help: "Check that term, vote and log are persisted (part 4)",
                default: "true",
            },
            LabOption {
                name: "spare",
                help: "How many more servers wait to be added (part 8)",
                default: "0",
            },
            LabOption {
                name: "admin",
                help: "What an administrator asks for, such as \"LEARN:4;CHANGE:1,2,4\"; also RETAIN:1,2, FORGET:4, \
                       TRANSFER:2, CONFIG (parts 7 and 8)",
                default: "",
            },
            LabOption {
                name: "noop",
                help: "Begin a term with an empty entry: true, false, or auto, which is as part 6 and 8 need it",
                default: "auto",
            },
            LabOption {
                name: "snapshot-every",
                help: "Replace so many applied entries by a snapshot (part 5); 0 is never",
                default: "0",
            },
            LabOption {
                name: "read-index",
                help: "Answer reads without log entries (part 6)",
                default: "false",
            },
            LabOption {
                name: "pre-vote",
                help: "Ask for votes before a new term begins (part 7)",
                default: "false",
            },
            LabOption {
                name: "check-quorum",
                help: "A leader that hears from no majority steps down (part 7)",
                default: "false",
            },
        ]
    }

    fn default_workload(&self) -> Option<&'static str> {
        Some(DEFAULT_WORKLOAD)
    }

    fn scenario(&self, options: &LabOptions) -> Result<Scenario, String> {
        let members = options.servers.unwrap_or(3);
        if members == 0 {
            return Err("without servers nobody answers; give `--servers 1` or more".to_owned());
        }
        let spare = options.own::<u16>("spare")?;
        let Some(count) = members.checked_add(spare) else {
            return Err(format!("{members} servers and {spare} spare ones are too many"));
        };
        let administrator = administrator(&options.own::<String>("admin")?, count)?;
        if spare > 0 && administrator.is_none() {
            return Err(
                "nobody adds the spare servers; give `--admin 'LEARN:4;CHANGE:1,2,4'` or the like".to_owned()
            );
        }
        // Elections need no clients.
        let (LabClients { workloads, invariants, monitors }, goal) = if options.clients == Some(0) {
            let nobody = LabClients { workloads: Vec::new(), invariants: Vec::new(), monitors: Vec::new() };
            (nobody, if administrator.is_some() { clients_done() } else { some_leader::<RaftServer>() })
        } else {
            (LabClients::of(options)?, clients_done())
        };
        let handout = Handout;
        let mut system = System::new();
        let build = |system: &mut System| {
            let asked = asked(options, administrator.is_some())?;
            let servers =
                add_servers(system, &handout, members, count, &asked).map_err(|error| error.to_string())?;
            for (address, workload) in workloads {
                system
                    .add_client(address, handout.client(&servers), workload)
                    .map_err(|error| error.to_string())?;
            }
            let changes = administrator.is_some();
            if let Some(workload) = administrator {
                system
                    .add_client(Address::named("admin"), handout.admin(&servers), workload)
                    .map_err(|error| error.to_string())?;
            }
            Ok::<bool, String>(changes)
        };
        let changes = build(&mut system)?;
        let group: Group<RaftServer> = Group::of(&system).with_members((1..=members).map(Address::server));
        let mut invariants = [group.invariants(), invariants].concat();
        if changes {
            invariants.extend(group.membership_invariants());
        }
        if options.own::<bool>("durable")? {
            invariants.push(durable_state_is_current(&group));
        }
        let step_invariants =
            if options.own::<bool>("steps")? { group.step_invariants() } else { Vec::new() };
        Ok(Scenario { system, invariants, step_invariants, monitors, goals: vec![goal] })
    }
}

/// What the servers are asked to do.
fn asked(options: &LabOptions, changes: bool) -> Result<Options, String> {
    let read_index = options.own::<bool>("read-index")?;
    let noop = match options.own::<String>("noop")?.as_str() {
        "auto" => read_index || changes,
        "true" => true,
        "false" => false,
        other => return Err(format!("`--noop {other}` is neither `true`, `false` nor `auto`")),
    };
    let every = options.own::<u64>("snapshot-every")?;
    Ok(Options {
        snapshot_every: (every > 0).then_some(every),
        noop,
        read_index,
        pre_vote: options.own("pre-vote")?,
        check_quorum: options.own("check-quorum")?,
    })
}

/// The workload of the administrator, if it has any. Commands are split at semicolons, since they have commas in them.
fn administrator(text: &str, count: u16) -> Result<Option<AdminWorkload>, String> {
    let commands: Vec<&str> = text.split(';').map(str::trim).filter(|command| !command.is_empty()).collect();
    if commands.is_empty() {
        return Ok(None);
    }
    let all = AdminParser::servers(&commands)?;
    if let Some(unknown) = all.iter().find(|server| server.number().is_none_or(|number| number > count)) {
        return Err(format!(
            "`--admin {text}` names {unknown}, but there are {count} servers; give more with `--spare`"
        ));
    }
    Workload::parse(AdminParser, commands).map(Some).map_err(|error| error.to_string())
}
// BEGIN INSTRUCTOR ONLY

// These build systems, and so need the store of lab 1.
#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn options(steps: &str) -> LabOptions {
        let mut own: BTreeMap<String, String> = Raft
            .options()
            .into_iter()
            .map(|option| (option.name.to_owned(), option.default.to_owned()))
            .collect();
        own.insert("steps".to_owned(), steps.to_owned());
        LabOptions { own, ..LabOptions::default() }
    }

    fn names(scenario: &Scenario) -> (Vec<&str>, Vec<&str>) {
        let invariants = scenario.invariants.iter().map(|invariant| invariant.name());
        (invariants.collect(), scenario.step_invariants.iter().map(|invariant| invariant.name()).collect())
    }

    #[test]
    fn checks_everything_about_states_and_steps_if_asked() {
        let scenario = Raft.scenario(&options("false")).unwrap();
        assert_eq!(scenario.system.len(), 4);
        let (invariants, steps) = names(&scenario);
        insta::assert_snapshot!(invariants.join("\n"), @r"
        election safety
        a leader has the votes of a majority
        last_applied ≤ commit_index ≤ last index
        a snapshot covers what was discarded and nothing that is not applied
        terms never decrease along a log
        log matching
        state machine safety
        snapshots are of what is committed
        leader completeness
        committed entries are in the logs of a majority
        a store is what the applied entries make of it
        stores agree
        finished writes are in the logs of a majority
        clients got the expected results
        term, vote and log are persisted
        ");
        assert!(steps.is_empty());
        let scenario = Raft.scenario(&options("true")).unwrap();
        insta::assert_snapshot!(names(&scenario).1.join("\n"), @r"
        terms never decrease
        one vote a term
        leaders were candidates
        commit_index never decreases
        committed entries never change
        leader append-only
        only entries of its own term are committed by a leader
        entries are made by leaders
        last_applied never decreases
        snapshots never get older
        a crash loses no term, no vote and no committed entry
        ");
    }

    #[test]
    fn without_clients_the_goal_is_a_leader() {
        let scenario = Raft.scenario(&LabOptions { clients: Some(0), ..options("false") }).unwrap();
        assert_eq!((scenario.system.len(), scenario.goals[0].name()), (3, "a server is leader"));
        let scenario = Raft.scenario(&options("false")).unwrap();
        assert_eq!(scenario.goals[0].name(), "all clients are done");
    }

    #[test]
    fn says_what_to_give_instead() {
        let refusal = |options: LabOptions| Raft.scenario(&options).unwrap_err();
        let none = LabOptions { servers: Some(0), ..options("false") };
        insta::assert_snapshot!(refusal(none), @"without servers nobody answers; give `--servers 1` or more");
        insta::assert_snapshot!(refusal(options("yes")), @"`--steps yes` is not a bool");
    }

    #[test]
    fn an_administrator_changes_who_is_in_the_group() {
        let with = |spare: &str, admin: &str| {
            let mut options = options("false");
            options.own.insert("spare".to_owned(), spare.to_owned());
            options.own.insert("admin".to_owned(), admin.to_owned());
            Raft.scenario(&options)
        };
        let scenario = with("1", "LEARN:4; CHANGE:1,2,4").unwrap();
        assert_eq!(scenario.system.len(), 6);
        assert!(names(&scenario).0.contains(&"voters change by joint consensus"));
        let refusal = |spare: &str, admin: &str| with(spare, admin).unwrap_err();
        insta::assert_snapshot!(refusal("1", ""), @"nobody adds the spare servers; give `--admin 'LEARN:4;CHANGE:1,2,4'` or the like");
        insta::assert_snapshot!(refusal("0", "LEARN:4"), @"`--admin LEARN:4` names server4, but there are 3 servers; give more with `--spare`");
        insta::assert_snapshot!(refusal("1", "LEARN"), @"`` is not the number of a server, such as 4");
    }
}
// END INSTRUCTOR ONLY
