//! Templates: a text with `{{NAME}}` where something is to stand.

use anyhow::Context as _;

/// The text with its places filled. What fills one place is looked at no more: a `{{…}}` in it stays.
pub(super) fn fill(
    template: &str,
    value: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<String> {
    let mut parts = template.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").context("a place of the template does not end")?;
        let value = value(name).with_context(|| format!("{name}: nothing to fill this place"))?;
        filled.push_str(&value);
        filled.push_str(rest);
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_filled_once() {
        let value = |name: &str| (name == "a").then(|| "{{b}} \"".to_owned());
        assert_eq!(fill("x{{a}}y{{a}}", value).unwrap(), "x{{b}} \"y{{b}} \"");
        assert_eq!(fill("{ a }", value).unwrap(), "{ a }");
        assert!(fill("{{b}}", value).is_err() && fill("{{a", value).is_err());
    }
}
