// INSTRUCTOR ONLY
//! The design that this process judges: the environment says which.

use std::env;

use framework::Address;
use raft::{Design, Options, Reconfigurable};

use crate::designs::{ALL, Flaw, QUIRKY, Variant};
use crate::nulls::Null;

/// Which design a process judges.
pub(crate) const DESIGN: &str = "RAFT_SUITES_DESIGN";

/// The names of [`QUIRKY`].
const QUIRKS: [&str; 3] = ["counts-late-votes", "refuses-repeats", "match-may-shrink"];

/// The parts that the quirks are about.
const QUIRKY_PARTS: [&str; 4] = ["part1", "part2", "part3", "part4"];

/// The right designs, by name.
fn right() -> impl Iterator<Item = (&'static str, Variant)> {
    ALL.into_iter().chain(QUIRKS.into_iter().zip(QUIRKY))
}

/// The names of the right designs that a part is run on.
pub(crate) fn right_in(part: &'static str) -> impl Iterator<Item = &'static str> {
    right().map(|(name, _)| name).filter(move |name| !QUIRKS.contains(name) || QUIRKY_PARTS.contains(&part))
}

/// The solutions that are worthless in every part, by name.
const WORTHLESS: [&str; 7] =
    ["does-nothing", "always-grants", "never-grants", "panics", "one-server", "silent", "pretends"];

/// Those that are good for something, but not for these parts.
const WORTHLESS_HERE: [(&str, &[&str]); 4] = [
    // What was right in part 4, and not a line more.
    ("naive+IgnoresOptions", &["part5", "part6", "part7", "part8"]),
    ("naive+ReadsLocally", &["part6"]),
    ("etcd-like+SaysOk", &["part8"]),
    ("streaming+PretendsToChange", &["part8"]),
];

/// The names of the worthless solutions that a part is run on.
pub(crate) fn worthless_in(part: &'static str) -> impl Iterator<Item = &'static str> {
    let here = WORTHLESS_HERE.into_iter().filter(move |(_, parts)| parts.contains(&part));
    WORTHLESS.into_iter().chain(here.map(|(name, _)| name))
}

/// All designs, by name.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    let names = right().map(|(name, _)| name).chain(WORTHLESS);
    names.chain(WORTHLESS_HERE.into_iter().map(|(name, _)| name))
}

/// Whether a design is one of those that are worthless in every part.
pub(crate) fn is_worthless(design: &str) -> bool {
    WORTHLESS.contains(&design)
}

fn name() -> String {
    env::var(DESIGN).expect("the process was started for a design")
}

/// The variant that the environment names: `naive`, or `naive+VotesAgain`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OtherDesign(Variant);

impl Default for OtherDesign {
    fn default() -> Self {
        let name = name();
        let (base, flaw) = name.split_once('+').unwrap_or((&name, "None"));
        let variant = right().find(|(name, _)| *name == base);
        let (_, variant) = variant.unwrap_or_else(|| panic!("there is no design `{base}`"));
        Self(Variant { flaw: flaw_named(flaw), ..variant })
    }
}

fn flaw_named(name: &str) -> Flaw {
    let flaw = serde_json::from_value(name.into());
    flaw.unwrap_or_else(|_| panic!("there is no flaw `{name}`"))
}

impl Design for OtherDesign {
    type Server = <Variant as Design>::Server;
    type Client = <Variant as Design>::Client;

    fn server(&self, own: Address, members: &[Address], options: &Options) -> Self::Server {
        self.0.server(own, members, options)
    }

    fn client(&self, servers: &[Address]) -> Self::Client {
        self.0.client(servers)
    }
}

impl Reconfigurable for OtherDesign {
    type Admin = <Variant as Reconfigurable>::Admin;

    fn admin(&self, servers: &[Address]) -> Self::Admin {
        self.0.admin(servers)
    }
}

/// The worthless solution that the environment names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worthless(Null);

impl Default for Worthless {
    fn default() -> Self {
        Self(match name().as_str() {
            "does-nothing" => Null::DoesNothing,
            "always-grants" => Null::AlwaysGrants,
            "never-grants" => Null::NeverGrants,
            "panics" => Null::Panics,
            "one-server" => Null::OneServer,
            "silent" => Null::Silent,
            "pretends" => Null::Pretends,
            other => panic!("there is no worthless solution `{other}`"),
        })
    }
}

impl Design for Worthless {
    type Server = <Null as Design>::Server;
    type Client = <Null as Design>::Client;

    fn server(&self, own: Address, members: &[Address], options: &Options) -> Self::Server {
        self.0.server(own, members, options)
    }

    fn client(&self, servers: &[Address]) -> Self::Client {
        self.0.client(servers)
    }
}

impl Reconfigurable for Worthless {
    type Admin = <Null as Reconfigurable>::Admin;

    fn admin(&self, servers: &[Address]) -> Self::Admin {
        self.0.admin(servers)
    }
}
