//! Who may talk to whom in a stage, and whose timers fire.

use framework::Address;
use search::Delivery;

/// Only these nodes exchange messages, and only the timers of `timers` fire: for
/// [`Stage::delivery`](testkit::Stage::delivery).
pub fn only<'a>(nodes: &'a [Address], timers: &'a [Address]) -> impl FnOnce(&mut Delivery) + 'a {
    move |delivery| {
        delivery.partition([nodes]).timers(false);
        for node in timers {
            delivery.node_timers(*node, true);
        }
    }
}

/// No message arrives, and only the timers of `timers` fire.
pub fn alone(timers: &[Address]) -> impl FnOnce(&mut Delivery) + '_ {
    only(&[], timers)
}
