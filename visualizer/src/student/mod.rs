//! What a student does with a copy of the handout besides searching: hand it in, and have the tests run on every save.

mod grades;
mod handout;
pub(crate) mod submit;
pub(crate) mod watch;
