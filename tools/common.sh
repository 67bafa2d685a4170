# shellcheck shell=bash
# Sourced by ./dev: steps with their time, packages, Node, builds.

jobs=${SPARC_JOBS:-$(nproc)}
quiet=${CI:-}

say() { printf '%s\n' "$*"; }
# die MESSAGE [CODE]
die() {
  printf 'dev: %s\n' "$1" >&2
  exit "${2:-1}"
}

# step NAME COMMAND…: runs it under its name. With CI=true its output is shown only when it fails.
step() {
  local name=$1 from=$SECONDS status=0 log
  shift
  say "==> $name"
  if [[ $quiet == true ]]; then
    mkdir -p build
    log=build/last-step.log
    "$@" >"$log" 2>&1 || { status=$?; cat "$log"; }
  else
    "$@" || status=$?
  fi
  if ((status == 0)); then
    say "    $name: done in $((SECONDS - from)) s"
  else
    say "    $name: FAILED after $((SECONDS - from)) s"
  fi
  return $status
}

packages_of() { awk -v groups=" $* " '!/^#/ && NF == 2 && index(groups, " " $1 " ") { print $2 }' tools/packages.txt | sort -u; }

missing_of() {
  local package
  for package in $(packages_of "$@"); do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done
}

# Installs what the groups still lack; apt is called only then.
need() {
  local missing install
  command -v dpkg-query >/dev/null || { say "    not a Debian: packages are yours to bring ($(packages_of "$@" | xargs))"; return 0; }
  missing=$(missing_of "$@" | xargs)
  [[ -n $missing ]] || return 0
  install="apt-get install -y --no-install-recommends $missing"
  if [[ $EUID == 0 ]]; then
    step "install $missing" apt_install "" "$missing"
  elif command -v sudo >/dev/null; then
    step "install $missing (sudo)" apt_install sudo "$missing"
  else
    die "packages are missing; as root, run: apt-get update && $install"
  fi
}

apt_install() {
  local sudo=$1 packages=$2
  # shellcheck disable=SC2086  # both are lists of words
  $sudo apt-get update -q && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages
}

node_is_new_enough() { "$1" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null; }

# Puts a Node of 20.19 or later first in PATH.
need_node() {
  if command -v node >/dev/null && node_is_new_enough node && command -v npm >/dev/null; then return 0; fi
  local own=build/tools/node_modules/node/bin
  if ! [[ -x $own/node ]]; then
    command -v npm >/dev/null || need node
    step "fetch Node 20 into build/tools" npm install --silent --no-audit --no-fund --prefix build/tools node@20
  fi
  PATH=$PWD/$own:$PATH
  node_is_new_enough node || die "build/tools has no Node of 20.19 or later"
}

# npm_install FOLDER: the packages of FOLDER/package.json under build/FOLDER, again only when its files change.
npm_install() {
  local from=$1 to=build/$1
  mkdir -p "$to"
  if cmp -s "$from/package.json" "$to/package.json" && [[ -f $to/.installed ]]; then return 0; fi
  rm -f "$to/.installed"
  cp "$from"/package*.json "$to/"
  (cd "$to" && npm install --silent --no-audit --no-fund) && touch "$to/.installed"
}

# configure NAME ARGUMENTS…: build/NAME, only the first time and when the arguments change (Ninja sees to the rest).
configure() {
  local folder=build/$1
  shift
  local arguments="$*"
  if [[ -f $folder/build.ninja && $(cat "$folder/.arguments" 2>/dev/null) == "$arguments" ]]; then return 0; fi
  mkdir -p "$folder"
  cmake -S . -B "$folder" -G Ninja "$@" && printf '%s' "$arguments" >"$folder/.arguments"
}

compile() { nice ninja -C "build/$1" -j "$jobs" "${@:2}"; }
