//! Limits on calls and tokens a minute.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The limits of a server. Each call is paid for before it is sent; what it really took is settled afterwards.
#[derive(Debug)]
pub(crate) struct Rates {
    calls: Option<Mutex<Bucket>>,
    tokens: Option<Mutex<Bucket>>,
}

impl Rates {
    pub(crate) fn new(calls_per_minute: Option<u32>, tokens_per_minute: Option<u64>) -> Self {
        let now = Instant::now();
        let bucket = |per_minute: f64| Mutex::new(Bucket::new(per_minute / 60.0, now));
        Self { calls: calls_per_minute.map(|n| bucket(n.into())), tokens: tokens_per_minute.map(|n| bucket(n as f64)) }
    }

    /// Waits until a call of so many tokens may be sent.
    pub(crate) async fn wait(&self, tokens: u64) {
        let now = Instant::now();
        let wait = |bucket: &Option<Mutex<Bucket>>, cost: f64| {
            bucket.as_ref().map_or(Duration::ZERO, |bucket| lock(bucket).take(cost, now))
        };
        let wait = wait(&self.calls, 1.0).max(wait(&self.tokens, tokens as f64));
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }

    /// Corrects the tokens that were paid for a call by what it took.
    pub(crate) fn settle(&self, paid: u64, used: u64) {
        if let Some(bucket) = &self.tokens {
            lock(bucket).give(paid as f64 - used as f64);
        }
    }
}

/// A token bucket: it fills at a steady rate. It may go into debt, as what a call takes may be more than a whole
/// bucket; whoever comes next waits until the debt is paid. So within any time t no more than `rate * t` is taken,
/// beside the burst and the last call.
#[derive(Debug)]
struct Bucket {
    /// A second.
    rate: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    /// Full, with what flows in within a second.
    fn new(rate: f64, now: Instant) -> Self {
        let mut bucket = Self { rate, level: 0.0, at: now };
        bucket.level = bucket.most();
        bucket
    }

    /// A full bucket and the call that may always go into debt are one second's share together.
    fn most(&self) -> f64 {
        (self.rate - 1.0).max(0.0)
    }

    /// Takes a share at once, and says how long to wait before it may be used.
    fn take(&mut self, cost: f64, now: Instant) -> Duration {
        self.level = (self.level + self.rate * now.duration_since(self.at).as_secs_f64()).min(self.most());
        self.at = now;
        let debt = (-self.level).max(0.0);
        self.level -= cost;
        Duration::try_from_secs_f64(debt / self.rate).unwrap_or(Duration::MAX)
    }

    /// Puts back what was not used; takes more where it is negative.
    fn give(&mut self, amount: f64) {
        self.level = (self.level + amount).min(self.most());
    }
}

fn lock(bucket: &Mutex<Bucket>) -> MutexGuard<'_, Bucket> {
    // A bucket is whole between any two of its lines.
    bucket.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn calls_are_spread() {
        // 120 a minute are 2 a second: two at once, then one each half second.
        let start = Instant::now();
        let mut bucket = Bucket::new(2.0, start);
        let waits: Vec<f64> = (0..5).map(|_| bucket.take(1.0, start).as_secs_f64()).collect();
        assert_eq!(waits, [0.0, 0.0, 0.5, 1.0, 1.5]);
        // 2 s later the debt of 4 is paid.
        let later = start + Duration::from_secs(2);
        assert_eq!(bucket.take(1.0, later), Duration::ZERO);
        assert_eq!(bucket.take(1.0, later), Duration::from_millis(500));
        // However long nothing is sent, no more than two go at once.
        let later = start + Duration::from_secs(100);
        let waits: Vec<f64> = (0..3).map(|_| bucket.take(1.0, later).as_secs_f64()).collect();
        assert_eq!(waits, [0.0, 0.0, 0.5]);
    }

    #[test]
    fn one_a_minute() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1.0 / 60.0, start);
        assert_eq!(bucket.take(1.0, start), Duration::ZERO);
        assert_eq!(bucket.take(1.0, start).as_secs_f64().round(), 60.0);
    }

    #[test]
    fn a_call_larger_than_the_bucket_goes_and_the_next_waits() {
        let start = Instant::now();
        let mut bucket = Bucket::new(100.0, start);
        assert_eq!(bucket.take(1_099.0, start), Duration::ZERO);
        assert_eq!(bucket.take(10.0, start), Duration::from_secs(10));
        // It took less than was thought.
        bucket.give(500.0);
        assert_eq!(bucket.take(1.0, start).as_secs_f64(), 5.1);
    }

    proptest! {
        #[test]
        fn no_second_has_more_than_its_share(
            rate in 1.0f64..50.0,
            gaps in prop::collection::vec(0u64..300, 1..100),
        ) {
            let (mut now, mut sent) = (Instant::now(), Vec::new());
            let mut bucket = Bucket::new(rate, now);
            for gap in gaps {
                now += Duration::from_millis(gap);
                sent.push(now + bucket.take(1.0, now));
            }
            for (i, first) in sent.iter().enumerate() {
                for (j, last) in sent.iter().enumerate().skip(i) {
                    let share = rate * last.duration_since(*first).as_secs_f64() + rate.max(1.0);
                    prop_assert!(((j - i + 1) as f64) <= share + 1e-3, "{} within {share}", j - i + 1);
                }
            }
        }
    }
}
