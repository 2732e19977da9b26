//! How a lab presents itself to the `lab` command: which systems it can build, and what to check in them.

use std::collections::BTreeMap;

use crate::linearizability::Monitor;
use crate::predicate::{Predicate, StepPredicate};
use crate::system::System;

/// An option that a lab understands beside those that all labs have, such as `--pings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabOption {
    /// Its name, without the dashes.
    pub name: &'static str,
    /// What `--help` says.
    pub help: &'static str,
    /// What it is when it is not given.
    pub default: &'static str,
}

/// What the user asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabOptions {
    /// The number of servers, if given.
    pub servers: Option<u16>,
    /// The number of clients, if given.
    pub clients: Option<u16>,
    /// The commands of each client, if given: `PUT:k:v,GET:k`.
    pub workload: Option<String>,
    /// The seed of random workload templates.
    pub seed: u64,
    /// The lab's own options; each that the lab declares has an entry.
    pub own: BTreeMap<String, String>,
}

impl LabOptions {
    /// One of the lab's own options as a number or whatever else it parses to.
    ///
    /// # Errors
    ///
    /// When it does not parse; the message names the option and the text.
    pub fn own<T: std::str::FromStr>(&self, name: &str) -> Result<T, String> {
        let text = self.own.get(name).ok_or_else(|| format!("the lab has no option `--{name}`"))?;
        text.parse()
            .map_err(|_| format!("`--{name} {text}` is not a {}", crate::encoding::short_type_name::<T>()))
    }

    /// The commands of the workload, split at commas.
    pub fn commands(&self) -> Option<Vec<String>> {
        self.workload.as_ref().map(|text| {
            text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        })
    }
}

/// A system with what should be checked in it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The system.
    pub system: System,
    /// What must hold in every state.
    pub invariants: Vec<Predicate>,
    /// What every step must satisfy.
    pub step_invariants: Vec<StepPredicate>,
    /// What the results of the clients must be all along.
    pub monitors: Vec<Monitor>,
    /// What some state should satisfy.
    pub goals: Vec<Predicate>,
}

/// A lab, as its driver and the `lab` command see it.
pub trait Lab: Send + Sync {
    /// The name: that of the folder and of the crate.
    fn name(&self) -> &'static str;

    /// One sentence for `--help`.
    fn about(&self) -> &'static str;

    /// The lab's own options.
    fn options(&self) -> Vec<LabOption> {
        Vec::new()
    }

    /// What stands for `--workload` where it is not given, if the lab has commands. `cargo lab doctor` repeats it.
    fn default_workload(&self) -> Option<&'static str> {
        None
    }

    /// The lab as code names it: its crate and its type, such as `pingpong::PingPong`. Lab types stand in the root of
    /// their crate.
    fn rust_name(&self) -> String {
        let path = std::any::type_name::<Self>();
        match (path.split("::").next(), path.rsplit("::").next()) {
            (Some(first), Some(last)) if first != last => format!("{first}::{last}"),
            _ => path.to_owned(),
        }
    }

    /// Builds a system.
    ///
    /// # Errors
    ///
    /// When the options make no sense together; the message says what to give instead.
    fn scenario(&self, options: &LabOptions) -> Result<Scenario, String>;
}
