//! Values as scripts print them.

/// A value without what PyTorch and NumPy print around it: `tensor([3])`, `np.int64(3)`.
fn bare(text: &str) -> &str {
    let mut text = text.trim();
    loop {
        let inside = text.strip_suffix(')').and_then(|text| text.split_once('('));
        let call =
            inside.filter(|(name, _)| is_name(name)).map(|(_, inside)| without_options(inside));
        let list = || text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        match call.or_else(list) {
            Some(inside) => text = inside.trim(),
            None => return text,
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    !text.is_empty() && text.chars().all(is_part)
}

/// What comes before `, device=…` and the like.
fn without_options(text: &str) -> &str {
    let ends = text.match_indices(',').map(|(end, _)| end);
    let is_option =
        |end: &usize| text[end + 1..].split_once('=').is_some_and(|(name, _)| is_name(name.trim()));
    let end = ends.into_iter().find(is_option);
    end.map_or(text, |end| &text[..end])
}

/// A finite number.
pub(super) fn number(name: &str, text: &str) -> Result<f64, String> {
    let finite = plain(text).filter(|value| value.is_finite());
    finite.ok_or_else(|| wrong(name, text, "a number"))
}

/// A number or +∞.
pub(super) fn distance(name: &str, text: &str) -> Result<f64, String> {
    let value = plain(text).filter(|value| *value > f64::NEG_INFINITY);
    value.ok_or_else(|| wrong(name, text, "a number"))
}

/// Any number: also NaN and the infinities.
pub(super) fn plain(text: &str) -> Option<f64> {
    bare(text).parse().ok()
}

/// A whole number from 0.
pub(super) fn whole(name: &str, text: &str) -> Result<usize, String> {
    let value = plain(text).and_then(as_whole);
    value.ok_or_else(|| wrong(name, text, "a whole number from 0"))
}

/// A whole number from 0; −1 is none.
pub(super) fn class(name: &str, none: &str, text: &str) -> Result<Option<usize>, String> {
    let value = plain(text);
    if value == Some(-1.0) {
        return Ok(None);
    }
    let whole = value.and_then(as_whole).map(Some);
    whole.ok_or_else(|| {
        wrong(name, text, &format!("a class as a whole number from 0, or -1 where {none}"))
    })
}

fn as_whole(value: f64) -> Option<usize> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    let whole = value as usize;
    ((whole as f64 - value).abs() == 0.0).then_some(whole)
}

/// What a column of right and wrong says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Claim {
    /// There is no such column.
    None,
    Right(bool),
    /// Another number, as where right answers are counted.
    Number(f64),
}

pub(super) fn claim(text: &str) -> Result<Claim, String> {
    let text_ = bare(text);
    if let Some(right) = ["false", "true"].iter().position(|word| text_.eq_ignore_ascii_case(word))
    {
        return Ok(Claim::Right(right == 1));
    }
    Ok(
        match number("correct", text).map_err(|_| wrong("correct", text, "0, 1, False or True"))? {
            0.0 => Claim::Right(false),
            1.0 => Claim::Right(true),
            value => Claim::Number(value),
        },
    )
}

pub(super) fn wrong(name: &str, found: &str, expected: &str) -> String {
    format!("`{name}` is \"{found}\", expected {expected}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_around_a_number_is_taken_off() {
        let printed = ["7", "7.0", "tensor(7)", "tensor([7])", "tensor([7], device='cuda:1')"];
        for text in printed.into_iter().chain(["np.int64(7)", "[[7]]", " array([7], dtype=int64) "])
        {
            assert_eq!(whole("idx", text), Ok(7), "{text}");
        }
        assert_eq!(number("radius", "tensor(0.25, dtype=torch.float64)"), Ok(0.25));
        for text in ["tensor([7, 8])", "7.5", "-2", "seven", "tensor(7", "nan", "inf", ""] {
            assert!(whole("idx", text).is_err(), "{text}");
        }
        assert_eq!(class("predict", "it abstained", "tensor([-1])"), Ok(None));
        assert_eq!(claim("tensor(True)"), Ok(Claim::Right(true)));
        assert_eq!(
            (claim("False"), claim("1.0")),
            (Ok(Claim::Right(false)), Ok(Claim::Right(true)))
        );
        assert_eq!(claim("0.75"), Ok(Claim::Number(0.75)));
        assert!(claim("yes").unwrap_err().contains("expected 0, 1, False or True"));
    }
}
