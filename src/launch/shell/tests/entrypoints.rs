//! Entrypoint scripts in the style of well-known images.

use super::recorder::{Recorder, run};
use crate::launch::shell::Dialect::{self, Bash, Busybox, Dash};
use crate::launch::shell::Word;

fn log(dialect: Dialect, world: &mut Recorder, text: &str, arguments: &[&str]) -> String {
    let words: Vec<Word> = arguments
        .iter()
        .map(|word| Word::Known((*word).to_owned()))
        .collect();
    run(world, dialect, text, &words);
    world.log.join("; ")
}

const NODE: &str = r#"#!/bin/sh
set -e
if [ "${1#-}" != "${1}" ] || [ -z "$(command -v "${1}")" ] || { [ -f "${1}" ] && ! [ -x "${1}" ]; }; then
  set -- node "$@"
fi
exec "$@"
"#;

#[test]
fn node_puts_its_own_name_before_options_and_scripts() {
    for dialect in [Dash, Bash, Busybox] {
        let mut world = Recorder::with(&["node", "yarn"]);
        assert_eq!(
            log(dialect, &mut world, NODE, &["app.js"]),
            "!exec node app.js"
        );
        world.log.clear();
        assert_eq!(
            log(dialect, &mut world, NODE, &["-e", "1"]),
            "!exec node -e 1"
        );
        world.log.clear();
        assert_eq!(
            log(dialect, &mut world, NODE, &["yarn", "start"]),
            "!exec yarn start"
        );
    }
}

const REDIS: &str = r#"#!/bin/sh
set -e
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then
	set -- redis-server "$@"
fi
if [ "$1" = 'redis-server' -a "$(id -u)" = '0' ]; then
	find . \! -user redis -exec chown redis '{}' +
	exec gosu redis "$0" "$@"
fi
um="$(umask)"
if [ "$um" = '0022' ]; then
	umask 0077
fi
exec "$@"
"#;

#[test]
fn redis_changes_the_user_and_starts_itself_again() {
    for dialect in [Dash, Bash, Busybox] {
        let mut world = Recorder::with(&["redis-server", "find", "gosu", "id"]);
        assert_eq!(
            log(dialect, &mut world, REDIS, &["redis-server"]),
            "!|id -u; !find . ! -user redis -exec chown redis {} +; \
             !exec gosu redis /entry.sh redis-server"
        );
        let mut world = Recorder::with(&["redis-server", "find", "gosu", "id"]);
        world.uid = Some(999);
        assert_eq!(
            log(dialect, &mut world, REDIS, &["my.conf"]),
            "!|id -u; !exec redis-server my.conf"
        );
    }
}

const NGINX: &str = r#"#!/bin/sh
set -e
entrypoint_log() {
    if [ -z "${NGINX_ENTRYPOINT_QUIET_LOGS:-}" ]; then
        echo "$@"
    fi
}
if [ "$1" = "nginx" ] || [ "$1" = "nginx-debug" ]; then
    if /usr/bin/find "/docker-entrypoint.d/" -mindepth 1 -maxdepth 1 -type f -print -quit 2>/dev/null | read v; then
        entrypoint_log "$0: configuring"
        find "/docker-entrypoint.d/" -follow -type f -print | sort -V | while read -r f; do
            case "$f" in
                *.envsh) if [ -x "$f" ]; then . "$f"; fi ;;
                *.sh) if [ -x "$f" ]; then "$f"; else entrypoint_log "no"; fi ;;
                *) entrypoint_log "Ignoring $f";;
            esac
        done
    fi
fi
exec "$@"
"#;

#[test]
fn nginx_ends_in_its_arguments_whatever_its_directory_holds() {
    for dialect in [Dash, Bash, Busybox] {
        let mut world = Recorder::with(&["nginx", "find", "/usr/bin/find", "sort"]);
        let log = log(dialect, &mut world, NGINX, &["nginx", "-g", "daemon off;"]);
        assert!(
            log.starts_with("!|/usr/bin/find /docker-entrypoint.d/"),
            "{log}"
        );
        assert!(log.contains("?|find /docker-entrypoint.d/"), "{log}");
        assert!(log.ends_with("exec nginx -g \"daemon off;\""), "{log}");
    }
}

