//! The port to programs of this machine, on the standard library.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use spawn::{ProcessCommand, ProcessOutput, ProcessRunner};

const LONGEST_STDOUT: u64 = 1024 * 1024;
const LONGEST_STDERR: u64 = 64 * 1024;
const LONGEST_LINE: u64 = 64 * 1024;
/// Pause between two looks at a running program.
const PAUSE: Duration = Duration::from_millis(10);

/// Starts programs as children of this process.
pub(crate) struct ChildProcesses;

fn command(wanted: &ProcessCommand) -> Command {
    let mut command = Command::new(&wanted.program);
    command.args(&wanted.args).envs(wanted.env.iter().map(|(key, value)| (key, value)));
    command
}

impl ProcessRunner for ChildProcesses {
    fn capture(&self, wanted: &ProcessCommand, input: &[u8], limit: Duration) -> io::Result<ProcessOutput> {
        let mut command = command(wanted);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        thread::scope(|scope| {
            scope.spawn(move || {
                // A program may end without reading all of its input.
                let _ = stdin.map(|mut stdin| stdin.write_all(input));
            });
            let stdout = scope.spawn(|| read_bounded(stdout, LONGEST_STDOUT));
            let stderr = scope.spawn(|| read_bounded(stderr, LONGEST_STDERR));
            let code = wait(&mut child, limit)?;
            let bytes = |reader: thread::ScopedJoinHandle<'_, io::Result<Vec<u8>>>| {
                reader.join().unwrap_or_else(|_| Err(io::Error::other("the reader panicked")))
            };
            Ok(ProcessOutput { code, stdout: bytes(stdout)?, stderr: bytes(stderr)? })
        })
    }

    fn stream(
        &self,
        wanted: &ProcessCommand,
        on_line: &mut dyn FnMut(&str) -> io::Result<()>,
    ) -> io::Result<Option<i32>> {
        let mut command = command(wanted);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let read = child.stdout.take().map_or(Ok(()), |stdout| read_lines(stdout, on_line));
        if read.is_err() {
            child.kill()?;
        }
        let status = child.wait()?;
        read.map(|()| status.code())
    }

    fn hand_over(&self, wanted: &ProcessCommand) -> io::Result<i32> {
        let status = command(wanted).status()?;
        Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
    }
}

/// Hands over each line. A longer line comes in pieces.
fn read_lines(stream: impl Read, on_line: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? > 0 {
        on_line(&String::from_utf8_lossy(&line))?;
        line.clear();
    }
    Ok(())
}

/// Reads at most `most` bytes and discards the rest, so that the program never waits for a reader.
fn read_bounded(stream: Option<impl Read>, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let Some(mut stream) = stream else { return Ok(bytes) };
    stream.by_ref().take(most).read_to_end(&mut bytes)?;
    io::copy(&mut stream, &mut io::sink())?;
    Ok(bytes)
}

/// Waits for the end of a program, and kills it after `limit`.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<i32>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code());
        }
        if begun.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> ProcessCommand {
        ProcessCommand { program: "sh".into(), args: vec!["-c".into(), script.into()], ..Default::default() }
    }

    #[test]
    fn captures_both_streams_and_the_status() {
        let limit = Duration::from_secs(60);
        let out = ChildProcesses.capture(&shell("cat; echo bad >&2; exit 7"), b"given", limit).unwrap();
        assert_eq!(
            out,
            ProcessOutput { code: Some(7), stdout: b"given".to_vec(), stderr: b"bad\n".to_vec() }
        );
    }

    #[test]
    fn a_long_output_is_cut_and_a_slow_program_is_killed() {
        let limit = Duration::from_secs(60);
        let out = ChildProcesses.capture(&shell("head -c 3000000 /dev/zero"), b"", limit).unwrap();
        assert_eq!((out.code, out.stdout.len() as u64), (Some(0), LONGEST_STDOUT));
        let out = ChildProcesses.capture(&shell("exec sleep 60"), b"", Duration::from_millis(50)).unwrap();
        assert_eq!(out.code, None);
    }

    #[test]
    fn lines_are_handed_over_until_one_is_refused() {
        let mut lines = Vec::new();
        let script = "echo one; printf two; exit 4";
        let code = ChildProcesses.stream(&shell(script), &mut |line| {
            lines.push(line.to_string());
            Ok(())
        });
        assert_eq!(
            (code.unwrap(), lines.as_slice()),
            (Some(4), ["one\n", "two"].map(String::from).as_slice())
        );
        let endless = shell("while :; do echo y; done");
        let refused = ChildProcesses.stream(&endless, &mut |_| Err(io::ErrorKind::BrokenPipe.into()));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_missing_program_is_reported_as_not_found() {
        let missing = ProcessCommand { program: "no-such-program-here".into(), ..Default::default() };
        let error = ChildProcesses.capture(&missing, b"", Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(ChildProcesses.hand_over(&shell("exit 3")).unwrap(), 3);
        assert_eq!(ChildProcesses.hand_over(&shell("kill -15 $$")).unwrap(), 128 + 15);
    }
}
