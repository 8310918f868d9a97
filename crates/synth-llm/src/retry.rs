//! How long to wait before a call is tried again.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The first wait.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait that no server asked for.
const LONGEST: Duration = Duration::from_secs(60);

/// Random numbers of attempts come from streams that no choice has.
const ATTEMPTS: u64 = 1 << 32;

/// The wait after so many failures in a row, from 1: twice as long each time, less up to a half by chance, so that
/// calls that failed together do not come back together.
///
/// Brooker (2015), Exponential Backoff And Jitter, "equal jitter".
pub(crate) fn backoff(failures: u32, jitter: f64) -> Duration {
    let whole = FIRST.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)).min(LONGEST);
    whole.mul_f64(1.0 - jitter / 2.0)
}

/// A number in [0, 1) for an attempt of a request, the same in every run.
pub(crate) fn jitter(seed: u64, attempt: u32) -> f64 {
    stream(seed, ATTEMPTS + u64::from(attempt)).random()
}

/// The seed of a choice as it is sent: 31 bits, which every server takes. llama.cpp reads 32, and takes the highest
/// number for "any".
pub(crate) fn choice_seed(seed: u64, choice: usize) -> u32 {
    stream(seed, choice as u64).random::<u32>() >> 1
}

fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// How long the server asks to wait, from `retry-after-ms` or `Retry-After`. A date there counts from the `Date` of
/// the answer, as the clocks of server and client may differ; without one it says nothing.
pub(crate) fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |number: f64| Duration::try_from_secs_f64(number).ok();
    if let Some(wait) = text("retry-after-ms").and_then(|ms| ms.parse::<f64>().ok()).and_then(|ms| seconds(ms / 1e3)) {
        return Some(wait);
    }
    let after = text(RETRY_AFTER.as_str())?;
    if let Ok(number) = after.parse::<f64>() {
        return seconds(number);
    }
    let date = |text: &str| DateTimeParser::new().parse_timestamp(text).ok();
    let (until, now): (Timestamp, Timestamp) = (date(after)?, date(text(DATE.as_str())?)?);
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn waits_double_and_end() {
        let check = |failures, jitter, ms| assert_eq!(backoff(failures, jitter).as_millis(), ms, "{failures}");
        check(1, 0.0, 500);
        check(1, 1.0, 250);
        check(2, 0.0, 1_000);
        check(5, 0.5, 6_000);
        check(8, 0.0, 60_000);
        check(200, 0.0, 60_000);
    }

    #[test]
    fn random_numbers_belong_to_their_request() {
        assert_eq!(jitter(7, 1), jitter(7, 1));
        assert_ne!(jitter(7, 1), jitter(7, 2));
        assert_ne!(jitter(7, 1), jitter(8, 1));
        assert_eq!(choice_seed(7, 0), choice_seed(7, 0));
        assert_ne!(choice_seed(7, 0), choice_seed(7, 1));
        assert!((0..1000).all(|i| choice_seed(u64::MAX - i, 3) < 1 << 31 && jitter(i, 1) < 1.0));
    }

    #[test]
    fn what_servers_ask_for() {
        let check = |headers: &[(&'static str, &'static str)], expected: Option<u64>| {
            let headers: HeaderMap = headers
                .iter()
                .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            assert_eq!(asked_wait(&headers), expected.map(Duration::from_millis), "{headers:?}");
        };
        check(&[], None);
        check(&[("retry-after", "20")], Some(20_000));
        check(&[("retry-after", " 0.25 ")], Some(250));
        check(&[("retry-after", "20"), ("retry-after-ms", "150")], Some(150));
        check(&[("retry-after", "20"), ("retry-after-ms", "soon")], Some(20_000));
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        check(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), date], Some(30_000));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:49:07 GMT"), date], Some(0));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")], None);
        check(&[("retry-after", "-3")], None);
        check(&[("retry-after", "NaN")], None);
        check(&[("retry-after", "1e300")], None);
        check(&[("retry-after", "in a while")], None);
    }
}
