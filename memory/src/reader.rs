//! Streams whose length nobody knows before they end.

use std::io::{self, BufRead, Read};

use crate::{Claim, OverBudget};

/// Claims are made for so many bytes at a time.
const STEP: usize = 1 << 20;

/// A reader that claims what it gives, and ends in an error where that exceeds the budget.
///
/// For what is kept in memory. A stream of which nothing is kept needs none.
#[derive(Debug)]
pub struct Limited<R> {
    inner: R,
    claim: Claim,
    /// Bytes to claim.
    taken: u64,
    /// So many for each that is read.
    each: u64,
}

impl<R: Read> Limited<R> {
    /// Claims nothing yet.
    pub fn new(inner: R) -> Self {
        Self { inner, claim: Claim::default(), taken: 0, each: 1 }
    }

    /// For readers that let a buffer grow with what they read, which may be twice as large.
    pub fn twice(inner: R) -> Self {
        Self { each: 2, ..Self::new(inner) }
    }

    /// What was claimed, to be held as long as what was read.
    pub fn into_claim(self) -> Claim {
        self.claim
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A large buffer filled at once would be there before it is claimed.
        let most = buffer.len().min(STEP);
        let count = self.inner.read(&mut buffer[..most])?;
        self.taken += self.each * count as u64;
        if let Some(more) = self.taken.checked_sub(self.claim.bytes()).filter(|more| *more > 0) {
            self.claim
                .grow(more.max(STEP as u64))
                .map_err(|error: OverBudget| io::Error::from(error))?;
        }
        Ok(count)
    }
}

/// Reads so many bytes, or fewer where there are no more, with the claim on them.
///
/// # Errors
/// Those of the reader, and if it gives more than the budget allows.
pub fn read_up_to(reader: impl Read, length: u64) -> io::Result<(Vec<u8>, Claim)> {
    if length > crate::budget() {
        // Whether there are so many shows only at the end: a header may lie.
        let wanted = |error: io::Error| match error.kind() {
            io::ErrorKind::OutOfMemory => {
                OverBudget { wanted: length, elsewhere: 0, budget: crate::budget() }.into()
            }
            _ => error,
        };
        return read_to_end(reader.take(length)).map_err(wanted);
    }
    let claim = crate::claim(length)?;
    let mut bytes = Vec::new();
    // What a header promises and the file does not have is address space only.
    let exact = usize::try_from(length).map_err(io::Error::other)?;
    bytes.try_reserve_exact(exact).map_err(io::Error::other)?;
    reader.take(length).read_to_end(&mut bytes)?;
    Ok((bytes, claim))
}

/// The lines of a text, without their ends. One that is longer than the budget is an error, and
/// the last item.
pub fn lines(mut reader: impl BufRead) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let budget = crate::budget();
        let mut line = Vec::new();
        let read = reader.by_ref().take(budget.saturating_add(1)).read_until(b'\n', &mut line);
        let over = line.len() as u64 > budget;
        ended = over || !matches!(read, Ok(count) if count > 0);
        match read {
            Ok(0) => None,
            Ok(_) if over => {
                let wanted = line.len() as u64;
                Some(Err(OverBudget { wanted, elsewhere: 0, budget }.into()))
            }
            Ok(_) => {
                if line.ends_with(b"\n") {
                    line.pop();
                }
                Some(Ok(line))
            }
            Err(error) => Some(Err(error)),
        }
    })
}

/// Reads all that a reader gives, with the claim on it.
///
/// # Errors
/// Those of the reader, and if it gives more than the budget allows.
pub fn read_to_end(reader: impl Read) -> io::Result<(Vec<u8>, Claim)> {
    let mut reader = Limited::new(reader);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    Ok((bytes, reader.into_claim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_without_end_is_an_error() {
        let _alone = crate::tests::alone();
        let error = read_to_end(io::repeat(0).take(crate::budget() * 2)).unwrap_err();
        assert!(error.to_string().contains("--memory"), "{error}");
        let half = || io::repeat(0).take(crate::budget() / 10 * 6);
        assert!(io::copy(&mut Limited::new(half()), &mut io::sink()).is_ok());
        assert!(io::copy(&mut Limited::twice(half()), &mut io::sink()).is_err());
        let (bytes, claim) = read_to_end(&b"short"[..]).unwrap();
        assert!(bytes == b"short" && claim.bytes() >= 5);
        drop(claim);
        let (bytes, claim) = read_up_to(&b"short"[..], 4).unwrap();
        assert!(bytes == b"shor" && claim.bytes() == 4);
        let text: Vec<_> = lines(&b"a\n\nb"[..]).map(Result::unwrap).collect();
        assert_eq!(text, [&b"a"[..], b"", b"b"]);
        let endless = io::BufReader::new(io::repeat(b'a').take(crate::budget() * 2));
        let mut endless = lines(endless);
        assert!(endless.next().unwrap().is_err() && endless.next().is_none());
        drop(claim);
        assert_eq!(read_up_to(&b"short"[..], u64::MAX).unwrap().0, b"short");
        let error = read_up_to(io::repeat(0), 1 << 40).unwrap_err().to_string();
        assert!(error.contains("1.0 TiB") && error.contains("--memory"), "{error}");
    }
}
