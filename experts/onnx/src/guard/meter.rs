//! How much memory a thread takes.
//!
//! What a graph takes when it runs is not in its file: a few bytes may ask for any amount, and
//! sizes are often computed. So it is counted where it is taken, in this library's allocator. A
//! thread that asks for more than it may have never gets it: it stops for good, and whoever
//! waits for it is told. An allocator may neither panic nor give nothing, which ends the process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// What the threads of one worker take.
#[derive(Debug)]
pub(super) struct Meter {
    /// Bytes that were taken since the start of the job, less those that were given back.
    used: AtomicI64,
    most: AtomicI64,
    /// How much there would have been in use; 0 as long as all is well.
    wanted: AtomicU64,
}

thread_local! {
    static METER: Cell<Option<&'static Meter>> = const { Cell::new(None) };
}

impl Meter {
    /// It lives as long as the process: threads that were stopped refer to it.
    pub(super) fn leaked() -> &'static Self {
        Box::leak(Box::new(Self {
            used: AtomicI64::new(0),
            most: AtomicI64::new(i64::MAX),
            wanted: AtomicU64::new(0),
        }))
    }

    /// Who counts what the calling thread takes from now on.
    pub(super) fn set(meter: Option<&'static Self>) {
        METER.set(meter);
    }

    /// Who counts what the calling thread takes.
    pub(super) fn own() -> Option<&'static Self> {
        METER.get()
    }

    /// Begins to count anew, up to so many bytes.
    pub(super) fn begin(&self, most: u64) {
        self.used.store(0, Ordering::Relaxed);
        self.most.store(i64::try_from(most).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// What a thread would have had in use, if it was stopped.
    pub(super) fn wanted(&self) -> Option<u64> {
        Some(self.wanted.load(Ordering::Acquire)).filter(|wanted| *wanted > 0)
    }

    fn add(&self, bytes: i64) -> i64 {
        self.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes)
    }

    /// Stops the calling thread for good.
    fn stop(&self, in_use: i64) -> ! {
        METER.set(None);
        self.wanted.store(u64::try_from(in_use).unwrap_or(0).max(1), Ordering::Release);
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
}

/// The system's allocator, with what threads take counted.
struct Metered;

#[global_allocator]
static ALLOCATOR: Metered = Metered;

/// Counts bytes, before they are taken.
fn take(bytes: usize) {
    let Ok(Some(meter)) = METER.try_with(Cell::get) else { return };
    let in_use = meter.add(i64::try_from(bytes).unwrap_or(i64::MAX));
    // A panic is told under locks of the process, which must not be kept.
    if in_use > meter.most.load(Ordering::Relaxed) && !std::thread::panicking() {
        meter.stop(in_use);
    }
}

fn give(bytes: usize) {
    if let Ok(Some(meter)) = METER.try_with(Cell::get) {
        meter.add(-i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

/// What the system gave; a thread that is watched does not go on with nothing.
fn given(memory: *mut u8) -> *mut u8 {
    if memory.is_null()
        && !std::thread::panicking()
        && let Ok(Some(meter)) = METER.try_with(Cell::get)
    {
        meter.stop(meter.add(0));
    }
    memory
}

// SAFETY: all memory comes from the system's allocator and goes back to it, by the same layouts;
// what is counted beside that neither takes memory nor panics.
unsafe impl GlobalAlloc for Metered {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller keeps to what `alloc` asks for, which is the same here.
        given(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: as above.
        given(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        take(size);
        give(layout.size());
        // SAFETY: as above; `memory` is of the system's allocator, as all is.
        given(unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        give(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}