const POSTGRES: &str = r#"#!/usr/bin/env bash
set -Eeo pipefail
file_env() {
	local var="$1"
	local fileVar="${var}_FILE"
	local def="${2:-}"
	if [ "${!var:-}" ] && [ "${!fileVar:-}" ]; then
		printf >&2 'error: both %s and %s are set (but are exclusive)\n' "$var" "$fileVar"
		exit 1
	fi
	local val="$def"
	if [ "${!var:-}" ]; then
		val="${!var}"
	elif [ "${!fileVar:-}" ]; then
		val="$(< "${!fileVar}")"
	fi
	export "$var"="$val"
	unset "$fileVar"
}
_is_sourced() {
	[ "${#FUNCNAME[@]}" -ge 2 ] \
		&& [ "${FUNCNAME[0]}" = '_is_sourced' ] \
		&& [ "${FUNCNAME[1]}" = 'source' ]
}
docker_create_db_directories() {
	local user; user="$(id -u)"
	mkdir -p "$PGDATA"
	chmod 00700 "$PGDATA" || :
	if [ "$user" = '0' ]; then
		find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
	fi
}
docker_process_init_files() {
	printf '\n'
	local f
	for f; do
		case "$f" in
			*.sh)
				if [ -x "$f" ]; then
					"$f"
				else
					. "$f"
				fi
				;;
			*.sql) docker_process_sql -f "$f" ;;
			*) printf '%s: ignoring %s\n' "$0" "$f" ;;
		esac
		printf '\n'
	done
}
docker_setup_env() {
	file_env 'POSTGRES_PASSWORD'
	file_env 'POSTGRES_USER' 'postgres'
	file_env 'POSTGRES_DB' "$POSTGRES_USER"
	declare -g DATABASE_ALREADY_EXISTS
	: "${DATABASE_ALREADY_EXISTS:=}"
	if [ -s "$PGDATA/PG_VERSION" ]; then
		DATABASE_ALREADY_EXISTS='true'
	fi
}
_pg_want_help() {
	local arg
	for arg; do
		case "$arg" in
			-'?'|--help|--describe-config|-V|--version)
				return 0
				;;
		esac
	done
	return 1
}
_main() {
	if [ "${1:0:1}" = '-' ]; then
		set -- postgres "$@"
	fi
	if [ "$1" = 'postgres' ] && ! _pg_want_help "$@"; then
		docker_setup_env
		docker_create_db_directories
		if [ "$(id -u)" = '0' ]; then
			exec gosu postgres "$BASH_SOURCE" "$@"
		fi
		if [ -z "$DATABASE_ALREADY_EXISTS" ]; then
			initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD")
			docker_process_init_files /docker-entrypoint-initdb.d/*
		fi
	fi
	exec "$@"
}
if ! _is_sourced; then
	_main "$@"
fi
"#;

#[test]
fn postgres_as_root_ends_in_gosu() {
    let mut world = Recorder::with(&["postgres", "gosu", "id", "mkdir", "chmod", "find"]);
    let script = format!("PGDATA=/var/lib/postgresql/data\n{POSTGRES}");
    let log = log(Bash, &mut world, &script, &["postgres"]);
    assert_eq!(
        log,
        "!|id -u; !mkdir -p /var/lib/postgresql/data; !chmod 00700 /var/lib/postgresql/data; \
         !find /var/lib/postgresql/data ! -user postgres -exec chown postgres {} +; !|id -u; \
         !exec gosu postgres /entry.sh postgres"
    );
}

#[test]
fn postgres_as_its_user_initializes_and_ends_in_its_arguments() {
    let mut world = Recorder::with(&["postgres", "id", "mkdir", "chmod", "initdb"]);
    world.uid = Some(70);
    let script = format!("PGDATA=/var/lib/postgresql/data\n{POSTGRES}");
    let log = log(Bash, &mut world, &script, &["-c", "fsync=off"]);
    assert!(
        log.contains("!exec postgres -c fsync=off") || log.contains("?exec postgres -c fsync=off"),
        "{log}"
    );
    assert!(log.contains("initdb --username=postgres"), "{log}");
}

const MYSQL: &str = r#"#!/bin/bash
set -eo pipefail
shopt -s nullglob
mysql_note() { local text="$*"; printf '[Note] %s\n' "$text"; }
docker_verify() {
	local toRun=("$@" --verbose --help) errors
	if ! errors="$("${toRun[@]}" 2>&1 >/dev/null)"; then
		exit 1
	fi
}
_main() {
	if [ "${1:0:1}" = '-' ]; then
		set -- mysqld "$@"
	fi
	if [ "$1" = 'mysqld' ]; then
		mysql_note "Entrypoint script started"
		docker_verify "$@"
		if [ "$(id -u)" = "0" ]; then
			exec gosu mysql "$BASH_SOURCE" "$@"
		fi
	fi
	exec "$@"
}
_main "$@"
"#;

#[test]
fn mysql_runs_an_array_and_ends_in_gosu() {
    let mut world = Recorder::with(&["mysqld", "gosu", "id"]);
    let log = log(Bash, &mut world, MYSQL, &["mysqld", "--port=1"]);
    assert_eq!(
        log,
        "!|mysqld --port=1 --verbose --help; !|id -u; \
         !exec gosu mysql /entry.sh mysqld --port=1"
    );
}
