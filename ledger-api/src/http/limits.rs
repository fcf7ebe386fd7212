//! How often, and how much at once: for one client, and for the service as a whole.
//!
//! A client is known by its token, else by its address (of IPv6, the network). The tables are bounded; once one is
//! full of callers that are active, newcomers share one allowance, so that inventing names gains nothing.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;

use super::config::LimitsConfig;
use super::fault::Fault;

/// Callers that are told apart at a time, of each kind.
pub(crate) const CALLERS_MAX: usize = 10_000;
/// Failed tokens, and questions for tokens, of one address: so many at once …
pub(crate) const ATTEMPTS_BURST: NonZeroU32 = NonZeroU32::new(100).expect("not zero");
/// … and so many a second.
pub(crate) const ATTEMPTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
/// How long a caller is told to wait when too much is done at once.
const RETRY_AFTER_S: u32 = 1;

/// Whose allowance a call uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    Client(Arc<str>),
    Address(IpAddr),
}

impl Caller {
    /// An address, or for IPv6 the /64 that one subscriber has.
    pub(crate) fn of_address(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V6(v6) if v6.to_ipv4_mapped().is_none() => {
                let network = v6.to_bits() >> 64 << 64;
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            IpAddr::V4(_) | IpAddr::V6(_) => address.to_canonical(),
        })
    }
}

/// The limits, and what of them is used.
#[derive(Debug)]
pub(crate) struct Limits {
    clients: Table<Arc<str>>,
    addresses: Table<IpAddr>,
    attempts: Table<IpAddr>,
    calls: Arc<AtomicU32>,
    calls_max: u32,
    client_calls_max: u32,
}

/// A call that is under way, until dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<AtomicU32>);

impl UnderWay {
    fn start(calls: &Arc<AtomicU32>, most: u32) -> Option<Self> {
        let taken = calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |calls| {
            (calls < most).then_some(calls + 1)
        });
        taken.ok().map(|_| Self(Arc::clone(calls)))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limits {
    pub(crate) fn new(config: &LimitsConfig) -> Self {
        let quota =
            Quota::per_second(config.client_calls_per_second).allow_burst(config.client_burst);
        let attempts = Quota::per_second(ATTEMPTS_PER_SECOND).allow_burst(ATTEMPTS_BURST);
        Self {
            clients: Table::new(quota),
            addresses: Table::new(quota),
            attempts: Table::new(attempts),
            calls: Arc::default(),
            calls_max: config.calls_max.get(),
            client_calls_max: config.client_calls_max.get(),
        }
    }

    /// Calls under way.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Lets a call in, or refuses it where the service has enough to do.
    pub(crate) fn enter(&self) -> Result<UnderWay, Fault> {
        UnderWay::start(&self.calls, self.calls_max)
            .ok_or_else(|| busy("too many calls are under way; nothing happened"))
    }

    /// Counts a call of a caller, and refuses it where that is one too many.
    pub(crate) fn admit(&self, caller: &Caller) -> Result<UnderWay, Fault> {
        let allowance = match caller {
            Caller::Client(id) => self.clients.allowance(id),
            Caller::Address(address) => self.addresses.allowance(address),
        };
        allowance.take().map_err(too_often)?;
        UnderWay::start(&allowance.calls, self.client_calls_max).ok_or_else(|| Fault {
            retry_after_s: Some(RETRY_AFTER_S),
            ..Fault::new("RATE_LIMITED", "the client has too many calls under way")
        })
    }

    /// Counts an attempt to be let in; gives the seconds to wait where it is one too many.
    pub(crate) fn attempt(&self, address: IpAddr) -> Result<(), u32> {
        let Caller::Address(address) = Caller::of_address(address) else {
            return Ok(());
        };
        self.attempts.allowance(&address).take()
    }
}

pub(crate) fn busy(problem: &str) -> Fault {
    Fault {
        retry_after_s: Some(RETRY_AFTER_S),
        ..Fault::new("BUSY", problem)
    }
}

pub(crate) fn too_often(seconds: u32) -> Fault {
    Fault {
        retry_after_s: Some(seconds),
        ..Fault::new("RATE_LIMITED", "the client calls too often")
    }
}

/// What one caller has left.
#[derive(Debug)]
struct Allowance {
    rate: DefaultDirectRateLimiter,
    calls: Arc<AtomicU32>,
    used: Mutex<Instant>,
}

impl Allowance {
    fn new(quota: Quota) -> Arc<Self> {
        Arc::new(Self {
            rate: RateLimiter::direct(quota),
            calls: Arc::default(),
            used: Mutex::new(Instant::now()),
        })
    }

