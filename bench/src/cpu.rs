//! CPU seconds: the measure that other work on the machine disturbs least.

/// User and system seconds of this process, all its threads, so far.
pub(crate) fn cpu_seconds() -> f64 {
    cpu_time::ProcessTime::now().as_duration().as_secs_f64()
}
