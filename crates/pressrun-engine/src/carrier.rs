//! What carries a parcel to its destination; the binary brings the real one, tests one that records.

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_deliver::{Carriers, Delivered, Parcel, TurnWatch};
use pressrun_domain::destination::Destination;

/// Carries one parcel.
#[async_trait]
pub trait Carrier: Send + Sync {
    /// Why nothing can be delivered to `destination`, in words for its owner; a run then ends before it asks anything of the data.
    fn unready(&self, _destination: &Destination) -> Option<&'static str> {
        None
    }

    /// Tries once. Every phase has a deadline; what came of it is in the answer, never a panic.
    async fn deliver(&self, destination: &Destination, parcel: &Parcel, now: Timestamp) -> Delivered;

    /// The same; `watch` hears when the attempt has its turn, if there are turns: what it waits until then is no time of sending.
    async fn deliver_in_turn(&self, destination: &Destination, parcel: &Parcel, now: Timestamp, watch: &dyn TurnWatch) -> Delivered {
        watch.has_turn();
        self.deliver(destination, parcel, now).await
    }
}

#[async_trait]
impl Carrier for Carriers {
    fn unready(&self, destination: &Destination) -> Option<&'static str> {
        Carriers::unready(self, destination)
    }

    async fn deliver(&self, destination: &Destination, parcel: &Parcel, now: Timestamp) -> Delivered {
        Carriers::deliver(self, destination, parcel, now).await
    }

    async fn deliver_in_turn(&self, destination: &Destination, parcel: &Parcel, now: Timestamp, watch: &dyn TurnWatch) -> Delivered {
        Carriers::deliver_in_turn(self, destination, parcel, now, watch).await
    }
}
