//! The allocator of the command line, and how long it keeps memory that was freed.
#![expect(
    unsafe_code,
    reason = "mimalloc has its options behind C functions, or in the environment before the process starts"
)]

use libmimalloc_sys::{mi_option_get, mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;

/// What one thread takes and another gives back is this allocator's strength, and the way of every command
/// through the engine: about a tenth of the time of deciding.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay`, which the binding has no name for: milliseconds that go by at least from one giving
/// back of all that is free to the next. It happens when something is freed.
const PURGE_DELAY: mi_option_t = 15;
/// What it is where nobody chose: in another version the number may mean another option.
const PURGE_DELAY_DEFAULT: std::ffi::c_long = 1_000;
/// So seldom that a steady load takes its memory from what it freed itself: the system would clear it anew each
/// second, and a virtual machine first have it back from its host. So often that what was once needed is given
/// back all the same.
const PURGE_DELAY_MILLIS: std::ffi::c_long = 60_000;

/// Gives freed memory back less often than the allocator would by itself. `MIMALLOC_PURGE_DELAY` in the environment
/// is stronger.
pub(crate) fn keep_freed_memory() {
    // SAFETY: the functions read and write an option of the allocator, which checks the number itself, and no
    // other thread runs yet that could change it at the same time.
    unsafe {
        if mi_option_get(PURGE_DELAY) == PURGE_DELAY_DEFAULT {
            mi_option_set_default(PURGE_DELAY, PURGE_DELAY_MILLIS);
        }
    }
}
