//! Calls of the operating system that need `unsafe`. Nothing here changes a result.

/// Bytes of a large page on x86-64, and a multiple of every small page.
#[cfg(target_os = "linux")]
const LARGE_PAGE: usize = 2 << 20;

/// Asks for large pages where a table of so many bytes is going to be: one entry of the processor's page cache then covers 2 MiB.
///
/// Only a wish: without such pages everything works, some 20 % slower. Only whole large pages inside the room count.
pub(crate) fn ask_for_large_pages(address: usize, num_bytes: usize) {
    #[cfg(target_os = "linux")]
    {
        let start = address.next_multiple_of(LARGE_PAGE);
        let end = (address + num_bytes) / LARGE_PAGE * LARGE_PAGE;
        if start < end {
            let start = std::ptr::with_exposed_provenance_mut(start);
            #[expect(unsafe_code, reason = "the call has no safe form")]
            // SAFETY: the advice changes neither contents nor access of any page, whosever it is; of pages that are not mapped the
            // system says so and does nothing.
            unsafe {
                libc::madvise(start, end - start.addr(), libc::MADV_HUGEPAGE);
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (address, num_bytes);
}
