//! The engines that the search is compared with, over the same nodes.

pub(crate) mod naive;
pub(crate) mod stateright_model;
pub(crate) mod world;
