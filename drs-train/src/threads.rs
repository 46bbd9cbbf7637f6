//! libtorch's threads, which training shares with the plugins that it opens.

/// Runs what asks experts. The torch plugin uses the libtorch of this process and has it compute with
/// few threads, since votes come from many callers; training afterwards takes as many as before.
pub(crate) fn kept<T>(run: impl FnOnce() -> T) -> T {
    let threads = tch::get_num_threads();
    let result = run();
    tch::set_num_threads(threads);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_takes_as_many_as_before() {
        tch::set_num_threads(3);
        kept(|| tch::set_num_threads(1));
        assert_eq!(tch::get_num_threads(), 3);
    }
}
