//! Builds the system that a lab's options describe, also with code that panics: a lab may use what another has you write.

use std::fmt;

use framework::{Lab, LabOptions, Scenario, guard};

/// Why there is no system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoScenario {
    /// The options make no sense, and this is what to give instead.
    Refused(String),
    /// Code of the lab, or of one that it uses, panicked.
    Panicked {
        /// The lab that was set up.
        lab: &'static str,
        /// The message and the place.
        text: String,
    },
}

impl fmt::Display for NoScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "{why}"),
            Self::Panicked { lab, text } => write!(f, "the set-up of the lab `{lab}` panicked: {text}"),
        }
    }
}

/// The scenario of `lab` with `options`.
///
/// # Errors
///
/// When the lab refuses the options, and when code that builds the system panics.
pub(crate) fn scenario(lab: &dyn Lab, options: &LabOptions) -> Result<Scenario, NoScenario> {
    match guard::catch(|| lab.scenario(options)) {
        Ok(built) => built.map_err(NoScenario::Refused),
        Err(panic) => Err(NoScenario::Panicked { lab: lab.name(), text: panic.text }),
    }
}
