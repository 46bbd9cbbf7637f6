//! `drs route`.

use std::path::PathBuf;

use super::{DrawArgs, MethodArgs, PoolArgs};

const ROUTE_EXAMPLES: &str = "\
Examples:
  drs route --experts experts.toml photo.png
  drs route --experts experts.toml --method dual --n 100000 *.png
  drs route --experts experts.toml --method one:s025 photo.png
  drs route --experts experts.toml --radius 0.5 photo.png
  drs route --experts experts.toml --predict --n 1000 photo.png
  drs route --experts experts.toml --predict --method dual photo.png
  drs route --experts experts.toml --seed 7 --json photo.png | jq .certificate.verdict

Columns: input is the image. class is the certified class, or abstain, with the radius 0. No \
perturbation of the input shorter than radius (L2, pixels in [0, 1]) changes the class; it is \
truncated, never rounded up. expert and sigma are the router's choice and its noise level \
(with one:NAME, multiscale or blend: the expert that the answer rests on). binds tells what \
ends the radius: beyond it another route might be taken, or the class might change; it is - \
where the method has no route. draws are the noisy copies that were classified, by the router \
and the experts together. time is the input's share of the machine in seconds, models and \
noise: images are answered many at once, so each waits longer. --json calls it seconds, and \
the whole wait latency.

Images are PNG, JPEG, BMP, PPM, PGM, TIFF, WebP or GIF with 8 bits per channel; or .npy \
([C,H,W], uint8 or floats in [0, 1]).

Exit codes: 0 all done, 1 an image or something else failed (the others are answered), 2 wrong \
usage.";

#[derive(Debug, clap::Args)]
#[command(after_help = ROUTE_EXAMPLES)]
pub(crate) struct RouteArgs {
    #[command(flatten)]
    pub(crate) pool: PoolArgs,

    #[command(flatten)]
    pub(crate) draws: DrawArgs,

    #[command(flatten)]
    pub(crate) method: MethodArgs,

    /// Answer with the class alone, without a radius: that of the classifier that the method
    /// certifies, wrong with probability at most alpha. Each model that is asked takes all of --n
    /// draws; the options for selection, bounds and sampling do not apply.
    #[arg(long, conflicts_with_all = ["n0", "two_sided", "sampling", "stopping", "futility", "first_look", "look_growth", "last_look", "selection"])]
    pub(crate) predict: bool,

    /// Write one JSON object per image and line instead of the table.
    #[arg(long)]
    pub(crate) json: bool,

    /// Images to certify.
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<PathBuf>,
}
