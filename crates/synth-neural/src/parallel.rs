//! Work on all cores.

use std::sync::{Mutex, PoisonError};

/// Does something to each item, on the threads that candle multiplies matrices with: a second pool would fight
/// with the first, whose threads spin between multiplications.
///
/// Items do not see each other, so that the result is the same at any number of threads.
pub(crate) fn each<T: Send>(items: Vec<T>, work: impl Fn(T) + Sync) {
    if items.len() < 2 {
        return items.into_iter().for_each(work);
    }
    let items: Vec<Mutex<Option<T>>> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    candle_core::utils::barrier_pool().execute_chunked(items.len(), |range| {
        for slot in &items[range] {
            // Each slot is opened once; a poisoned one would still hold its item.
            let item = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            item.into_iter().for_each(&work);
        }
    });
}
