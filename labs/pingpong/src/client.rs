//! The client: it sends a ping and asks again until the pong is there.
// STUB: #![allow(unused)] // Remove this line when you start.

use framework::{Address, Client, Context, Node};
use serde::{Deserialize, Serialize};

use crate::message::{Ping, PingMessage, Pong};
use crate::timer::{PING_TIMER, PingTimer};

/// Sends one ping at a time to the server.
///
/// Source: DSLabs `PingClient`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PingClient {
    server: Address,
    /// The last ping; `None` before the first.
    ping: Option<Ping>,
    // Invariant: if there is a pong, its text is that of `ping`.
    pong: Option<Pong>,
}

impl PingClient {
    /// A client of the server at `server`.
    pub fn new(server: Address) -> Self {
        Self { server, ping: None, pong: None }
    }

    fn on_pong_reply(&mut self, pong: Pong) {
        // BEGIN SOLUTION
        if self.waits_for(&pong.0) {
            self.pong = Some(pong);
        }
        // END SOLUTION
        // STUB: todo!("pingpong: keep the pong if it is the one you wait for (README, \"The client\")")
    }
    // BEGIN SOLUTION

    /// Sends the ping and makes sure that this is called again if no pong comes.
    fn send_ping(&self, ping: Ping, ctx: &mut Context<PingMessage, PingTimer>) {
        ctx.send(self.server, PingMessage::PingRequest(ping.clone()));
        ctx.set_timer(PingTimer(ping), PING_TIMER);
    }

    /// Whether the last ping has this text and no pong yet.
    fn waits_for(&self, text: &str) -> bool {
        self.pong.is_none() && self.ping.as_ref().is_some_and(|ping| ping.0 == text)
    }
    // END SOLUTION
}

impl Client for PingClient {
    type Command = Ping;
    type Response = Pong;

    fn send_command(&mut self, ping: Ping, ctx: &mut Context<PingMessage, PingTimer>) {
        // BEGIN SOLUTION
        self.ping = Some(ping.clone());
        self.pong = None;
        self.send_ping(ping, ctx);
        // END SOLUTION
        // STUB: todo!("pingpong: remember the ping, send it, set a timer (README, \"The client\")")
    }

    fn response(&self) -> Option<Pong> {
        self.pong.clone()
    }
}

impl Node for PingClient {
    type Message = PingMessage;
    type Timer = PingTimer;

    fn on_message(&mut self, _: Address, message: PingMessage, _: &mut Context<PingMessage, PingTimer>) {
        match message {
            PingMessage::PongReply(pong) => self.on_pong_reply(pong),
            // Only clients send these.
            PingMessage::PingRequest(_) => {}
        }
    }

    fn on_timer(&mut self, timer: PingTimer, ctx: &mut Context<PingMessage, PingTimer>) {
        // BEGIN SOLUTION
        let PingTimer(ping) = timer;
        if self.waits_for(&ping.0) {
            self.send_ping(ping, ctx);
        }
        // END SOLUTION
        // STUB: todo!("pingpong: ask again if the pong is still missing (README, \"The client\")")
    }
}
