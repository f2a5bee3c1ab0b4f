//! The command line of the shop.

use std::net::SocketAddr;

use clap::Parser;

/// A small web shop, traced by Throughline.
///
/// Serves its pages and its JSON API, and runs the worker that confirms orders.
#[derive(Debug, Parser)]
#[command(name = "shop", version, about)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "SHOP_ADDR", default_value = "127.0.0.1:3100")]
    pub addr: SocketAddr,

    /// URL of any database in the Postgres cluster. `DATABASE_URL` is read if neither this option
    /// nor `SHOP_DATABASE_URL` is given.
    #[arg(long, env = "SHOP_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,

    /// Name of the shop's own database in that cluster. It is created if it is missing.
    #[arg(long, env = "SHOP_DATABASE", default_value = "shop")]
    pub database: String,

    /// Address of the Throughline server. The shop and its pages send their spans to it.
    #[arg(
        long,
        env = "THROUGHLINE_ENDPOINT",
        default_value = "http://127.0.0.1:3000"
    )]
    pub collector: String,
}

impl Config {
    /// Returns the URL of the cluster: the option, or else its variable, or else `DATABASE_URL`.
    ///
    /// # Errors
    /// No URL is given in any of the three ways.
    pub fn database_url(&self) -> anyhow::Result<String> {
        self.database_url
            .clone()
            .or_else(|| std::env::var("DATABASE_URL").ok())
            .ok_or_else(|| {
                anyhow::anyhow!(
                    "no database: give --database-url, SHOP_DATABASE_URL or DATABASE_URL"
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Config::command().debug_assert();
    }

    #[test]
    fn an_option_wins_over_the_environment() {
        let config = Config::parse_from(["shop", "--database-url", "postgres://here/any"]);
        assert_eq!(config.database_url().expect("given"), "postgres://here/any");
        assert_eq!(config.database, "shop");
    }
}
