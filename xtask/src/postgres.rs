//! A private PostgreSQL cluster for tests: made for one run, gone after it.
//!
//! Durability is left on, because what the tests prove is what survives a crash. A small shell is the parent of the
//! server and holds the reading end of a pipe from this process: when this process ends, by whatever cause (Ctrl-C and
//! kill -9 among them), the pipe closes, and the shell stops the server and removes its files.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::debian;
use crate::workspace::output_of;

/// The variable that carries the URL of the cluster's superuser to the tests. Each test makes its own database.
pub(crate) const URL_VARIABLE: &str = "SYNCLINE_TEST_POSTGRES_URL";

const SUPERUSER: &str = "syncline";

/// A cluster on a 2-core machine is up in two seconds; this is for a machine that is busy compiling.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// `$1` programs, `$2` the cluster's folder, `$3` port. Ends when its input closes or when the server does.
const KEEPER: &str = r#"
trap '' HUP INT TERM
"$1/postgres" -D "$2/data" -p "$3" -k "$2" >"$2/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -INT $server 2>/dev/null
wait $server
rm -rf "$2"
"#;

/// A running cluster. Dropping it stops the server and removes its files.
pub(crate) struct Cluster {
    url: String,
    keeper: Child,
}

impl Cluster {
    /// Makes and starts a cluster; it answers queries when this returns.
    pub(crate) fn start() -> Result<Self> {
        let programs = debian::postgres_programs()?;
        let owner = Owner::find()?;
        let folder = owner.new_folder()?;
        Self::start_in(&folder, &programs, &owner).inspect_err(|_| {
            // Where the keeper got as far as starting, it has removed the folder already.
            let _ = fs::remove_dir_all(&folder);
        })
    }

    fn start_in(folder: &Path, programs: &Path, owner: &Owner) -> Result<Self> {
        let mut initdb = owner.command(programs.join("initdb"), folder);
        initdb.arg("-D").arg(folder.join("data")).args(["--username", SUPERUSER, "--auth", "trust"]);
        // A linguistic collation, as most people's databases have: code that leans on byte order must say so to pass.
        initdb.args(["--encoding", "UTF8", "--locale", "C", "--locale-provider", "icu", "--icu-locale", "en-US"]);
        output_of(&mut initdb)?;
        let mut settings = fs::read_to_string(folder.join("data/postgresql.conf"))?;
        settings.push_str("listen_addresses = '127.0.0.1'\nmax_connections = 300\nmax_locks_per_transaction = 256\n");
        fs::write(folder.join("data/postgresql.conf"), settings)?;

        let port = free_port()?;
        let mut keeper = owner.command("sh", folder);
        keeper.args(["-c", KEEPER, "postgres-keeper"]).arg(programs).arg(folder).arg(port.to_string());
        // A group of its own: Ctrl-C on the terminal goes to the tests, and the keeper sees only that the pipe closed.
        keeper.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let keeper = keeper.spawn().context("cannot start the keeper of PostgreSQL")?;
        let url = format!("postgres://{SUPERUSER}@127.0.0.1:{port}/postgres");
        let cluster = Self { url, keeper };
        cluster.wait_until_ready(programs, folder, port)?;
        Ok(cluster)
    }

    /// The superuser's URL; its database is `postgres`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn wait_until_ready(&self, programs: &Path, folder: &Path, port: u16) -> Result<()> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            let mut is_ready = Command::new(programs.join("pg_isready"));
            is_ready.args(["--quiet", "--host", "127.0.0.1", "--port", &port.to_string()]);
            // The file with the server's process id tells our server from a stranger that took the port first.
            if folder.join("data/postmaster.pid").exists() && is_ready.status()?.success() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                bail!("PostgreSQL did not start within {} s:\n{log}", START_DEADLINE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// The user that the server runs as: PostgreSQL refuses root, so root hands it to Debian's `postgres` user.
struct Owner {
    /// User and group, where they are not this process's own.
    ids: Option<(u32, u32)>,
}

impl Owner {
    fn find() -> Result<Self> {
        if !debian::is_root()? {
            return Ok(Self { ids: None });
        }
        let id = |flag| -> Result<u32> {
            let printed = output_of(Command::new("id").args([flag, "postgres"]))?;
            Ok(printed.trim().parse()?)
        };
        Ok(Self { ids: Some((id("-u")?, id("-g")?)) })
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder);
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command
    }

    /// A short path, because the name of a Unix socket may have 107 bytes at most.
    fn new_folder(&self) -> Result<PathBuf> {
        let made = output_of(Command::new("mktemp").args(["--directory", "--tmpdir", "syncline-postgres-XXXXXX"]))?;
        let folder = PathBuf::from(made.trim());
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        if let Some((user, group)) = self.ids {
            chown(&folder, Some(user), Some(group))?;
        }
        Ok(folder)
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
