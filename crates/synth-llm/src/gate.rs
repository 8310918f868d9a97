//! How many calls are in flight, and when none may go.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::retry::backoff;

/// How long a server may do nothing but ask to wait: limits a minute are over by then, limits a day are not.
const PATIENCE: Duration = Duration::from_secs(600);

const SECOND: Duration = Duration::from_secs(1);

/// Lets calls through: so many at once, and none while the server asks for a pause.
///
/// The number halves when the server is overloaded and grows by one for each window of successes, as a window of TCP
/// does. Calls that were sent before the number was halved do not halve it again: they tell of the same overload.
/// After several halvings in a row it first grows by one for each success, up to half of what it was: what an
/// outage took away comes back fast.
///
/// Jacobson (1988), Congestion Avoidance and Control; Chiu, Jain (1989), Analysis of the Increase and Decrease
/// Algorithms for Congestion Avoidance in Computer Networks.
#[derive(Debug)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Notify,
    most: f64,
}

#[derive(Debug)]
struct State {
    limit: f64,
    /// Below it the limit grows fast.
    threshold: f64,
    in_flight: usize,
    /// Counts halvings.
    epoch: u64,
    closed_until: Option<Instant>,
    /// Halvings since the last success.
    halvings: u32,
    /// Of them those because no connection came about.
    unreachable: u32,
    /// The pauses that the server asked for since the last success.
    waited: Duration,
    successes: u64,
}

/// The right of one call to be in flight, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    gate: &'a Gate,
    epoch: u64,
}

/// Why a call made no headway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The server asked to wait, for so long if it said so.
    Throttled(Option<Duration>),
    /// No connection came about.
    Unreachable,
    /// No answer came in time.
    Slow,
}

/// How things stand after a call made no headway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Attempts in a row at which no connection came about, at most one for each pause.
    pub(crate) unreachable: u32,
    /// How long the server has asked to wait, now and before, if that is longer than anybody waits.
    pub(crate) too_long: Option<Duration>,
    /// How many calls had succeeded.
    pub(crate) successes: u64,
}

impl Gate {
    pub(crate) fn new(start: usize, most: usize) -> Self {
        let state = State {
            limit: start as f64,
            threshold: start as f64,
            in_flight: 0,
            epoch: 0,
            closed_until: None,
            halvings: 0,
            unreachable: 0,
            waited: Duration::ZERO,
            successes: 0,
        };
        Self { state: Mutex::new(state), changed: Notify::new(), most: most as f64 }
    }

    /// Waits until a call may go.
    pub(crate) async fn enter(&self) -> Permit<'_> {
        loop {
            // Made before the look at the state: what changes after that look wakes it.
            let changed = self.changed.notified();
            let closed_until = {
                let mut state = self.lock();
                let closed_until = state.closed_until.filter(|&until| until > Instant::now());
                if closed_until.is_none() && state.in_flight < state.slots() {
                    state.in_flight += 1;
                    return Permit { gate: self, epoch: state.epoch };
                }
                closed_until
            };
            match closed_until {
                Some(until) => sleep_until(until).await,
                None => changed.await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No line that changes the state can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn slots(&self) -> usize {
        self.limit as usize
    }
}

impl Permit<'_> {
    /// The call was answered, if only by a rejection.
    pub(crate) fn succeeded(&self) {
        let mut state = self.gate.lock();
        state.successes += 1;
        (state.halvings, state.unreachable, state.waited) = (0, 0, Duration::ZERO);
        // A limit of which less than half is used says nothing about the server.
        if 2 * state.in_flight >= state.slots() {
            let step = if state.limit < state.threshold { 1.0 } else { 1.0 / state.limit };
            state.limit = (state.limit + step).min(self.gate.most);
        }
    }

    /// The server is there, though it failed.
    pub(crate) fn reached(&self) {
        self.gate.lock().unreachable = 0;
    }

    /// The call made no headway: fewer go at once, and none for a while.
    pub(crate) fn failed(&self, trouble: Trouble, jitter: f64) -> Standing {
        let now = Instant::now();
        let mut state = self.gate.lock();
        let news = self.epoch == state.epoch;
        if news {
            if state.halvings == 0 {
                state.threshold = (state.limit / 2.0).max(1.0);
            }
            state.limit = (state.limit / 2.0).max(1.0);
            state.epoch += 1;
            state.halvings += 1;
            state.unreachable += u32::from(trouble == Trouble::Unreachable);
        }
        let pause = match trouble {
            Trouble::Throttled(Some(asked)) => {
                // Servers that ask for no time to speak of, again and again, are not asked more than once a second.
                let least = if state.halvings > 1 { backoff(state.halvings - 1, 0.0).min(SECOND) } else { asked };
                // Waits that are asked for end for all who share a key at the same moment.
                asked.max(least).saturating_add(Duration::from_millis(100).mul_f64(jitter))
            }
            Trouble::Throttled(None) | Trouble::Unreachable if news => backoff(state.halvings, jitter),
            _ => Duration::ZERO,
        };
        let mut too_long = None;
        if let Trouble::Throttled(_) = trouble {
            state.unreachable = 0;
            let waited = state.waited.saturating_add(pause);
            too_long = Some(waited).filter(|&waited| waited > PATIENCE);
            if too_long.is_some() {
                // The run ends. The next may ask again.
                state.waited = Duration::ZERO;
            } else if news {
                state.waited = waited;
            }
        }
        if too_long.is_none() {
            state.closed_until = state.closed_until.max(Some(now + pause));
        }
        Standing { unreachable: state.unreachable, too_long, successes: state.successes }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.gate.lock().in_flight -= 1;
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use super::*;

    fn run<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    }

    fn limit(gate: &Gate) -> usize {
        gate.lock().slots()
    }

    async fn fill(gate: &Gate) -> Vec<Permit<'_>> {
        let mut permits = Vec::new();
        for _ in 0..limit(gate) {
            permits.push(gate.enter().await);
        }
        permits
    }

