//! Entrypoint scripts like those of well-known images, correct and with errors.

use crate::start_support::case::{Case, busybox, debian, musl};
use crate::start_support::parts::program;

/// Like database images: switches to another user, runs the files of a directory once, and ends in `exec
/// "$@"`.
const POSTGRES: &str = r#"#!/usr/bin/env bash
set -Eeo pipefail

_is_sourced() {
	[ "${#FUNCNAME[@]}" -ge 2 ] \
		&& [ "${FUNCNAME[0]}" = '_is_sourced' ] \
		&& [ "${FUNCNAME[1]}" = 'source' ]
}

docker_setup_env() {
	: "${PGDATA:=/var/lib/data}"
	declare -g DATABASE_ALREADY_EXISTS
	DATABASE_ALREADY_EXISTS=
	if [ -s "$PGDATA/VERSION" ]; then
		DATABASE_ALREADY_EXISTS='true'
	fi
}

docker_create_directories() {
	local user; user="$(id -u)"
	mkdir -p "$PGDATA"
	chmod 00700 "$PGDATA" || :
	if [ "$user" = '0' ]; then
		find "$PGDATA" \! -user app -exec chown app '{}' +
	fi
}

docker_process_init_files() {
	local f
	for f; do
		case "$f" in
			*.sh)
				if [ -x "$f" ]; then
					echo "running $f"
					"$f"
				else
					echo "sourcing $f"
					. "$f"
				fi
				;;
			*) echo "ignoring $f" ;;
		esac
		echo
	done
}

