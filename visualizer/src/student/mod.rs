//! What a student does with a copy of the handout besides searching: hand it in, bring it to a new version, and have the tests
//! run on every save.

mod grades;
mod handout;
mod hints;
mod renewal;
pub(crate) mod submit;
pub(crate) mod update;
pub(crate) mod watch;
