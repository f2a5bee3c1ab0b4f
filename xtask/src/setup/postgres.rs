//! The Postgres programs. The server downloads its own if none is installed. Tests run on an
//! installed one, which also saves the download.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::debian;
use crate::context::Context;

/// Installs Postgres if it is missing and apt is available.
pub(crate) fn prepare(context: &Context) -> Result<()> {
    if find(context).is_some() || !debian::is_debian(context) {
        return Ok(());
    }
    let purpose = "the programs of the private database cluster";
    debian::install(context, &["postgresql-common"], purpose)?;
    // Debian would otherwise create and start a system-wide cluster.
    let settings = Path::new("/etc/postgresql-common/createcluster.conf");
    let before = fs::read_to_string(settings).unwrap_or_default();
    write(context, settings, &without_main_cluster(&before))?;
    let installed = debian::install(context, &["postgresql"], purpose);
    write(context, settings, &before)?;
    installed
}

/// Returns the path of `initdb` of the newest installation, from `PATH` or from Debian's folder for
/// each version.
pub(crate) fn find(context: &Context) -> Option<PathBuf> {
    context.which("initdb").or_else(|| {
        let entries = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
        let newest = entries
            .filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok())
            .max()?;
        let initdb = PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin/initdb"));
        initdb.is_file().then_some(initdb)
    })
}

fn without_main_cluster(settings: &str) -> String {
    let kept: Vec<&str> = settings
        .lines()
        .filter(|line| {
            !line
                .trim_start_matches('#')
                .starts_with("create_main_cluster")
        })
        .collect();
    format!("{}\ncreate_main_cluster = false\n", kept.join("\n"))
}

fn write(context: &Context, file: &Path, text: &str) -> Result<()> {
    let script = "printf %s \"$1\" > \"$2\"";
    debian::as_root(context, "sh")?
        .args(["-c", script, "sh", text])
        .arg(file)
        .text()
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_replaced_even_if_it_is_commented_out() {
        for before in [
            "ssl = on\n#create_main_cluster = true\n",
            "ssl = on\ncreate_main_cluster=1",
        ] {
            assert_eq!(
                without_main_cluster(before),
                "ssl = on\ncreate_main_cluster = false\n"
            );
        }
    }
}
