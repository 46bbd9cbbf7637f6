//! Reading forwards through bytes that may end early.

/// A position in bytes; `what` names them in errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a> {
    bytes: &'a [u8],
    at: usize,
    what: &'static str,
}

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize, what: &'static str) -> Self {
        Self { bytes, at, what }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn what(&self) -> &'static str {
        self.what
    }

    fn left(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn truncated(&self, wanted: impl std::fmt::Display) -> String {
        let Self { at, what, .. } = self;
        let left = self.left().len();
        format!(
            "truncated: {what} needs {wanted} more bytes at byte {at}, {left} are left; download or copy the file again"
        )
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let taken = self.left().get(..count).ok_or_else(|| self.truncated(count))?;
        self.at += count;
        Ok(taken)
    }

    /// As `take`, for a count that need not fit in memory.
    pub(crate) fn take_u64(&mut self, count: u64) -> Result<&'a [u8], String> {
        self.take(usize::try_from(count).map_err(|_| self.truncated(count))?)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.left().first_chunk().ok_or_else(|| self.truncated(N))?;
        self.at += N;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, String> {
        self.array().map(|[byte]| byte)
    }

    /// Up to the next newline, which is passed over.
    pub(crate) fn line(&mut self) -> Result<&'a str, String> {
        let end = self.left().iter().position(|&b| b == b'\n');
        let line = self.take(end.ok_or_else(|| self.truncated("a newline and"))?)?;
        self.at += 1;
        self.utf8(line)
    }

    pub(crate) fn utf8(&self, text: &'a [u8]) -> Result<&'a str, String> {
        str::from_utf8(text).map_err(|_| {
            format!("{} holds text that is not UTF-8 before byte {}", self.what, self.at)
        })
    }
}
