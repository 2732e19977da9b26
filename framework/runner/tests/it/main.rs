//! The runner against the labs, and against the model that the search explores.

#![expect(
    clippy::unwrap_used,
    reason = "clippy knows a test by its attribute, and helpers of tests have none"
)]

mod chaos;
mod counter;
mod failures;
mod faults;
mod histories;
mod labs;
mod model;
mod modes;
mod repeats;
mod timing;
