//! Packages of experts and pools: made, signed, installed, looked at.

mod ask;
mod author;
mod fill;
mod install;
mod installed;
mod pack;
mod pool;
mod sign;
mod wheel;

pub(super) use install::run as install;
pub(super) use installed::{forget, info, remove, verify};
pub(super) use pack::run as pack;
pub(super) use sign::{keygen, sign};
pub(super) use wheel::run as wheel;