_main() {
	if [ "${1:0:1}" = '-' ]; then
		set -- postgres "$@"
	fi
	if [ "$1" = 'postgres' ]; then
		docker_setup_env
		docker_create_directories
		if [ "$(id -u)" = '0' ]; then
			exec gosu app "$BASH_SOURCE" "$@"
		fi
		if [ -z "$DATABASE_ALREADY_EXISTS" ]; then
			ls /docker-entrypoint-initdb.d/ > /dev/null
			docker_process_init_files /docker-entrypoint-initdb.d/*
			echo 17 > "$PGDATA/VERSION"
		else
			echo 'skipping initialization'
		fi
	fi
	exec "$@"
}

if ! _is_sourced; then
	_main "$@"
fi
"#;

fn postgres(name: &str) -> Case {
    debian(name)
        .exe("/usr/local/bin/docker-entrypoint.sh", POSTGRES)
        .dir("/docker-entrypoint-initdb.d", 0o755)
        .exe("/usr/local/bin/postgres", program("glibc-app"))
        .entrypoint(&["docker-entrypoint.sh"])
        .cmd(&["postgres"])
}

const REDIS: &str = r#"#!/bin/sh
set -e

# first arg is `-f` or `--some-option`, or ends in .conf
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then
	set -- redis-server "$@"
fi

# allow the container to be started with --user
if [ "$1" = 'redis-server' -a "$(id -u)" = '0' ]; then
	find . \! -user app -exec chown app '{}' +
	exec SWITCH app "$0" "$@"
fi

um="$(umask)"
if [ "$um" = '0022' ]; then
	umask 0077
fi

exec "$@"
"#;

/// Returns an image on Debian with gosu, or on musl with su-exec.
fn redis(base: fn(String) -> Case, name: &str, switch: &str, app: &str) -> Case {
    base(name.to_owned())
        .dir("/data", 0o755)
        .owner(1000, 1000)
        .exe(
            "/usr/local/bin/docker-entrypoint.sh",
            REDIS.replace("SWITCH", switch),
        )
        .exe("/usr/local/bin/redis-server", program(app))
        .workdir("/data")
        .entrypoint(&["docker-entrypoint.sh"])
        .cmd(&["redis-server"])
}

const NGINX: &str = r#"#!/bin/sh
# vim:sw=4:ts=4:et

set -e

entrypoint_log() {
    if [ -z "${NGINX_ENTRYPOINT_QUIET_LOGS:-}" ]; then
        echo "$@"
    fi
}

if [ "$1" = "nginx" ] || [ "$1" = "nginx-debug" ]; then
    if /usr/bin/find "/docker-entrypoint.d/" -mindepth 1 -maxdepth 1 -type f -print -quit 2>/dev/null | read v; then
        entrypoint_log "$0: /docker-entrypoint.d/ is not empty, will attempt to perform configuration"

        find "/docker-entrypoint.d/" -follow -type f -print | sort -V | while read -r f; do
            case "$f" in
                *.envsh)
                    if [ -x "$f" ]; then
                        entrypoint_log "$0: Sourcing $f";
                        . "$f"
                    else
                        entrypoint_log "$0: Ignoring $f, not executable";
                    fi
                    ;;
                *.sh)
                    if [ -x "$f" ]; then
                        entrypoint_log "$0: Launching $f";
                        "$f"
                    else
                        entrypoint_log "$0: Ignoring $f, not executable";
                    fi
                    ;;
                *) entrypoint_log "$0: Ignoring $f";;
            esac
        done

        entrypoint_log "$0: Configuration complete; ready for start up"
    else
        entrypoint_log "$0: No files found in /docker-entrypoint.d/, skipping configuration"
    fi
fi

exec "$@"
"#;

fn nginx(name: &str) -> Case {
    debian(name)
        .exe("/docker-entrypoint.sh", NGINX)
        .dir("/docker-entrypoint.d", 0o755)
        .exe(
            "/docker-entrypoint.d/10-listen.sh",
            "#!/bin/sh\nset -e\necho configured\n",
        )
        .exe("/usr/sbin/nginx", program("glibc-app"))
        .entrypoint(&["/docker-entrypoint.sh"])
        .cmd(&["nginx", "-g", "daemon off;"])
}

const MYSQL: &str = r#"#!/bin/bash
set -eo pipefail
shopt -s nullglob

mysql_log() {
	local type="$1"; shift
	printf '[%s] [Entrypoint]: %s\n' "$type" "$*"
}
mysql_note() {
	mysql_log Note "$@"
}
mysql_error() {
	mysql_log ERROR "$@" >&2
	exit 1
}

_is_sourced() {
	[ "${#FUNCNAME[@]}" -ge 2 ] && [ "${FUNCNAME[0]}" = '_is_sourced' ] && [ "${FUNCNAME[1]}" = 'source' ]
}

_mysql_want_help() {
	local arg
	for arg; do
		case "$arg" in
			-'?'|--help|--print-defaults|-V|--version)
				return 0
				;;
		esac
	done
	return 1
}

docker_verify_minimum_env() {
	if [ -z "$MYSQL_ROOT_PASSWORD" -a -z "$MYSQL_ALLOW_EMPTY_PASSWORD" ]; then
		mysql_error $'Database is uninitialized and password option is not specified\n    You need to specify one of the following as an environment variable:\n    - MYSQL_ROOT_PASSWORD'
	fi
}

_main() {
	# if command starts with an option, prepend mysqld
	if [ "${1:0:1}" = '-' ]; then
		set -- mysqld "$@"
	fi

	# skip setup if they aren't running mysqld or want an option that stops mysqld
	if [ "$1" = 'mysqld' ] && ! _mysql_want_help "$@"; then
		mysql_note "Entrypoint script for MySQL Server started."

		# If container is started as root user, restart as dedicated mysql user
		if [ "$(id -u)" = "0" ]; then
			mysql_note "Switching to dedicated user 'app'"
			exec gosu app "$BASH_SOURCE" "$@"
		fi
		docker_verify_minimum_env
	fi
	exec "$@"
}

# If we are sourced from elsewhere, don't perform any further actions
if ! _is_sourced; then
	_main "$@"
fi
"#;

fn mysql(name: &str) -> Case {
    debian(name)
        .exe("/usr/local/bin/docker-entrypoint.sh", MYSQL)
        .link("/entrypoint.sh", "usr/local/bin/docker-entrypoint.sh")
        .exe("/usr/sbin/mysqld", program("glibc-app"))
        .env("MYSQL_ALLOW_EMPTY_PASSWORD=yes")
        .entrypoint(&["docker-entrypoint.sh"])
        .cmd(&["mysqld"])
}

const NODE: &str = r#"#!/bin/sh
set -e

# Run command with node if the first argument contains a "-" or is not a system command. The last
# part inside the "{}" is a workaround for the following bug in ash/dash:
if [ "${1#-}" != "${1}" ] || [ -z "$(command -v "${1}")" ] || { [ -f "${1}" ] && ! [ -x "${1}" ]; }; then
  set -- node "$@"
fi

exec "$@"
"#;

fn node(base: fn(String) -> Case, name: &str, app: &str) -> Case {
    base(name.to_owned())
        .exe("/usr/local/bin/docker-entrypoint.sh", NODE)
        .exe("/usr/local/bin/node", program(app))
        .file("/srv/app/index.js", 0o644, "console.log('hello')\n")
        .workdir("/srv/app")
        .entrypoint(&["docker-entrypoint.sh"])
        .cmd(&["node"])
}

/// Fills in a template, then starts the program.
const WORDPRESS: &str = r#"#!/usr/bin/env bash
set -Eeuo pipefail

if [[ "$1" == apache2* ]] || [ "$1" = 'php-fpm' ]; then
	uid="$(id -u)"
	gid="$(id -g)"
	if [ "$uid" = '0' ]; then
		case "$1" in
			apache2*)
				user="${APACHE_RUN_USER:-web}"
				group="${APACHE_RUN_GROUP:-web}"
				user="${user#'#'}"
				;;
			*) user='web'; group='web' ;;
		esac
	else
		user="$uid"
		group="$gid"
	fi

	if [ ! -e index.php ] && [ ! -e wp-includes/version.php ]; then
		echo >&2 "not found in $PWD - copying now..."
		cp -a /usr/src/site/. .
		echo >&2 "Complete!"
	fi
fi

exec "$@"
"#;

fn wordpress(name: &str) -> Case {
    debian(name)
        .exe("/usr/local/bin/docker-entrypoint.sh", WORDPRESS)
        .file("/usr/src/site/index.php", 0o644, "<?php\n")
        .dir("/var/www/html", 0o755)
        .workdir("/var/www/html")
        .exe("/usr/local/bin/apache2-foreground", "#!/bin/bash\nset -e\n: \"${APACHE_CONFDIR:=/etc/apache2}\"\nexec apache2 -DFOREGROUND \"$@\"\n")
        .exe("/usr/sbin/apache2", program("glibc-app"))
        .entrypoint(&["docker-entrypoint.sh"])
        .cmd(&["apache2-foreground"])
}

/// A small wrapper that computes options and starts a program with them.
const JAVA: &str = r#"#!/bin/sh
JAVA_OPTS="-Xmx${HEAP:-256m} ${JAVA_OPTS:-}"
if [ -z "$JAVA_HOME" ]; then
    JAVA=java
else
    JAVA="$JAVA_HOME/bin/java"
fi
exec "$JAVA" $JAVA_OPTS -jar /app.jar "$@"
"#;

pub fn cases() -> Vec<Case> {
    let lacks = "glibc-greet1-lazy";
    let postgres_off = POSTGRES.replace("gosu", "su-exec");
    vec![
        postgres("postgres").runs(),
        postgres("postgres-as-the-user").user("app").env("PGDATA=/tmp/data").runs(),
        postgres("postgres-with-an-option").cmd(&["-c", "x=1"]).runs(),
        postgres("postgres-with-another-command").cmd(&["true"]).runs(),
        postgres("postgres-with-another-command-missing").cmd(&["psql"]).dies(127, "psql"),
        postgres("postgres-without-gosu").whiteout("/usr/bin/gosu").whiteout("/usr/sbin/gosu").dies(127, "gosu"),
        postgres("postgres-with-su-exec-that-is-missing").exe("/usr/local/bin/docker-entrypoint.sh", &postgres_off).dies(127, "su-exec"),
        postgres("postgres-without-the-server").layer("RUN rm").whiteout("/usr/local/bin/postgres").dies(127, "postgres"),
        postgres("postgres-without-bash").layer("RUN rm").whiteout("/usr/bin/bash").dies(127, "bash"),
        postgres("postgres-without-a-library").exe("/usr/local/bin/postgres", program(lacks)).dies(127, "libgreet.so.1"),
        postgres("postgres-for-another-machine").exe("/usr/local/bin/postgres", program("app-arm64")).dies(1, "Exec format error"),
        postgres("postgres-without-x").file("/usr/local/bin/docker-entrypoint.sh", 0o644, POSTGRES).refused("path", "ENOENT"),
        postgres("postgres-server-only-for-root").file("/usr/local/bin/postgres", 0o700, program("glibc-app")).dies(126, "ermission denied"),
        postgres("postgres-with-an-init-script").exe("/docker-entrypoint-initdb.d/a.sh", "#!/bin/sh\necho init\n").runs(),
        postgres("postgres-with-an-init-script-that-fails").exe("/docker-entrypoint-initdb.d/a.sh", "#!/bin/sh\nexec /none\n").dies(127, "/none"),
        postgres("postgres-with-an-init-script-without-interpreter").exe("/docker-entrypoint-initdb.d/a.sh", "#!/bin/ksh\n").dies(127, "cannot execute: required file not found"),
        postgres("postgres-crlf").exe("/usr/local/bin/docker-entrypoint.sh", POSTGRES.replace('\n', "\r\n")).dies(127, "bash\\r"),
        redis(debian, "redis", "gosu", "glibc-app").runs(),
        redis(debian, "redis-as-the-user", "gosu", "glibc-app").user("app").runs(),
        redis(debian, "redis-with-a-config", "gosu", "glibc-app").cmd(&["/etc/redis.conf"]).runs(),
        redis(debian, "redis-with-su-exec-that-is-missing", "su-exec", "glibc-app").dies(127, "su-exec"),
        redis(debian, "redis-without-the-server", "gosu", "glibc-app").layer("RUN rm").whiteout("/usr/local/bin/redis-server").dies(127, "redis-server: not found"),
        redis(debian, "redis-of-musl-over-debian", "gosu", "musl-app").dies(127, "redis-server: not found"),
        redis(musl, "redis-over-musl", "su-exec", "musl-app").runs(),
        redis(musl, "redis-over-musl-with-gosu", "gosu", "musl-app").dies(127, "gosu: not found"),
        redis(musl, "redis-of-glibc-over-musl", "su-exec", "glibc-app").dies(127, "redis-server: not found"),
        redis(musl, "redis-over-musl-for-another-machine", "su-exec", "app-arm64").dies(2, "syntax error"),
        redis(musl, "redis-over-musl-entrypoint-for-root-only", "su-exec", "musl-app")
            .file("/usr/local/bin/docker-entrypoint.sh", 0o700, REDIS.replace("SWITCH", "su-exec"))
            .dies(1, "Permission denied"),
        nginx("nginx").runs(),
        nginx("nginx-shell-form").entrypoint(&[]).cmd(&["/bin/sh", "-c", "nginx -g 'daemon off;'"]).runs(),
        nginx("nginx-without-nginx").layer("RUN rm").whiteout("/usr/sbin/nginx").dies(127, "nginx: not found"),
        nginx("nginx-with-another-command").cmd(&["sh", "-c", "true"]).runs(),
        nginx("nginx-with-a-snippet-without-x").file("/docker-entrypoint.d/20-x.sh", 0o644, "#!/bin/sh\nexit 1\n").runs(),
        nginx("nginx-with-a-snippet-that-fails").exe("/docker-entrypoint.d/20-x.sh", "#!/bin/sh\nexit 5\n").dies(5, ""),
        nginx("nginx-with-a-snippet-without-interpreter").exe("/docker-entrypoint.d/20-x.sh", "#!/bin/ksh\n").dies(127, "not found"),
        nginx("nginx-with-an-environment-snippet").exe("/docker-entrypoint.d/15-x.envsh", "export RESOLVERS=x\n").runs(),
        nginx("nginx-without-find").whiteout("/usr/bin/find").runs(),
        nginx("nginx-without-a-library").exe("/usr/sbin/nginx", program(lacks)).dies(127, "libgreet.so.1"),
        nginx("nginx-without-sh").layer("RUN rm").whiteout("/usr/bin/dash").refused("exec", "ENOENT"),
        mysql("mysql").runs(),
        mysql("mysql-through-a-link").entrypoint(&["/entrypoint.sh"]).runs(),
        mysql("mysql-help").cmd(&["mysqld", "--help"]).runs(),
        mysql("mysql-without-the-server").layer("RUN rm").whiteout("/usr/sbin/mysqld").dies(127, "mysqld"),
        mysql("mysql-without-a-password").env("MYSQL_ALLOW_EMPTY_PASSWORD=").dies(1, "Database is uninitialized"),
        mysql("mysql-without-gosu").whiteout("/usr/sbin/gosu").whiteout("/usr/bin/gosu").dies(127, "gosu"),
        mysql("mysql-behind-sh").entrypoint(&["sh", "/usr/local/bin/docker-entrypoint.sh"]).dies(2, "Illegal option -o pipefail"),
        node(debian, "node", "glibc-app").runs(),
        node(debian, "node-with-a-file", "glibc-app").cmd(&["index.js"]).runs(),
        node(debian, "node-with-an-option", "glibc-app").cmd(&["--version"]).runs(),
        node(debian, "node-with-a-program", "glibc-app").cmd(&["true"]).runs(),
        node(debian, "node-with-an-unknown-word-is-given-to-node", "glibc-app").cmd(&["yarn", "start"]).runs(),
        node(debian, "node-without-node", "glibc-app").layer("RUN rm").whiteout("/usr/local/bin/node").dies(127, "node: not found"),
        node(debian, "node-of-musl-over-debian", "musl-app").dies(127, "node: not found"),
        node(musl, "node-over-musl", "musl-app").runs(),
        node(musl, "node-over-musl-with-a-file", "musl-app").cmd(&["index.js"]).runs(),
        node(musl, "node-of-glibc-over-musl", "glibc-app").dies(127, "node: not found"),
        node(musl, "node-over-musl-with-a-symbol-that-is-missing", "musl-greet3-lazy")
            .exe("/usr/lib/libgreet.so.1", program("musl-libgreet-lacking.so.1"))
            .dies(127, "greet_twice: symbol not found"),
        wordpress("wordpress").runs(),
        wordpress("wordpress-without-apache").layer("RUN rm").whiteout("/usr/sbin/apache2").dies(127, "apache2"),
        wordpress("wordpress-without-its-source").layer("RUN rm").whiteout("/usr/src/site").dies(1, "/usr/src/site"),
        wordpress("wordpress-with-another-command").cmd(&["true"]).runs(),
        wordpress("wordpress-without-a-command").cmd(&[]).dies(1, "unbound variable"),
        debian("java").exe("/run", JAVA).exe("/usr/bin/java", program("glibc-app")).entrypoint(&["/run"]).runs(),
        debian("java-home").exe("/run", JAVA).exe("/opt/java/bin/java", program("glibc-app")).env("JAVA_HOME=/opt/java").entrypoint(&["/run"]).runs(),
        debian("java-home-elsewhere").exe("/run", JAVA).exe("/usr/bin/java", program("glibc-app")).env("JAVA_HOME=/opt/java").entrypoint(&["/run"]).dies(127, "/opt/java/bin/java: not found"),
        busybox("java-missing").exe("/run", JAVA).entrypoint(&["/run"]).dies(127, "java: not found"),
        busybox("wait-for")
            .exe("/wait-for", "#!/bin/sh\nhost=$1; shift\nuntil [ -e \"$host\" ]; do echo waiting >&2; sleep 1; done\nexec \"$@\"\n")
            .exe("/app", program("app"))
            .entrypoint(&["/wait-for"])
            .cmd(&["/etc/passwd", "/app"])
            .runs(),
        debian("supervisor-loop")
            .exe("/run", "#!/bin/bash\nset -m\n/app &\nfor job in $(jobs -p); do\n  wait $job || exit 1\ndone\n")
            .exe("/app", program("app"))
            .entrypoint(&["/run"])
            .runs(),
        debian("migrate-and-serve").exe("/run", "#!/bin/sh\nset -e\n/usr/local/bin/migrate --all\nexec /usr/local/bin/serve\n").exe("/usr/local/bin/migrate", program("app")).exe("/usr/local/bin/serve", program("glibc-app")).entrypoint(&["/run"]).runs(),
        debian("migrate-missing-and-serve").exe("/run", "#!/bin/sh\nset -e\n/usr/local/bin/migrate --all\nexec /usr/local/bin/serve\n").exe("/usr/local/bin/serve", program("glibc-app")).entrypoint(&["/run"]).dies(127, "migrate: not found"),
        debian("secret-from-a-file")
            .exe("/run", "#!/bin/bash\nset -e\nfile_env() {\n  local var=\"$1\"; local file=\"${var}_FILE\"; local def=\"${2:-}\"\n  if [ \"${!var:-}\" ] && [ \"${!file:-}\" ]; then echo both >&2; exit 1; fi\n  local val=\"$def\"\n  if [ \"${!var:-}\" ]; then val=\"${!var}\"; elif [ \"${!file:-}\" ]; then val=\"$(< \"${!file}\")\"; fi\n  export \"$var\"=\"$val\"\n  unset \"$file\"\n}\nfile_env PASSWORD secret\nexec /app\n")
            .exe("/app", program("app"))
            .entrypoint(&["/run"])
            .runs(),
    ]
}
