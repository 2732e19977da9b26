//! The server: it answers every ping.
// STUB: #![allow(unused)] // Remove this line when you start.

use framework::{Address, Context, Node};
use serde::{Deserialize, Serialize};

use crate::message::{Ping, PingMessage, Pong};
use crate::timer::PingTimer;

/// Answers every ping with a pong of the same text, and remembers nothing.
///
/// Source: DSLabs `PingServer`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PingServer;

impl Node for PingServer {
    type Message = PingMessage;
    type Timer = PingTimer;

    fn on_message(&mut self, from: Address, message: PingMessage, ctx: &mut Context<PingMessage, PingTimer>) {
        match message {
            PingMessage::PingRequest(ping) => self.on_ping_request(from, ping, ctx),
            // Only servers send these.
            PingMessage::PongReply(_) => {}
        }
    }

    fn on_timer(&mut self, _: PingTimer, _: &mut Context<PingMessage, PingTimer>) {
        // The server sets no timer.
    }
}

impl PingServer {
    fn on_ping_request(&mut self, from: Address, ping: Ping, ctx: &mut Context<PingMessage, PingTimer>) {
        // BEGIN SOLUTION
        ctx.send(from, PingMessage::PongReply(Pong(ping.0)));
        // END SOLUTION
        // STUB: todo!("pingpong: answer the ping (README, \"The server\")")
    }
}
