//! The kernel's half: a filter that asks, and a thread that answers.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use libc::{c_long, seccomp_data, seccomp_notif, seccomp_notif_resp, sock_filter};

/// The longest path that the kernel takes.
const LONGEST: usize = 4096;

pub(super) fn watch(mut see: impl FnMut(&Path) + Send + 'static) -> io::Result<()> {
    // The answering thread comes first: the filter holds for the thread that sets it, and for
    // what it starts.
    let (sender, receiver) = std::sync::mpsc::channel();
    let (ready, started) = std::sync::mpsc::channel();
    std::thread::Builder::new().name("opens".to_owned()).spawn(move || {
        // Whoever opens a library holds the loader's lock meanwhile, and so does the start of a
        // thread, and the first use of some functions. All that is done before anybody waits
        // for an answer.
        warm_up(&mut see);
        if ready.send(()).is_err() {
            return;
        }
        if let Ok(listener) = receiver.recv() {
            answer(&listener, see);
        }
    })?;
    let ended = || io::Error::other("the thread that watches ended");
    started.recv().map_err(|_| ended())?;
    let listener = filter()?;
    sender.send(listener).map_err(|_| ended())
}

/// Does once all that an answer takes.
fn warm_up(see: &mut impl FnMut(&Path)) {
    see(Path::new("/proc/self/maps"));
    let _ = std::fs::read_link("/proc/self/cwd");
    let here = b"\0";
    if let Ok(memory) = File::open(format!("/proc/{}/mem", std::process::id())) {
        let _ = text(&memory, here.as_ptr().addr() as u64);
    }
    let _ = std::env::temp_dir().join("none").is_file();
}

/// Sets the filter for this thread.
fn filter() -> io::Result<OwnedFd> {
    let number = offset_of!(seccomp_data, nr);
    let statement = |code: u32, k: u32| jump(code, k, 0, 0);
    let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, word(number))];
    let calls = opens();
    for (place, (call, _)) in calls.iter().enumerate() {
        // Over the other comparisons and the first verdict.
        let ahead = u8::try_from(calls.len() - place).unwrap_or(u8::MAX);
        program.push(jump(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, word(*call), ahead, 0));
    }
    program.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    program.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_USER_NOTIF));
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    // SAFETY: takes numbers only. Without it filters are for the system's administrator.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the program, which the kernel copies, lives through the call.
    let listener = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        )
    };
    let listener = i32::try_from(listener).ok().filter(|&fd| fd >= 0);
    let listener = listener.ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel just made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

/// Calls that open, and which argument is the path; the flags follow it.
fn opens() -> Vec<(c_long, usize)> {
    vec![
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, 0),
        (libc::SYS_openat, 1),
        (libc::SYS_openat2, 1),
    ]
}

fn word(value: impl TryInto<u32>) -> u32 {
    // Numbers of calls and places in a small struct.
    value.try_into().unwrap_or(u32::MAX)
}

fn jump(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: u16::try_from(code).unwrap_or(u16::MAX), jt, jf, k }
}

/// Tells of each open and lets it go on, until nobody is watched any more.
fn answer(listener: &OwnedFd, mut see: impl FnMut(&Path)) {
    loop {
        // SAFETY: plain numbers, for which zero is a value; the kernel demands zeros.
        let mut asked: seccomp_notif = unsafe { std::mem::zeroed() };
        let (fd, receive) = (listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV);
        // SAFETY: the kernel fills in the struct of the call's own type.
        if unsafe { libc::ioctl(fd, receive, &raw mut asked) } != 0 {
            match io::Error::last_os_error().raw_os_error() {
                // One that asked was interrupted, or ended.
                Some(libc::EINTR | libc::ENOENT) => continue,
                _ => return,
            }
        }
        if let Some(path) = opened(&asked) {
            see(&path);
        }
        // SAFETY: as above.
        let mut reply: seccomp_notif_resp = unsafe { std::mem::zeroed() };
        reply.id = asked.id;
        reply.flags = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or(1);
        // It fails where the one that asked is gone.
        // SAFETY: the kernel reads the struct of the call's own type.
        unsafe { libc::ioctl(fd, libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut reply) };
    }
}

/// The file that is about to be opened for reading, if it is there.
fn opened(asked: &seccomp_notif) -> Option<PathBuf> {
    let data = &asked.data;
    let (call, place) = opens().into_iter().find(|(call, _)| *call == c_long::from(data.nr))?;
    let memory = File::open(format!("/proc/{}/mem", asked.pid)).ok()?;
    let flags = if call == libc::SYS_openat2 {
        let mut flags = [0; 8];
        memory.read_exact_at(&mut flags, data.args[place + 1]).ok()?;
        u64::from_le_bytes(flags)
    } else {
        data.args[place + 1]
    };
    if flags & 3 == u64::from(libc::O_WRONLY.unsigned_abs()) {
        return None;
    }
    let path = text(&memory, data.args[place])?;
    let folder = match (place, data.args[0].cast_signed() as i32) {
        (1, fd) if fd != libc::AT_FDCWD => format!("/proc/{}/fd/{fd}", asked.pid),
        _ => format!("/proc/{}/cwd", asked.pid),
    };
    let folder = std::fs::read_link(folder).unwrap_or_default();
    let path = folder.join(path);
    path.is_file().then_some(path)
}

/// The text at an address in another's memory.
fn text(memory: &File, address: u64) -> Option<PathBuf> {
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST {
        // To the end of a page: the next may not be there.
        let at = address + bytes.len() as u64;
        let mut page = vec![0; usize::try_from(4096 - at % 4096).ok()?];
        let count = memory.read_at(&mut page, at).ok().filter(|&count| count > 0)?;
        match page[..count].iter().position(|&byte| byte == 0) {
            Some(end) => {
                bytes.extend_from_slice(&page[..end]);
                return Some(PathBuf::from(OsStr::from_bytes(&bytes)));
            }
            None => bytes.extend_from_slice(&page[..count]),
        }
    }
    None
}
