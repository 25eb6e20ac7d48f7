# shellcheck shell=bash
# Installs the peers and the tools that make the images, as far as they are available. Sourced by
# peers.sh. A missing one is not an error here: the rows that need it report it.

install_package() { # install_package COMMAND PACKAGE
  command -v "$1" >/dev/null && return
  if [ -z "${lists_are_fresh:-}" ]; then
    apt-get update -qq >&2 || true
    lists_are_fresh=1
  fi
  echo "installing $2" >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$2" >/dev/null 2>&1 ||
    echo "cannot install $2" >&2
}

install_peers() { # install_peers VENV
  install_package umoci umoci
  install_package skopeo skopeo
  install_package podman podman
  install_package docker-registry docker-registry
  install_package igzip isal
  install_package zstd zstd
  install_package file file
  install_package fusermount3 fuse3
  install_package mkfs.ext4 e2fsprogs
  if [ ! -x "$1/bin/ratarmount" ]; then
    # Debian's python3 has no ensurepip without this package.
    python3 -c 'import ensurepip' 2>/dev/null || install_package ensurepip python3-venv
    echo "installing ratarmount" >&2
    { python3 -m venv "$1" && "$1/bin/pip" install -q ratarmount==1.3.0 >&2; } ||
      echo "cannot install ratarmount" >&2
  fi
}

install_builders() {
  install_package debootstrap debootstrap
  install_package setcap libcap2-bin
  install_package setfattr attr
  install_package npm npm
}
