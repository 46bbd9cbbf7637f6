//! Which share of a run is ours, where a cluster tells it.

use anyhow::{Context as _, bail};
use drs_data::Shard;
use drs_progress::say;

/// The number of shards, where the engine does not tell it.
const COUNT: &str = "DRS_SHARDS";

/// The shard asked for, else the one that Slurm's or Kubernetes' variables tell; `None` is all.
pub(crate) fn shard(asked: Option<Shard>) -> anyhow::Result<Option<Shard>> {
    let shard = match asked {
        Some(shard) => Some(shard),
        None => from(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?,
    };
    Ok(shard.filter(|shard| shard.of() > 1))
}

fn from(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<Shard>> {
    let number = |name: &str| -> anyhow::Result<Option<usize>> {
        let parse = |text: String| {
            text.parse().with_context(|| format!("{name}: {text} found, expected a whole number"))
        };
        variable(name).map(parse).transpose()
    };
    let given = number(COUNT)?;
    let (name, index, of) = if let Some(index) = number("JOB_COMPLETION_INDEX")? {
        let of = given.with_context(|| {
            format!("JOB_COMPLETION_INDEX is set: set {COUNT} to the job's completions too, or give --shard (1/1 for all)")
        })?;
        ("JOB_COMPLETION_INDEX", index, of)
    } else if let Some(id) = number("SLURM_ARRAY_TASK_ID")? {
        let counted = |name| {
            number(name)?
                .with_context(|| format!("SLURM_ARRAY_TASK_ID is set, {name} is not: give --shard"))
        };
        let (least, most) = match given {
            Some(of) => (0, of.saturating_sub(1)),
            None => (counted("SLURM_ARRAY_TASK_MIN")?, counted("SLURM_ARRAY_TASK_MAX")?),
        };
        let count = given.map_or_else(|| counted("SLURM_ARRAY_TASK_COUNT"), Ok)?;
        if (most + 1).checked_sub(least) != Some(count) {
            bail!(
                "the array's tasks are {count} between {least} and {most}: with some left out, set {COUNT} to the number of shards (tasks then count from 0), or give --shard"
            );
        }
        let index = id.checked_sub(least);
        (
            "SLURM_ARRAY_TASK_ID",
            index.with_context(|| {
                format!("SLURM_ARRAY_TASK_ID: {id} found, expected at least {least}")
            })?,
            count,
        )
    } else {
        return Ok(None);
    };
    let shard = Shard::new(index, of)
        .with_context(|| format!("{name} counts {index} from 0, expected less than {of}"))?;
    say!("shard {shard}, by {name}");
    Ok(Some(shard))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let get = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let shard = from(get).map_err(|error| format!("{error:#}"))?;
        Ok(shard.map(|shard| shard.to_string()))
    }

    #[test]
    fn the_engines_variables_tell_the_shard() {
        let slurm = |id, least, most, count| {
            [
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_MIN", least),
                ("SLURM_ARRAY_TASK_MAX", most),
                ("SLURM_ARRAY_TASK_COUNT", count),
            ]
        };
        assert_eq!(told(&[]), Ok(None));
        assert_eq!(told(&slurm("0", "0", "7", "8")), Ok(Some("1/8".to_owned())));
        assert_eq!(told(&slurm("8", "1", "8", "8")), Ok(Some("8/8".to_owned())));
        // One task of eight once more: the array has gaps, or is another one.
        let gaps = told(&slurm("3", "0", "7", "3")).unwrap_err();
        assert!(gaps.contains("DRS_SHARDS"), "{gaps}");
        let again = [&slurm("3", "3", "3", "1")[..], &[("DRS_SHARDS", "8")]].concat();
        assert_eq!(told(&again), Ok(Some("4/8".to_owned())));
        let kubernetes = ("JOB_COMPLETION_INDEX", "7");
        assert_eq!(told(&[kubernetes, ("DRS_SHARDS", "8")]), Ok(Some("8/8".to_owned())));
        for (bad, words) in [
            (&[kubernetes][..], "DRS_SHARDS"),
            (&[kubernetes, ("DRS_SHARDS", "7")], "less than 7"),
            (&[kubernetes, ("DRS_SHARDS", "x")], "whole number"),
            (&[("SLURM_ARRAY_TASK_ID", "2")], "give --shard"),
        ] {
            let error = told(bad).unwrap_err();
            assert!(error.contains(words), "{bad:?}: {error}");
        }
    }
}
