// INSTRUCTOR ONLY
//! Other right designs: another implementation of Raft, with the freedoms that the paper and the assignment leave, in
//! four combinations.
//!
//! It shares no code with the reference. A handler collects what it wants to send, then saves what changed, then sends;
//! one timer ticks for leaders and followers alike; an entry may be empty.

mod client;
mod log;
mod message;
pub(crate) mod named;
mod server;
pub(crate) mod variant;

use framework::Address;
use raft::{Design, Options, Reconfigurable};

pub(crate) use client::{VariantAdmin, VariantClient};
pub(crate) use named::{ALL, QUIRKY};
pub(crate) use server::VariantServer;
pub(crate) use variant::{Flaw, Variant};

impl Design for Variant {
    type Server = VariantServer;
    type Client = VariantClient;

    fn server(&self, own: Address, members: &[Address], options: &Options) -> VariantServer {
        VariantServer::new(*self, own, members, options)
    }

    fn client(&self, servers: &[Address]) -> VariantClient {
        VariantClient::new(self.routing, servers)
    }
}

impl Reconfigurable for Variant {
    type Admin = VariantAdmin;

    fn admin(&self, servers: &[Address]) -> VariantAdmin {
        VariantAdmin::new(self.routing, servers)
    }
}
