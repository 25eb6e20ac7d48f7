//! The `imgfs` command. The library has all of it, so that the compiler sees what nothing uses.

fn main() -> std::process::ExitCode {
    imgfs::command_line()
}
