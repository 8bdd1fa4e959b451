//! Which closure a model can have. The moment closure covers stations that serve first in, first out, whatever becomes of
//! their callers; what depends on the age of those who wait has equations of the middle run only.

use crate::model::types::{Closure, Expired, Model, Order};

/// The closure a model gets if it asks for `wanted`, and what in the model keeps it from that.
#[must_use]
pub fn available(model: &Model, wanted: Closure) -> (Closure, Option<String>) {
    match fluid_only(model) {
        Some(what) if wanted == Closure::Moments => (Closure::Fluid, Some(what)),
        _ => (wanted, None),
    }
}

/// The first component that the moment closure does not cover.
fn fluid_only(model: &Model) -> Option<String> {
    model.services.iter().find_map(|service| {
        let called = |what: &str| Some(format!("{what} of `{}`", service.name.value));
        match service.queue.order.value {
            Order::Fifo => {}
            Order::Lifo => return called("`order = \"lifo\"`"),
            Order::AdaptiveLifo => return called("`order = \"adaptive-lifo\"`"),
            Order::Priority => return called("`order = \"priority\"`"),
        }
        let admission = &service.admission;
        let gates = [
            (admission.shed.is_some(), "`shed`"),
            (admission.rate_limit.is_some(), "`rate_limit`"),
            (admission.concurrency.is_some(), "`concurrency`"),
            (service.queue.pickup.value > 0.0, "`pickup`"),
        ];
        if let Some((_, what)) = gates.iter().find(|(there, _)| *there) {
            return called(what);
        }
        match service.expired.value {
            Expired::Serve if service.queue.codel.is_some() => called("`codel`"),
            Expired::Serve => None,
            Expired::Drop => called("`expired = \"drop\"`"),
            Expired::Cancel => called("`expired = \"cancel\"`"),
        }
    })
}