    #[test]
    fn a_window_of_successes_adds_one() {
        run(async {
            let gate = Gate::new(4, 6);
            for expected in [5, 6, 6, 6] {
                // Rounding may take a call more than a window.
                let mut calls = 0;
                let before = limit(&gate);
                while limit(&gate) == before && calls < 8 {
                    fill(&gate).await[0].succeeded();
                    calls += 1;
                }
                assert_eq!(limit(&gate), expected);
                assert!(calls >= before.min(5), "{calls}");
            }
        });
    }

    #[test]
    fn a_limit_that_nobody_reaches_does_not_grow() {
        run(async {
            let gate = Gate::new(4, 64);
            for _ in 0..100 {
                gate.enter().await.succeeded();
            }
            assert_eq!(limit(&gate), 4);
        });
    }

    #[test]
    fn one_overload_halves_once() {
        run(async {
            let gate = Gate::new(64, 64);
            let permits = fill(&gate).await;
            for permit in &permits {
                permit.failed(Trouble::Throttled(Some(Duration::ZERO)), 0.0);
            }
            assert_eq!(limit(&gate), 32);
            drop(permits);
            // The next goes wrong as well: that is news.
            gate.enter().await.failed(Trouble::Slow, 0.0);
            assert_eq!(limit(&gate), 16);
            for _ in 0..10 {
                gate.enter().await.failed(Trouble::Slow, 0.0);
            }
            assert_eq!(limit(&gate), 1);
        });
    }

    #[test]
    fn what_an_outage_took_comes_back_fast_up_to_half() {
        run(async {
            let gate = Gate::new(16, 16);
            for _ in 0..4 {
                gate.enter().await.failed(Trouble::Slow, 0.0);
            }
            assert_eq!(limit(&gate), 1);
            for expected in [2, 4, 8] {
                fill(&gate).await.iter().for_each(Permit::succeeded);
                assert_eq!(limit(&gate), expected);
            }
            fill(&gate).await.iter().for_each(Permit::succeeded);
            assert!(limit(&gate) <= 9);
        });
    }

    #[test]
    fn nothing_goes_during_a_pause() {
        run(async {
            let gate = Gate::new(2, 2);
            let start = Instant::now();
            let asked = Duration::from_millis(60);
            assert_eq!(gate.enter().await.failed(Trouble::Throttled(Some(asked)), 0.0).too_long, None);
            drop(gate.enter().await);
            assert!(start.elapsed() >= asked);
        });
    }

    #[test]
    fn patience_ends() {
        run(async {
            let gate = Gate::new(2, 2);
            let ask = |seconds| Trouble::Throttled(Some(Duration::from_secs(seconds)));
            let permits = fill(&gate).await;
            // Two calls that tell of the same pause count once.
            assert_eq!(permits[0].failed(ask(400), 0.0).too_long, None);
            assert_eq!(permits[1].failed(ask(150), 0.0).too_long, None);
            drop(permits);
            gate.lock().closed_until = None;
            let permit = gate.enter().await;
            assert_eq!(permit.failed(ask(201), 0.0).too_long, Some(Duration::from_secs(601)));
            // The next run is not made to wait.
            assert_eq!(gate.lock().closed_until, None);
            assert_eq!(permit.failed(ask(u64::MAX), 0.0).too_long, Some(Duration::from_secs(u64::MAX)));
        });
    }

    #[test]
    fn servers_that_ask_for_no_wait_get_a_second() {
        run(async {
            let gate = Gate::new(1, 1);
            let none = Trouble::Throttled(Some(Duration::ZERO));
            for least in [0, 500, 1000, 1000] {
                let start = Instant::now();
                gate.enter().await.failed(none, 0.0);
                let until = gate.lock().closed_until.take().unwrap_or(start);
                assert!(until.duration_since(start) >= Duration::from_millis(least));
                assert!(until.duration_since(start) < Duration::from_millis(least + 200));
            }
        });
    }

    #[test]
    fn connections_that_do_not_come_about_are_counted_once_a_pause() {
        run(async {
            let gate = Gate::new(4, 4);
            let permits = fill(&gate).await;
            let seen: Vec<u32> =
                permits.iter().map(|permit| permit.failed(Trouble::Unreachable, 1.0).unreachable).collect();
            assert_eq!(seen, [1; 4]);
            drop(permits);
            let permit = gate.enter().await;
            assert_eq!(permit.failed(Trouble::Unreachable, 1.0).unreachable, 2);
            permit.reached();
            drop(permit);
            gate.lock().closed_until = None;
            assert_eq!(gate.enter().await.failed(Trouble::Unreachable, 1.0).unreachable, 1);
        });
    }

    #[test]
    fn waiters_go_when_a_place_is_free() {
        run(async {
            let gate = std::sync::Arc::new(Gate::new(1, 1));
            let permit = gate.enter().await;
            let waiting = std::sync::Arc::clone(&gate);
            let waiter = tokio::spawn(async move { drop(waiting.enter().await) });
            tokio::task::yield_now().await;
            assert!(!waiter.is_finished());
            drop(permit);
            waiter.await.unwrap();
            assert_eq!(gate.lock().in_flight, 0);
        });
    }
}
