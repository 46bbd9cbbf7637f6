//! Lines on standard output and standard error. `println!` panics where they cannot be written, as
//! on a full disk or a closed pipe.

use std::fmt;
use std::io::{self, Write as _};

use drs_core::text::printable_lines;

/// A line for the user, on standard error. Where it cannot be written it is lost: no reason to
/// lose anything else.
#[macro_export]
macro_rules! say {
    ($($line:tt)*) => {
        $crate::tell(format_args!($($line)*))
    };
}

/// A line of a result, on standard output: an [`io::Result`].
#[macro_export]
macro_rules! out {
    ($($line:tt)*) => {
        $crate::write_line(format_args!($($line)*))
    };
}

/// What [`say`](crate::say) does. Names from files may be in the message: they are shown as text.
pub fn tell(message: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{}", printable_lines(&message.to_string()));
}

/// What [`out`](crate::out) does.
///
/// # Errors
/// If it cannot be written: of kind `BrokenPipe` where the reader has gone.
pub fn write_line(line: fmt::Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").map_err(|error| {
        io::Error::new(error.kind(), format!("standard output cannot be written: {error}"))
    })
}
