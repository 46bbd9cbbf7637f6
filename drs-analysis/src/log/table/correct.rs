//! The column `correct`, which follows from `label` and `predict`.

use super::value::Claim;
use crate::log::Row;

/// Compares the column with the other two; what it says that is not of one row is left
/// aside, with a note. `may_count` tells whether it may count at all.
pub(super) fn check(
    rows: &[(u64, Row)],
    claims: &[Claim],
    may_count: bool,
) -> Result<Option<String>, String> {
    let mut right = 0.0;
    let mut is_count = may_count;
    let (mut contradicted, mut number) = (None, None);
    for ((line, row), claim) in rows.iter().zip(claims) {
        let own = row.correct();
        right += f64::from(own);
        let value = match *claim {
            Claim::None => return Ok(None),
            Claim::Right(claimed) => {
                if claimed != own && contradicted.is_none() {
                    contradicted = Some((*line, claimed, row));
                }
                f64::from(claimed)
            }
            Claim::Number(value) => {
                number.get_or_insert((*line, value));
                value
            }
        };
        is_count &= value == right;
    }
    match (number, contradicted) {
        (Some((line, value)), _) if may_count => Ok(Some(format!(
            "`correct` is {value} in line {line}, not 0 or 1{}: what is right is told from `label` and `predict`",
            if is_count { " (it counts the right answers so far)" } else { "" }
        ))),
        (Some((line, value)), _) => {
            Err(format!("line {line}: `correct` is {value}, expected 0 or 1; put a header on top if the columns have another order"))
        }
        (None, Some(_)) if is_count => Ok(Some(
            "`correct` counts the right answers so far: what is right is told from `label` and `predict`".to_owned(),
        )),
        (None, Some((line, claimed, row))) => {
            let class = |class: Option<usize>| class.map_or_else(|| "-1".to_owned(), |c| c.to_string());
            let (label, predict) = (class(row.label), class(row.predict));
            Err(format!(
                "line {line}: `correct` is {}, but `label` is {label} and `predict` is {predict}: mend the row, or remove the column `correct`, which follows from the other two",
                u8::from(claimed)
            ))
        }
        (None, None) => Ok(None),
    }
}
