//! Builds systems of this lab for the `lab` command.

use clientserver::LabClients;
use framework::predicate::clients_done;
use framework::{Lab, LabOption, LabOptions, Scenario};

use crate::design::{Handout, system};
use crate::predicates::{Group, durable_state_is_current, some_leader};
use crate::server::RaftServer;

/// Lab 3 as the `lab` command sees it: `--servers` servers, three unless it is given, and `--clients` clients with the
/// commands of `--workload`. The goal is that all clients finish; without clients, that there is a leader.
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
        "Lab 3: a key-value store replicated by Raft"
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
        ]
    }

    fn scenario(&self, options: &LabOptions) -> Result<Scenario, String> {
        let server_count = options.servers.unwrap_or(3);
        if server_count == 0 {
            return Err("without servers nobody answers; give `--servers 1` or more".to_owned());
        }
        // Elections need no clients.
        let (LabClients { workloads, invariants, monitors }, goal) = if options.clients == Some(0) {
            let nobody = LabClients { workloads: Vec::new(), invariants: Vec::new(), monitors: Vec::new() };
            (nobody, some_leader::<RaftServer>())
        } else {
            (LabClients::of(options)?, clients_done())
        };
        let system = system(&Handout, server_count, workloads).map_err(|error| error.to_string())?;
        let group: Group<RaftServer> = Group::of(&system);
        let mut invariants = [group.invariants(), invariants].concat();
        if options.own::<bool>("durable")? {
            invariants.push(durable_state_is_current(&group));
        }
        let step_invariants =
            if options.own::<bool>("steps")? { group.step_invariants() } else { Vec::new() };
        Ok(Scenario { system, invariants, step_invariants, monitors, goals: vec![goal] })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn options(steps: &str) -> LabOptions {
        let own = BTreeMap::from([("steps", steps), ("durable", "true")]);
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
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
        log matching
        state machine safety
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
}
