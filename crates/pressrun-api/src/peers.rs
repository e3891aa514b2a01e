//! How many connections each client holds.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Whom connections are counted for: an IPv4 address, or the network of an IPv6 address, since one client has a whole /64 (RFC 6177).
type Client = IpAddr;

/// Counts open connections of each client, so that no client can hold all of a server's.
#[derive(Debug)]
pub(crate) struct Peers {
    each: usize,
    open: Mutex<HashMap<Client, usize>>,
}

impl Peers {
    /// At most `each` connections a client at once, and at least one.
    pub(crate) fn new(each: usize) -> Arc<Self> {
        Arc::new(Self { each: each.max(1), open: Mutex::default() })
    }

    /// A place for one more connection of `address`; `None` when it has as many as it may.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<PeerSlot> {
        let client = client(address);
        // A count is one number; no panic can leave it half written.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_insert(0);
        if *count >= self.each {
            return None;
        }
        *count += 1;
        Some(PeerSlot { peers: Arc::clone(self), client })
    }

    fn leave(&self, client: Client) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&client);
            }
        }
    }
}

/// The place of one open connection; given back when dropped.
#[derive(Debug)]
pub(crate) struct PeerSlot {
    peers: Arc<Peers>,
    client: Client,
}

impl Drop for PeerSlot {
    fn drop(&mut self) {
        self.peers.leave(self.client);
    }
}

fn client(address: IpAddr) -> Client {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m8_a_client_has_so_many_connections_and_gets_back_what_it_closes() {
        let peers = Peers::new(2);
        for (case, first, second, other) in [
            ("IPv4", "192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("one IPv6 network", "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"),
            ("IPv4 in IPv6", "::ffff:192.0.2.7", "192.0.2.7", "::ffff:192.0.2.8"),
        ] {
            let admit = |address: &str| peers.admit(address.parse().expect("an address"));
            let (one, two) = (admit(first).expect(case), admit(second).expect(case));
            assert!(admit(first).is_none(), "{case}: a third");
            assert!(admit(other).is_some(), "{case}: somebody else");
            drop(one);
            let three = admit(second).expect(case);
            drop((two, three));
            assert!(peers.open.lock().expect("not poisoned").is_empty(), "{case}: nothing is kept of who is gone");
        }
    }
}
