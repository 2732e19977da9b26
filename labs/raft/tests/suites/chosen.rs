// INSTRUCTOR ONLY
//! The design that this process judges: the environment says which.

use std::env;

use framework::Address;
use raft::{Design, Options};

use crate::designs::{ALL, Flaw, QUIRKY, Variant};
use crate::nulls::Null;

/// Which design a process judges.
pub(crate) const DESIGN: &str = "RAFT_SUITES_DESIGN";

/// The names of [`QUIRKY`].
const QUIRKS: [&str; 3] = ["counts-late-votes", "refuses-repeats", "match-may-shrink"];

/// The right designs, by name.
pub(crate) fn right() -> impl Iterator<Item = (&'static str, Variant)> {
    ALL.into_iter().chain(QUIRKS.into_iter().zip(QUIRKY))
}

/// The worthless solutions, by name.
pub(crate) const WORTHLESS: [&str; 7] =
    ["does-nothing", "always-grants", "never-grants", "panics", "one-server", "silent", "pretends"];

/// Whether a design is a worthless solution.
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
    const FLAWS: [Flaw; 15] = [
        Flaw::None,
        Flaw::VotesAgain,
        Flaw::ForgetsVote,
        Flaw::HalfIsEnough,
        Flaw::ComparesLengths,
        Flaw::ChecksIndexOnly,
        Flaw::CutsOff,
        Flaw::AcknowledgesAll,
        Flaw::CountsOldTerms,
        Flaw::TrustsCommit,
        Flaw::LowersCommit,
        Flaw::SkipsEntries,
        Flaw::AnswersEarly,
        Flaw::LosesVote,
        Flaw::SavesLate,
    ];
    let flaw = FLAWS.into_iter().find(|flaw| format!("{flaw:?}") == name);
    flaw.unwrap_or_else(|| panic!("there is no flaw `{name}`"))
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