    /// Takes one call off it, or gives the seconds after which there is one, at least 1.
    fn take(&self) -> Result<(), u32> {
        *self.used.lock() = Instant::now();
        self.rate.check().map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            let whole = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
            whole
                .saturating_add(u32::from(wait.subsec_nanos() > 0))
                .max(1)
        })
    }
}

#[derive(Debug)]
struct Table<K> {
    quota: Quota,
    rows: Mutex<HashMap<K, Arc<Allowance>>>,
    /// Of all who find no room.
    others: Arc<Allowance>,
}

impl<K: Clone + Eq + Hash> Table<K> {
    fn new(quota: Quota) -> Self {
        Self {
            quota,
            rows: Mutex::default(),
            others: Allowance::new(quota),
        }
    }

    fn allowance(&self, key: &K) -> Arc<Allowance> {
        let mut rows = self.rows.lock();
        if let Some(row) = rows.get(key) {
            return Arc::clone(row);
        }
        if rows.len() >= CALLERS_MAX {
            // Whoever has its whole burst back is no different from a newcomer.
            let whole = self.quota.burst_size_replenished_in();
            rows.retain(|_, row| !row.is_whole(whole));
        }
        if rows.len() >= CALLERS_MAX {
            return Arc::clone(&self.others);
        }
        let row = Allowance::new(self.quota);
        rows.insert(key.clone(), Arc::clone(&row));
        row
    }
}

impl Allowance {
    fn is_whole(&self, after: Duration) -> bool {
        self.calls.load(Ordering::Relaxed) == 0 && self.used.lock().elapsed() >= after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_second: u32, burst: u32, at_once: u32) -> Limits {
        let some = |number| NonZeroU32::new(number).expect("not zero");
        Limits::new(&LimitsConfig {
            client_calls_per_second: some(per_second),
            client_burst: some(burst),
            client_calls_max: some(at_once),
            ..LimitsConfig::default()
        })
    }

    #[test]
    fn a_client_has_its_burst_and_then_waits() {
        let limits = limits(1, 3, 10);
        let caller = Caller::Client("a".into());
        for _ in 0..3 {
            limits.admit(&caller).expect("within the burst");
        }
        let refused = limits.admit(&caller).expect_err("one too many");
        assert_eq!(refused.code, "RATE_LIMITED");
        assert_eq!(refused.retry_after_s, Some(1));
        // Another client has its own.
        limits
            .admit(&Caller::Client("b".into()))
            .expect("its first");
    }

    #[test]
    fn calls_at_once_are_counted_until_they_end() {
        let limits = limits(1_000, 1_000, 2);
        let caller = Caller::of_address([127, 0, 0, 1].into());
        let first = limits.admit(&caller).expect("the first");
        let _second = limits.admit(&caller).expect("the second");
        assert_eq!(
            limits.admit(&caller).expect_err("full").code,
            "RATE_LIMITED"
        );
        drop(first);
        limits.admit(&caller).expect("one has ended");
    }

    #[test]
    fn a_full_table_forgets_nobody_who_is_active_and_newcomers_share() {
        let limits = limits(1, 1, 10);
        let name = |number: usize| Caller::Client(number.to_string().into());
        let under_way: Vec<_> = (0..CALLERS_MAX)
            .map(|number| limits.admit(&name(number)).expect("its first"))
            .collect();
        limits
            .admit(&name(CALLERS_MAX))
            .expect("the first of the others");
        limits
            .admit(&name(CALLERS_MAX + 1))
            .expect_err("the others share one allowance");
        assert_eq!(limits.clients.rows.lock().len(), CALLERS_MAX);
        drop(under_way);
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller() {
        let address = |text: &str| Caller::of_address(text.parse().expect("an address"));
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:10.0.0.1"), address("10.0.0.1"));
    }
}
