//! The runner against the labs, and against the model that the search explores.

mod counter;
mod labs;
mod model;
