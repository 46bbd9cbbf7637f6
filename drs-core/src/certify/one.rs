//! One σ: CERTIFY of Cohen et al. 2019.

use super::session::{Result, Session};
use crate::certificate::Verdict;
use crate::pool::{Role, VoteSource};

pub(super) fn certify<S: VoteSource>(
    session: &mut Session<'_, S>,
    expert: usize,
) -> Result<Verdict, S> {
    let claim = session.select_and_claim(Role::Expert(expert), session.alpha)?;
    let margin = claim.margin();
    Ok(Verdict::new(claim.class(), margin, Some(expert), vec![expert], None, margin))
}
