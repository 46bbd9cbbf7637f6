//! Packages of experts and pools: made, signed, installed, looked at.

mod author;
mod fill;
mod from;
mod index;
mod install;
mod installed;
mod lock;
mod metric;
mod pack;
mod pool;
mod sign;
mod update;
mod wheel;

pub(super) use index::run as index;
pub(super) use install::run as install;
pub(super) use installed::{forget, info, remove, verify};
pub(super) use lock::run as lock;
pub(super) use pack::run as pack;
pub(super) use sign::{keygen, sign};
pub(super) use update::run as update;
pub(super) use wheel::run as wheel;
