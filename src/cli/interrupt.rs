//! Ctrl-C: work stops at once, says so, and leaves no file half written.

use super::exit::Exit;
use super::files;
use super::terminal::Terminal;

/// From now on an interruption ends the process with [`Exit::Interrupted`], after a file that is being written is whole.
pub(super) fn quit_when_asked(terminal: Terminal) {
    #[expect(clippy::exit, reason = "threads that compute are not waited for")]
    let quit = move || {
        let _no_file_is_being_written = files::between_writes();
        terminal.error("interrupted: there is no result", None);
        std::process::exit(i32::from(Exit::Interrupted.code()));
    };
    // Without a handler the system ends the process, as it does other verbs.
    let _ = ctrlc::set_handler(quit);
}
